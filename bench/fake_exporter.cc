// fake_exporter: many targets in one process, for end-to-end measurements of ingestion.
//
// Serves /t/<number>/metrics on 127.0.0.1 (bench/kubernetes_page.h). /scrapes says how many pages
// were served so far. Prints `listening on <port>` and runs until it is ended.
//
// usage: fake_exporter TARGETS SERIES_PER_TARGET [PORT]
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "bench/kubernetes_page.h"

namespace asio = boost::asio;
using asio::ip::tcp;
using narthex::bench::KubernetesPage;

namespace {

constexpr std::string_view kPageHeader =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: ";

struct Exporter {
  std::vector<KubernetesPage> pages;
  std::string body;  // one thread: rendered, then sent before the next is rendered
  std::uint64_t scrapes = 0;
};

/// Number in `GET /t/<number>/metrics`, or -1.
int target_of(std::string_view request) {
  constexpr std::string_view kPrefix = "GET /t/";
  if (!request.starts_with(kPrefix)) return -1;
  int number = -1;
  std::from_chars(request.data() + kPrefix.size(), request.data() + request.size(), number);
  return number;
}

asio::awaitable<void> serve(tcp::socket socket, Exporter& exporter) {
  std::string request;
  std::string answer;
  for (;;) {
    boost::system::error_code gone;
    const std::size_t n = co_await asio::async_read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n",
                                                          asio::redirect_error(asio::use_awaitable, gone));
    if (gone) co_return;
    const int target = target_of(request);
    request.erase(0, n);
    if (target >= 0 && static_cast<std::size_t>(target) < exporter.pages.size()) {
      exporter.pages[static_cast<std::size_t>(target)].render(exporter.body);
      ++exporter.scrapes;
    } else {
      exporter.body = fmt::format("{}\n", exporter.scrapes);
    }
    answer = fmt::format("{}{}\r\n\r\n", kPageHeader, exporter.body.size());
    answer += exporter.body;
    co_await asio::async_write(socket, asio::buffer(answer), asio::redirect_error(asio::use_awaitable, gone));
    if (gone) co_return;
  }
}

asio::awaitable<void> listen(tcp::acceptor& acceptor, Exporter& exporter) {
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    asio::co_spawn(acceptor.get_executor(), serve(std::move(socket), exporter), asio::detached);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: fake_exporter TARGETS SERIES_PER_TARGET [PORT]\n");
    return 2;
  }
  Exporter exporter;
  const std::size_t series = std::strtoul(argv[2], nullptr, 10);
  for (std::uint64_t t = 0; t < std::strtoul(argv[1], nullptr, 10); ++t)
    exporter.pages.emplace_back(t, series);
  const auto port = static_cast<std::uint16_t>(argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 0);
  asio::io_context io(1);
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), port});
  fmt::print("listening on {}\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  asio::co_spawn(io, listen(acceptor, exporter), asio::detached);
  io.run();
}

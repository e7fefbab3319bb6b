// fake_exporter: many targets in one process, for end-to-end measurements of ingestion.
//
// Serves /t/<number>/metrics on 127.0.0.1: pages with labels like those of Kubernetes' exporters,
// about 220 bytes a line. At each scrape half of the values stand still, 35 % are counters that
// grow by whole numbers, 15 % gauges that walk with three decimals. /scrapes says how many pages
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
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::size_t kSeriesPerMetric = 100;
constexpr std::string_view kPageHeader =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: ";

enum class Kind : std::uint8_t { constant, counter, gauge };

class Page {
 public:
  Page(std::uint64_t target, std::size_t series) : random_(target) {
    for (std::size_t i = 0; i < series; ++i) lines_.push_back(make_line(target, i));
  }

  /// The page of one more scrape.
  void render(std::string& out) {
    out.clear();
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (i % kSeriesPerMetric == 0) out += lines_[i].head;
      out += lines_[i].series;
      append_value(lines_[i], out);
      out += '\n';
    }
  }

 private:
  struct Line {
    std::string head;  // HELP and TYPE, where a metric begins
    std::string series;
    Kind kind;
    std::int64_t thousandths;
  };

  Line make_line(std::uint64_t target, std::size_t i) {
    const std::size_t metric = i / kSeriesPerMetric;
    const std::size_t pod = i % kSeriesPerMetric;
    const std::string name = fmt::format("container_fake_operations_{:02}_total", metric);
    const std::size_t slot = i % 20;
    const Kind kind = slot < 10 ? Kind::constant : slot < 17 ? Kind::counter : Kind::gauge;
    return {fmt::format("# HELP {} Operations of kind {}.\n# TYPE {} counter\n", name, metric, name),
            fmt::format("{}{{container=\"app-{:02}\",id=\"/kubepods/burstable/pod{:08x}-{:04x}/{:012x}\","
                        "image=\"images.example/team/app-{:02}:1.{}.0\",name=\"k8s_app-{:02}_{:06}\","
                        "namespace=\"team-{:02}\",pod=\"app-{:02}-{:08x}\"}} ",
                        name, pod % 10, target * 7919, pod, pod * 104729 + target, pod % 10, pod % 7,
                        pod % 10, target * 1000 + pod, pod % 12, pod % 10, pod * 2654435761U + target),
            kind, static_cast<std::int64_t>(random_() % 1'000'000) * 1000};
  }

  void append_value(Line& line, std::string& out) {
    if (line.kind == Kind::counter) line.thousandths += static_cast<std::int64_t>(random_() % 1000) * 1000;
    if (line.kind == Kind::gauge) line.thousandths += static_cast<std::int64_t>(random_() % 2001) - 1000;
    char digits[32];
    const auto whole = std::to_chars(std::begin(digits), std::end(digits), line.thousandths / 1000);
    out.append(digits, whole.ptr);
    const auto rest = static_cast<int>(std::abs(line.thousandths % 1000));
    if (rest != 0) fmt::format_to(std::back_inserter(out), ".{:03}", rest);
  }

  std::minstd_rand random_;
  std::vector<Line> lines_;
};

struct Exporter {
  std::vector<Page> pages;
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

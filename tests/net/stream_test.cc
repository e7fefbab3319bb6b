#include "net/stream.h"

#include <doctest/doctest.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "net/task_group.h"
#include "tests/net/run.h"
#include "tests/net/test_certificate.h"

using namespace narthex;
namespace asio = boost::asio;
using asio::ip::tcp;
using net::Stream;

namespace {

using Pair = std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>>;

asio::awaitable<Pair> connected_pair() {
  const auto executor = co_await asio::this_coro::executor;
  tcp::acceptor acceptor(executor, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  auto client = std::make_unique<Stream>(tcp::socket(executor));
  auto connected = co_await client->connect(acceptor.local_endpoint());
  CHECK(connected);
  tcp::socket accepted = co_await acceptor.async_accept(asio::use_awaitable);
  auto server = std::make_unique<Stream>(std::move(accepted));
  co_return Pair(std::move(client), std::move(server));
}

asio::awaitable<void> silent_peer() {
  auto [client, server] = co_await connected_pair();
  client->expires_after(std::chrono::milliseconds(20));
  std::array<char, 16> into{};
  auto got = co_await client->read_some(into);
  REQUIRE(!got);
  CHECK(got.error().code == Code::timeout);
  CHECK(got.error().text == "context deadline exceeded");
  CHECK(client->expired());
  CHECK(!client->is_open());
  auto written = co_await client->write("more");
  REQUIRE(!written);
  CHECK(written.error().code == Code::timeout);
}

asio::awaitable<void> deadline_moved() {
  auto [client, server] = co_await connected_pair();
  client->expires_after(std::chrono::milliseconds(0));
  client->expires_never();  // before the timer's handler can run
  asio::steady_timer pause(co_await asio::this_coro::executor, std::chrono::milliseconds(5));
  co_await pause.async_wait(asio::use_awaitable);
  CHECK(!client->expired());
  auto written = co_await server->write("he", "llo");
  REQUIRE(written);
  std::array<char, 16> into{};
  auto got = co_await client->read_some(into);
  REQUIRE(got);
  CHECK(*got == 5);
}

asio::awaitable<void> quiet_or_not() {
  auto [client, server] = co_await connected_pair();
  CHECK(client->is_quiet());
  auto written = co_await server->write("x");
  REQUIRE(written);
  asio::steady_timer pause(co_await asio::this_coro::executor);
  while (client->is_quiet()) {  // until loopback has delivered
    pause.expires_after(std::chrono::milliseconds(1));
    co_await pause.async_wait(asio::use_awaitable);
  }
  std::array<char, 16> into{};
  auto got = co_await client->read_some(into);
  REQUIRE(got);
  CHECK(*got == 1);
  CHECK(client->is_quiet());
  co_await server->shutdown();
  got = co_await client->read_some(into);
  REQUIRE(got);
  CHECK(*got == 0);
  CHECK(!client->is_quiet());
}

/// What the process's epoll instances watch a descriptor for.
std::uint32_t watched_for(int descriptor) {
  std::uint32_t events = 0;
  const std::regex entry("tfd: +" + std::to_string(descriptor) + R"( +events: +([0-9a-f]+))");
  for (const auto& file : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream in(file.path());
    for (std::string line; std::getline(in, line);) {
      std::smatch found;
      if (std::regex_search(line, found, entry))
        events |= static_cast<std::uint32_t>(std::stoul(found[1].str(), nullptr, 16));
    }
  }
  return events;
}

asio::awaitable<void> answer_after(std::size_t bytes, std::shared_ptr<Stream> server) {
  std::vector<char> into(64 * 1024);
  while (bytes > 0) {
    auto got = co_await server->read_some(into);
    if (!got || *got == 0) co_return;
    bytes -= std::min(bytes, *got);
  }
  auto written = co_await server->write("ok");
  CHECK(written);
}

asio::awaitable<void> connected_and_watched() {
  auto [client, server] = co_await connected_pair();
  const std::uint32_t events = watched_for(client->socket().native_handle());
  CHECK((events & EPOLLIN) != 0);
  CHECK((events & EPOLLOUT) == 0);
  // More than fits the socket's buffers: it waits until it can go on.
  net::TaskGroup group(co_await asio::this_coro::executor, "readers");
  std::string body;
  body.resize(32'000'000, 'b');
  CHECK(group.spawn(answer_after(body.size(), std::shared_ptr<Stream>(std::move(server)))));
  auto written = co_await client->write({}, body);
  CHECK(written);
  std::array<char, 16> into{};
  auto got = co_await client->read_some(into);
  REQUIRE(got);
  CHECK(*got == 2);
  co_await group.close();
}

asio::awaitable<void> refused() {
  const auto executor = co_await asio::this_coro::executor;
  tcp::acceptor acceptor(executor, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const tcp::endpoint free_port = acceptor.local_endpoint();
  acceptor.close();
  Stream client{tcp::socket(executor)};
  auto connected = co_await client.connect(free_port);
  REQUIRE(!connected);
  CHECK(connected.error().code == Code::io);
  CHECK(connected.error().text == "connect: connection refused");
}

asio::awaitable<void> read_for_ever(std::shared_ptr<Stream> stream, std::shared_ptr<Code> ended) {
  stream->attach(co_await asio::this_coro::executor);
  std::array<char, 16> into{};
  auto got = co_await stream->read_some(into);
  *ended = got ? Code::internal : got.error().code;
}

asio::awaitable<void> cancelled() {
  auto [client, server] = co_await connected_pair();
  net::TaskGroup group(co_await asio::this_coro::executor, "readers");
  auto ended = std::make_shared<Code>(Code::internal);
  CHECK(group.spawn(read_for_ever(std::shared_ptr<Stream>(std::move(client)), ended)));
  co_await group.close();
  CHECK((*ended == Code::cancelled || *ended == Code::internal));
}

asio::awaitable<void> serve_tls(std::shared_ptr<Stream> server, std::shared_ptr<asio::ssl::context> context,
                                std::shared_ptr<bool> shaken) {
  auto shake = co_await server->handshake_as_server(context);
  *shaken = shake.has_value();
  if (!shake) co_return;
  const std::string head(100, 'h');
  const std::string body(1'000'000, 'b');
  auto written = co_await server->write(head, body);
  CHECK(written);
  co_await server->shutdown();
}

asio::awaitable<void> talk_tls() {
  auto [client, server] = co_await connected_pair();
  const auto certificate = test::make_certificate("localhost");
  net::TaskGroup group(co_await asio::this_coro::executor, "server");
  auto shaken = std::make_shared<bool>(false);
  std::shared_ptr<Stream> shared = std::move(server);
  CHECK(group.spawn(serve_tls(shared, test::server_context(certificate), shaken)));

  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  context->add_certificate_authority(asio::buffer(certificate.cert));
  net::TlsPeer peer{"localhost", true};
  auto shake = co_await client->handshake_as_client(context, std::move(peer));
  REQUIRE(shake);
  CHECK(client->is_tls());
  std::size_t total = 0;
  std::vector<char> into(64 * 1024);
  for (;;) {
    auto got = co_await client->read_some(into);
    REQUIRE(got);
    if (*got == 0) break;
    total += *got;
  }
  CHECK(total == 1'000'100);
  CHECK(*shaken);
  client->close();
  co_await group.close();
}

}  // namespace

TEST_CASE("a silent peer costs no more than the deadline") {
  asio::io_context io;
  test::run(io, silent_peer());
}

TEST_CASE("a deadline can be taken back in the last moment") {
  asio::io_context io;
  test::run(io, deadline_moved());
}

TEST_CASE("an idle connection tells whether it is still good") {
  asio::io_context io;
  test::run(io, quiet_or_not());
}

TEST_CASE("a connected stream is not woken because it could write, and can wait to write all the same") {
  asio::io_context io;
  test::run(io, connected_and_watched());
}

TEST_CASE("a closed port is said in Go's words") {
  asio::io_context io;
  test::run(io, refused());
}

TEST_CASE("a read is cancelled with its task") {
  asio::io_context io;
  test::run(io, cancelled());
}

TEST_CASE("TLS carries what plain does") {
  asio::io_context io;
  test::run(io, talk_tls());
}

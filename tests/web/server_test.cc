// The server over real sockets on loopback.
#include "web/server/server.h"

#include <doctest/doctest.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "net/gzip.h"

using namespace narthex;
using namespace narthex::web;
namespace asio = boost::asio;

namespace {

/// A server on a free loopback port for the length of a test.
class Running {
 public:
  explicit Running(Handler handler, ServerOptions options = {})
      : Running(ServerHandlers{std::move(handler), {}, {}, nullptr}, std::move(options)) {}
  explicit Running(ServerHandlers handlers, ServerOptions options = {}) {
    options.addresses = {"127.0.0.1:0"};
    server_ = std::make_unique<Server>(std::vector<boost::asio::any_io_executor>{io_.get_executor()},
                                       net::RunBy::any_threads, pool_, std::move(options),
                                       std::move(handlers), registry_);
    const auto listening = server_->listen();
    REQUIRE(listening.has_value());
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Running() {
    asio::co_spawn(io_, server_->stop(), asio::use_future).get();
    work_.reset();
    thread_.join();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  [[nodiscard]] std::uint16_t port() const {
    const std::string address = server_->addresses().front();
    return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  }
  asio::ip::tcp::socket connect() {
    asio::ip::tcp::socket socket(client_io_);
    socket.connect({asio::ip::address_v4::loopback(), port()});
    return socket;
  }
  /// Sends and reads until the server closes.
  std::string exchange(std::string_view request) {
    auto socket = connect();
    asio::write(socket, asio::buffer(request));
    std::string answer;
    boost::system::error_code ec;
    asio::read(socket, asio::dynamic_buffer(answer), ec);
    return answer;
  }

 private:
  asio::io_context io_;
  asio::io_context client_io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  sync::ThreadPool pool_{2};
  prometheus::Registry registry_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

Response echo(const Request& request) {
  return Response::text(200, request.method + " " + request.path + "?" + request.query + " " + request.body);
}

std::string body_of(const std::string& answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

}  // namespace

TEST_CASE("server: a request reaches the handler decoded, and its answer the client") {
  Running server(echo);
  const std::string answer = server.exchange(
      "POST /a%20b?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(body_of(answer) == "POST /a b?x=1 abc");
}

TEST_CASE("server: a connection takes several requests, pipelined too") {
  Running server(echo);
  const std::string answer = server.exchange(
      "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"
      "GET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  CHECK(answer.find("GET /1?") < answer.find("GET /2?"));
  CHECK(answer.find("GET /2?") < answer.find("GET /3?"));
  CHECK(answer.contains("GET /3?"));
}

TEST_CASE("server: what is answered at once goes out whole, however many pieces it has") {
  ServerHandlers handlers;
  handlers.handler = echo;
  handlers.quick = [](const Request& request) -> std::optional<Response> {
    if (request.path == "/bug") throw std::runtime_error("thrown by a test, on purpose");
    if (request.path != "/quick") return std::nullopt;
    Response response;
    response.pieces = [left = 700](std::string& out) mutable {
      out.append(1000, 'x');
      return --left > 0;
    };
    return response;
  };
  Running server(std::move(handlers));
  const std::string quick = server.exchange("GET /quick HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  CHECK(quick.contains("Transfer-Encoding: chunked\r\n"));
  CHECK(std::ranges::count(body_of(quick), 'x') == 700'000);
  CHECK(quick.ends_with("\r\n0\r\n\r\n"));
  for (const std::string path : {"/other", "/bug"}) {
    const std::string answer =
        server.exchange("GET " + path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    CHECK(body_of(answer) == "GET " + path + "? ");
  }
}

TEST_CASE("server: HEAD has the header of GET and no body") {
  Running server(echo);
  const std::string answer = server.exchange("HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  CHECK(answer.contains("Content-Length: 9\r\n"));
  CHECK(body_of(answer).empty());
}

TEST_CASE(
    "server: a long answer in pieces is chunked, a short one has a length; compressed if the client wishes") {
  const auto pieces = [](const Request& request) {
    const std::size_t size = request.path == "/long" ? 300'000 : 2;
    Response response;
    response.pieces = [left = 3, size](std::string& out) mutable {
      out.append(size, static_cast<char>('0' + left));
      return --left > 0;
    };
    return response;
  };
  Running server(pieces);
  const std::string brief = server.exchange("GET /short HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  CHECK(brief.contains("Content-Length: 6\r\n"));
  CHECK(body_of(brief) == "332211");
  const std::string plain = server.exchange("GET /long HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  CHECK(plain.contains("Transfer-Encoding: chunked\r\n"));
  const auto chunk = [](char c) { return "493e0\r\n" + std::string(300'000, c) + "\r\n"; };
  CHECK(body_of(plain) == chunk('3') + chunk('2') + chunk('1') + "0\r\n\r\n");
  const std::string zipped =
      server.exchange("GET /long HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n");
  CHECK(zipped.contains("Content-Encoding: gzip\r\n"));
}

TEST_CASE("server: what is not HTTP, or over a limit, is refused with a status and a reason") {
  ServerOptions options;
  options.max_body_bytes = 10;
  options.max_header_bytes = 200;
  Running server(echo, options);
  const struct {
    std::string request, status;
  } rows[] = {
      {"nonsense\r\n\r\n", "HTTP/1.1 400 "},
      {"GET * HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 "},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nabcdefghijk", "HTTP/1.1 413 "},
      {"GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(300, 'x') + "\r\n\r\n", "HTTP/1.1 431 "},
  };
  for (const auto& row : rows) {
    CAPTURE(row.request);
    CHECK(server.exchange(row.request).starts_with(row.status));
  }
  CHECK(server.exchange("GET /still HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").contains("/still"));
}

TEST_CASE("server: a client that goes away stops its request") {
  std::atomic<int> reason = -1;
  std::atomic<bool> began = false;
  Running server([&](const Request& request) {
    began = true;
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!request.stop.stopped() && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    reason = static_cast<int>(request.stop.reason());
    return Response::text(200, "");
  });
  {
    auto socket = server.connect();
    asio::write(socket, asio::buffer(std::string_view("GET / HTTP/1.1\r\nHost: h\r\n\r\n")));
    while (!began) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (reason < 0 && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK(reason == static_cast<int>(sync::StopReason::client_gone));
}

TEST_CASE("server: a handler that throws gives 500 and nothing else suffers") {
  Running server([](const Request& request) -> Response {
    if (request.path == "/bug") throw std::logic_error("a bug");
    return echo(request);
  });
  CHECK(server.exchange("GET /bug HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            .starts_with("HTTP/1.1 500 "));
  CHECK(server.exchange("GET /ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            .starts_with("HTTP/1.1 200 "));
}

TEST_CASE("server: what needs no work is answered while every thread of the pool is busy") {
  std::atomic<bool> go_on = false;
  std::atomic<int> busy = 0;
  ServerHandlers handlers;
  handlers.handler = [&](const Request&) {
    ++busy;
    while (!go_on) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return Response::text(200, "slow");
  };
  handlers.quick = [](const Request& request) -> std::optional<Response> {
    if (request.path != "/-/healthy") return std::nullopt;
    return Response::text(200, "healthy");
  };
  Running server(std::move(handlers));
  constexpr std::string_view kRequest = "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  std::vector<asio::ip::tcp::socket> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(server.connect());
    asio::write(waiting.back(), asio::buffer(kRequest));
  }
  while (busy < 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(body_of(server.exchange("GET /-/healthy HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")) ==
        "healthy");
  CHECK(server.exchange("HEAD /-/healthy HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            .contains("Content-Length: 7\r\n"));
  go_on = true;
}

TEST_CASE("server: slow requests have a pool of their own") {
  sync::ThreadPool slow(1);
  std::atomic<bool> go_on = false;
  ServerHandlers handlers;
  handlers.handler = [&](const Request& request) {
    while (request.path == "/query" && !go_on) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return Response::text(200, "done");
  };
  handlers.is_slow = [](const Request& request) { return request.path == "/query"; };
  handlers.slow_pool = &slow;
  Running server(std::move(handlers));
  std::vector<asio::ip::tcp::socket> waiting;
  for (int i = 0; i < 5; ++i) {
    waiting.push_back(server.connect());
    asio::write(
        waiting.back(),
        asio::buffer(std::string_view("GET /query HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")));
  }
  CHECK(body_of(server.exchange("GET /other HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")) == "done");
  go_on = true;
}

#include "tests/net/fake_server.h"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include "net/stream.h"

namespace narthex::test {

namespace asio = boost::asio;
using asio::ip::tcp;

std::string http_ok(const std::string& body, const std::string& headers) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" +
         body;
}

struct FakeServer::State {
  State(const asio::any_io_executor& executor, Answer with, std::shared_ptr<asio::ssl::context> context)
      : strand(asio::make_strand(executor)),
        acceptor(strand, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        port(acceptor.local_endpoint().port()),
        answer(std::move(with)),
        tls(std::move(context)) {}

  asio::any_io_executor strand;
  tcp::acceptor acceptor;
  std::uint16_t port;  // remembered: also asked for when nobody listens any more
  Answer answer;
  std::shared_ptr<asio::ssl::context> tls;
  std::vector<std::weak_ptr<net::Stream>> streams;
  std::vector<std::string> requests;
  int connections = 0;
  bool stopped = false;

  static asio::awaitable<void> listen(std::shared_ptr<State> self);
  static asio::awaitable<void> serve(std::shared_ptr<State> self, std::shared_ptr<net::Stream> stream);
};

namespace {

void ignore_end(const std::exception_ptr&) {}

}  // namespace

asio::awaitable<void> FakeServer::State::listen(std::shared_ptr<State> self) {
  for (;;) {
    auto [ec, socket] = co_await self->acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
    if (ec || self->stopped) co_return;
    ++self->connections;
    auto stream = std::make_shared<net::Stream>(std::move(socket));
    self->streams.push_back(stream);
    asio::co_spawn(self->strand, serve(self, stream), ignore_end);
  }
}

asio::awaitable<void> FakeServer::State::serve(std::shared_ptr<State> self,
                                               std::shared_ptr<net::Stream> stream) {
  if (self->tls) {
    auto shaken = co_await stream->handshake_as_server(self->tls);
    if (!shaken) co_return;
  }
  std::string buffer;
  std::array<char, 4096> block{};
  for (;;) {
    std::size_t end = buffer.find("\r\n\r\n");
    std::size_t length = 0;
    if (const auto at = buffer.find("Content-Length: "); end != std::string::npos && at < end)
      length = std::stoul(buffer.substr(at + 16));
    if (end == std::string::npos || buffer.size() < end + 4 + length) {
      auto got = co_await stream->read_some(block);
      if (!got || *got == 0) co_return;
      buffer.append(block.data(), *got);
      continue;
    }
    const std::string request = buffer.substr(0, end + 4 + length);
    buffer.erase(0, request.size());
    self->requests.push_back(request);
    const FakeAnswer answer = self->answer(request);
    if (answer.hold) continue;
    auto written = co_await stream->write(answer.bytes);
    if (!written) co_return;
    if (answer.close) {
      co_await stream->shutdown();
      co_return;
    }
  }
}

FakeServer::FakeServer(asio::any_io_executor executor, Answer answer, std::shared_ptr<asio::ssl::context> tls)
    : state_(std::make_shared<State>(executor, std::move(answer), std::move(tls))) {
  asio::co_spawn(state_->strand, State::listen(state_), ignore_end);
}

FakeServer::~FakeServer() {
  stop();
}

std::uint16_t FakeServer::port() const {
  return state_->port;
}

std::string FakeServer::url(const std::string& path) const {
  return (state_->tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port()) + path;
}

const std::vector<std::string>& FakeServer::requests() const {
  return state_->requests;
}
int FakeServer::connections() const {
  return state_->connections;
}

void FakeServer::stop() {
  if (state_->stopped) return;
  state_->stopped = true;
  state_->acceptor.close();
  for (const auto& weak : state_->streams)
    if (const auto stream = weak.lock()) stream->close();
}

}  // namespace narthex::test

#include "web/server/server.h"

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/stream.h"
#include "net/task_group.h"
#include "telemetry/log.h"
#include "web/server/connection.h"

namespace narthex::web {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kGrace = std::chrono::seconds(5);
constexpr auto kPoll = std::chrono::milliseconds(20);

/// "host:port", ":port", "[::1]:port". Errors: invalid, io (names do not resolve).
Result<tcp::endpoint> resolve(const asio::any_io_executor& executor, const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos)
    return fail(Code::invalid, "listen address \"" + address + "\" has no port");
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) host = "::";
  tcp::resolver resolver(executor);
  boost::system::error_code ec;
  const auto found = resolver.resolve(host, address.substr(colon + 1), tcp::resolver::passive, ec);
  if (ec || found.empty()) {
    return fail(Code::io, "listen address \"" + address + "\" cannot be resolved: " + ec.message());
  }
  return found.begin()->endpoint();
}

Result<tcp::acceptor> open_acceptor(const asio::any_io_executor& executor, const std::string& address) {
  auto endpoint = resolve(executor, address);
  if (!endpoint) return pass(endpoint);
  tcp::acceptor acceptor(asio::make_strand(executor));
  boost::system::error_code ec;
  const auto attempt = [&](auto step) {
    if (!ec) step();
  };
  attempt([&] { acceptor.open(endpoint->protocol(), ec); });
  attempt([&] { acceptor.set_option(tcp::acceptor::reuse_address(true), ec); });
  attempt([&] { acceptor.bind(*endpoint, ec); });
  attempt([&] { acceptor.listen(asio::socket_base::max_listen_connections, ec); });
  if (ec) {
    return fail(Code::io, "listen tcp " + address + ": " + net::go_error_text(ec) +
                              "; stop what uses the port, or choose another with --web.listen-address");
  }
  return acceptor;
}

/// Counts a connection for as long as it lives.
struct Connected {
  explicit Connected(std::shared_ptr<Serving> s) : serving(std::move(s)) { ++serving->connections; }
  ~Connected() { --serving->connections; }
  Connected(const Connected&) = delete;
  Connected& operator=(const Connected&) = delete;
  std::shared_ptr<Serving> serving;
};

asio::awaitable<void> serve_connected(std::shared_ptr<Connected> connected,
                                      std::shared_ptr<net::Stream> stream) {
  stream->attach(co_await asio::this_coro::executor);
  co_await serve(connected->serving, std::move(stream));
}

asio::awaitable<void> pause(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

}  // namespace

struct Server::Impl {
  Impl(std::vector<asio::any_io_executor> on, net::RunBy run_by, sync::ThreadPool& pool,
       ServerOptions options, ServerHandlers handlers, prometheus::Registry& registry)
      : executors(std::move(on)),
        serving(std::make_shared<Serving>(pool, std::move(options), std::move(handlers))),
        listeners(executors.front(), "listeners"),
        connections(executors.front(), "connections", run_by),
        accepted(prometheus::BuildCounter()
                     .Name("net_conntrack_listener_conn_accepted_total")
                     .Help("Total number of connections opened to the listener of a given name.")
                     .Register(registry)
                     .Add({{"listener_name", "http"}})) {}

  const std::vector<asio::any_io_executor> executors;
  std::atomic<std::size_t> next_executor = 0;
  std::shared_ptr<Serving> serving;
  net::TaskGroup listeners;
  net::TaskGroup connections;
  prometheus::Counter& accepted;
  std::vector<std::shared_ptr<tcp::acceptor>> acceptors;
  std::vector<std::string> bound;

  static asio::awaitable<void> accept(std::shared_ptr<Impl> self, std::shared_ptr<tcp::acceptor> acceptor);
};

asio::awaitable<void> Server::Impl::accept(std::shared_ptr<Impl> self,
                                           std::shared_ptr<tcp::acceptor> acceptor) {
  while (!self->serving->stopping) {
    if (self->serving->connections >= self->serving->options.max_connections) {
      co_await pause(kPoll);
      continue;
    }
    const auto& executor = self->executors[self->next_executor++ % self->executors.size()];
    auto [ec, socket] = co_await acceptor->async_accept(executor, asio::as_tuple(asio::use_awaitable));
    if (ec == asio::error::operation_aborted || ec == asio::error::bad_descriptor) break;
    if (ec) {
      // Out of descriptors or the like: it passes, and a listener must not die of it.
      telemetry::warn("a connection was not accepted", {{"err", ec.message()}});
      co_await pause(std::chrono::milliseconds(100));
      continue;
    }
    self->accepted.Increment();
    boost::system::error_code ignored;  // a connection without the option is only slower
    socket.set_option(tcp::no_delay(true), ignored);
    auto stream = std::make_shared<net::Stream>(std::move(socket));
    self->connections.spawn(executor,
                            serve_connected(std::make_shared<Connected>(self->serving), std::move(stream)));
  }
}

Server::Server(std::vector<asio::any_io_executor> executors, net::RunBy run_by, sync::ThreadPool& pool,
               ServerOptions options, ServerHandlers handlers, prometheus::Registry& registry)
    : impl_(std::make_shared<Impl>(std::move(executors), run_by, pool, std::move(options),
                                   std::move(handlers), registry)) {}
Server::~Server() = default;

Result<void> Server::listen() {
  for (const std::string& address : impl_->serving->options.addresses) {
    auto acceptor = open_acceptor(impl_->executors.front(), address);
    if (!acceptor) return pass(acceptor);
    impl_->bound.push_back(net::to_string(acceptor->local_endpoint()));
    impl_->acceptors.push_back(std::make_shared<tcp::acceptor>(std::move(*acceptor)));
  }
  for (const auto& acceptor : impl_->acceptors) impl_->listeners.spawn(Impl::accept(impl_, acceptor));
  return {};
}

std::vector<std::string> Server::addresses() const {
  return impl_->bound;
}

asio::awaitable<void> Server::stop() {
  const auto self = impl_;
  self->serving->stopping = true;
  co_await self->listeners.close();
  self->acceptors.clear();
  const auto give_up = std::chrono::steady_clock::now() + kGrace;
  while (self->serving->requests_under_way > 0 && std::chrono::steady_clock::now() < give_up)
    co_await pause(kPoll);
  co_await self->connections.close();
}

}  // namespace narthex::web

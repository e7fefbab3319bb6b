#include "net/dial.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

namespace narthex::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

// getaddrinfo cannot be interrupted: the look-up owns itself and may outlive whoever waits.
struct Lookup {
  Lookup(const asio::any_io_executor& sockets, const asio::any_io_executor& strand)
      : resolver(sockets), done(strand) {}

  tcp::resolver resolver;
  asio::steady_timer done;  // cancelled by the answer
  error_code ec;
  std::optional<std::vector<tcp::endpoint>> found;
};

std::string lookup_fault(const std::string& host, const error_code& ec) {
  const bool unknown = ec == asio::error::host_not_found || ec == asio::error::no_data;
  return "dial tcp: lookup " + host + ": " + (unknown ? "no such host" : go_error_text(ec));
}

Awaitable<Result<std::vector<tcp::endpoint>>> resolve(asio::any_io_executor sockets, std::string host,
                                                      std::string port, Stream::Deadline deadline) {
  std::uint16_t number = 0;
  const auto [end, bad_port] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (bad_port != std::errc{} || end != port.data() + port.size())
    co_return fail(Code::invalid, "dial tcp: address " + host + ":" + port + ": invalid port");

  error_code ec;
  if (const auto literal = asio::ip::make_address(host, ec); !ec)
    co_return std::vector<tcp::endpoint>{tcp::endpoint(literal, number)};

  const asio::any_io_executor strand = co_await asio::this_coro::executor;
  auto lookup = std::make_shared<Lookup>(sockets, strand);
  lookup->done.expires_at(deadline);
  auto answer = [lookup](error_code failed, const tcp::resolver::results_type& results) {
    lookup->ec = failed;
    lookup->found.emplace();
    for (const auto& result : results) lookup->found->push_back(result.endpoint());
    lookup->done.cancel();
  };
  lookup->resolver.async_resolve(host, port, tcp::resolver::numeric_service,
                                 asio::bind_executor(strand, std::move(answer)));
  auto [waited] = co_await lookup->done.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!lookup->found) {
    if (waited) co_return fail(Code::cancelled, "context canceled");
    co_return fail(Code::timeout, "context deadline exceeded");
  }
  if (lookup->ec) co_return fail(Code::io, lookup_fault(host, lookup->ec));
  if (lookup->found->empty()) co_return fail(Code::io, "dial tcp: lookup " + host + ": no such host");
  co_return std::move(*lookup->found);
}

// As Go's dialer: the time left is shared among the addresses left, but nobody gets under 2 s.
Stream::Deadline share_of(Stream::Deadline deadline, std::size_t addresses_left) {
  const auto now = std::chrono::steady_clock::now();
  const auto share = (deadline - now) / static_cast<std::int64_t>(addresses_left);
  return std::min(deadline, now + std::max<Stream::Deadline::duration>(share, std::chrono::seconds(2)));
}

}  // namespace

Awaitable<Result<std::unique_ptr<Stream>>> dial(asio::any_io_executor sockets, std::string host,
                                                std::string port, Stream::Deadline deadline) {
  auto addresses = co_await resolve(sockets, host, port, deadline);
  if (!addresses) co_return pass(addresses);
  const asio::any_io_executor strand = co_await asio::this_coro::executor;
  std::optional<Error> first;
  for (std::size_t i = 0; i < addresses->size(); ++i) {
    const tcp::endpoint address = (*addresses)[i];
    auto stream = std::make_unique<Stream>(tcp::socket(sockets));
    stream->attach(strand);
    stream->expires_at(share_of(deadline, addresses->size() - i));
    auto connected = co_await stream->connect(address);
    if (connected) co_return std::move(stream);
    Error failed = std::move(connected).error();
    if (failed.code == Code::cancelled) co_return std::unexpected(std::move(failed));
    const bool no_time_left = std::chrono::steady_clock::now() >= deadline;
    if (failed.code == Code::timeout && !no_time_left) failed = {Code::io, "i/o timeout", std::nullopt};
    if (failed.code != Code::timeout) failed = std::move(failed).during("dial tcp " + to_string(address));
    if (!first) first = std::move(failed);
    if (no_time_left) co_return fail(Code::timeout, "context deadline exceeded");
  }
  co_return std::unexpected(std::move(*first));
}

}  // namespace narthex::net

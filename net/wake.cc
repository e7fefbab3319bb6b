#include "net/wake.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace narthex::net {

namespace asio = boost::asio;
using boost::system::error_code;

struct Wake::State {
  explicit State(asio::any_io_executor executor) : wakes(std::move(executor), 1) {}

  /// Holds the one wake that has not been slept off.
  asio::experimental::concurrent_channel<void(error_code)> wakes;
};

Wake::Wake(asio::any_io_executor executor) : state_(std::make_shared<State>(std::move(executor))) {}
Wake::~Wake() = default;

void Wake::wake() {
  state_->wakes.try_send(error_code{});
}

Awaitable<void> Wake::sleep_until(std::chrono::steady_clock::time_point when) {
  const auto state = state_;
  asio::steady_timer timer(co_await asio::this_coro::executor, when);
  timer.async_wait([state](error_code ec) {
    if (!ec) state->wakes.try_send(error_code{});
  });
  co_await state->wakes.async_receive(asio::as_tuple(asio::use_awaitable));
}

}  // namespace narthex::net

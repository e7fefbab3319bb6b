#include "net/wake.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace narthex::net {

namespace asio = boost::asio;
using boost::system::error_code;

struct Wake::State {
  explicit State(asio::any_io_executor on) : executor(std::move(on)), wakes(executor, 1) {}

  void wake() { wakes.try_send(error_code{}); }

  asio::any_io_executor executor;
  /// Holds the one wake that has not been slept off.
  asio::experimental::concurrent_channel<void(error_code)> wakes;
};

Wake::Wake(asio::any_io_executor executor) : state_(std::make_shared<State>(std::move(executor))) {}
Wake::~Wake() = default;

void Wake::wake() {
  state_->wake();
}

Awaitable<void> Wake::sleep_until(std::chrono::steady_clock::time_point when) {
  const auto state = state_;
  asio::steady_timer timer(state->executor, when);
  timer.async_wait([state](error_code ec) {
    if (!ec) state->wake();
  });
  co_await state->wakes.async_receive(asio::as_tuple(asio::use_awaitable));
}

}  // namespace narthex::net

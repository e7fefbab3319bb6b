#include "net/wake.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "sync/mutex.h"

namespace narthex::net {

namespace asio = boost::asio;

struct Wake::State {
  explicit State(const asio::any_io_executor& executor) : timer(executor) {}

  /// @return  false: there was a wake to be slept off
  bool begin_sleep(const asio::any_io_executor& on) {
    const sync::MutexLock lock(mutex);
    if (std::exchange(woken, false)) return false;
    sleeper = on;
    return true;
  }
  void end_sleep() {
    const sync::MutexLock lock(mutex);
    sleeper.reset();
    woken = false;
  }

  /// Of the coroutine that sleeps, on its executor.
  asio::steady_timer timer;
  sync::Mutex mutex;
  std::optional<asio::any_io_executor> sleeper NARTHEX_GUARDED_BY(mutex);
  bool woken NARTHEX_GUARDED_BY(mutex) = false;
};

Wake::Wake(asio::any_io_executor executor) : state_(std::make_shared<State>(executor)) {}
Wake::~Wake() = default;

void Wake::wake() {
  std::optional<asio::any_io_executor> sleeper;
  {
    const sync::MutexLock lock(state_->mutex);
    state_->woken = true;
    sleeper = state_->sleeper;
  }
  // Comes after the wait has begun. Where the sleep is over by then, the next one may end early.
  if (sleeper) asio::post(*sleeper, [state = state_] { state->timer.cancel(); });
}

Awaitable<void> Wake::sleep_until(std::chrono::steady_clock::time_point when) {
  const auto state = state_;
  const asio::any_io_executor here = co_await asio::this_coro::executor;
  if (!state->begin_sleep(here)) co_return;
  state->timer.expires_at(when);
  co_await state->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  state->end_sleep();
}

}  // namespace narthex::net

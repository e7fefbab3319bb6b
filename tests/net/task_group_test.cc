#include "net/task_group.h"

#include <doctest/doctest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <stdexcept>
#include <thread>

#include "tests/net/run.h"

using namespace narthex;
namespace asio = boost::asio;

namespace {

asio::awaitable<void> wait_for_ever(std::shared_ptr<int> alive) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, std::chrono::steady_clock::time_point::max());
  ++*alive;
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  // Cancelled: the next wait does not even begin.
  co_await timer.async_wait(asio::use_awaitable);
  *alive = -1000;
}

asio::awaitable<void> throws() {
  throw std::runtime_error("on purpose");
  co_return;
}

asio::awaitable<void> yield() {
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

asio::awaitable<void> use_group(net::TaskGroup& group, std::shared_ptr<int> alive) {
  for (int i = 0; i < 3; ++i) CHECK(group.spawn(wait_for_ever(alive)));
  while (*alive < 3) co_await yield();
  CHECK(group.count() == 3);
  co_await group.close();
  CHECK(group.count() == 0);
  CHECK(alive.use_count() == 1);  // the coroutines' frames are gone
  CHECK(*alive == 3);
  CHECK(!group.spawn(wait_for_ever(alive)));
  co_await group.close();
}

asio::awaitable<void> close_after_throw(net::TaskGroup& group) {
  CHECK(group.spawn(throws()));
  while (group.count() > 0) co_await yield();
  co_await group.close();
}

asio::awaitable<void> count_up(std::shared_ptr<int> counter) {
  for (int i = 0; i < 100; ++i) {
    ++*counter;
    co_await yield();
  }
}

asio::awaitable<void> wait_until_empty(net::TaskGroup& group) {
  while (group.count() > 0) co_await yield();
  co_await group.close();
}

}  // namespace

TEST_CASE("closing a task group cancels what is inside, waits for it, and refuses newcomers") {
  asio::io_context io;
  net::TaskGroup group(io.get_executor(), "test");
  test::run(io, use_group(group, std::make_shared<int>(0)));
}

TEST_CASE("a task that throws ends alone") {
  asio::io_context io;
  net::TaskGroup group(io.get_executor(), "test");
  test::run(io, close_after_throw(group));
}

TEST_CASE("each task has a strand of its own, on however many threads") {
  asio::io_context io;
  net::TaskGroup group(io.get_executor(), "test");
  std::vector<std::shared_ptr<int>> counters;
  for (int i = 0; i < 20; ++i) {
    counters.push_back(std::make_shared<int>(0));
    REQUIRE(group.spawn(count_up(counters.back())));
  }
  auto guard = asio::make_work_guard(io);
  std::thread other([&io] { io.run(); });
  test::run(io, wait_until_empty(group));
  guard.reset();
  other.join();
  for (const auto& counter : counters) CHECK(*counter == 100);
}

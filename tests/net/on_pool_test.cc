#include "net/on_pool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "net/task_group.h"
#include "net/wake.h"
#include "tests/net/run.h"

using namespace narthex;
using namespace narthex::net;
namespace asio = boost::asio;

namespace {

Awaitable<void> compute(sync::ThreadPool& pool) {
  const auto io_thread = std::this_thread::get_id();
  auto work = []() { return std::make_unique<std::thread::id>(std::this_thread::get_id()); };
  const auto worker = co_await on_pool(pool, std::move(work));
  CHECK(*worker != io_thread);
  CHECK(std::this_thread::get_id() == io_thread);
}

struct Slow {
  std::shared_ptr<std::atomic<bool>> began = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<std::atomic<bool>> may_end = std::make_shared<std::atomic<bool>>(false);
  bool operator()() const {
    began->store(true);
    began->notify_all();
    may_end->wait(false);
    return true;
  }
};

Awaitable<void> wait_for(sync::ThreadPool& pool, Slow slow, std::shared_ptr<bool> resumed) {
  *resumed = co_await on_pool(pool, slow);
  co_await on_pool(pool, slow);  // not begun any more: the task was cancelled meanwhile
  *resumed = false;
}

Awaitable<void> cancel_during_work(sync::ThreadPool& pool) {
  TaskGroup group(co_await asio::this_coro::executor, "work");
  const Slow slow;
  auto resumed = std::make_shared<bool>(false);
  CHECK(group.spawn(wait_for(pool, slow, resumed)));
  auto begun = [began = slow.began]() {
    began->wait(false);
    return true;
  };
  co_await on_pool(pool, std::move(begun));
  auto release = [may_end = slow.may_end]() {
    may_end->store(true);
    may_end->notify_all();
    return true;
  };
  // Not before close() has told the task.
  const auto executor = co_await asio::this_coro::executor;
  asio::post(executor, [&pool, release]() { pool.post(release); });
  co_await group.close();
  CHECK(*resumed);
}

Awaitable<void> sleep_and_wake(Wake& wake) {
  const auto start = std::chrono::steady_clock::now();
  wake.wake();  // before anybody sleeps: kept
  wake.wake();
  co_await wake.sleep_until(start + test::kBound);
  std::thread other([&wake] { wake.wake(); });
  co_await wake.sleep_until(start + test::kBound);
  other.join();
  CHECK(std::chrono::steady_clock::now() < start + test::kBound);
  while (std::chrono::steady_clock::now() < start + std::chrono::milliseconds(5))
    co_await wake.sleep_until(start + std::chrono::milliseconds(5));
}

}  // namespace

TEST_CASE("work runs on the pool, its coroutine goes on where it was") {
  asio::io_context io;
  sync::ThreadPool pool(1);
  test::run(io, compute(pool));
}

TEST_CASE("a task that is cancelled waits for its work, and begins no other") {
  asio::io_context io;
  sync::ThreadPool pool(3);
  test::run(io, cancel_during_work(pool));
}

TEST_CASE("a sleeper is woken from any thread, and by the time") {
  asio::io_context io;
  Wake wake(io.get_executor());
  test::run(io, sleep_and_wake(wake));
}

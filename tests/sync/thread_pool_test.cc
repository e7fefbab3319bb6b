#include "sync/thread_pool.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <stdexcept>
#include <thread>

#include "sync/stop_token.h"

using namespace narthex::sync;

TEST_CASE("the destructor waits for what was posted") {
  std::atomic<int> done = 0;
  {
    ThreadPool pool(3);
    CHECK(pool.size() == 3);
    for (int i = 0; i < 100; ++i) pool.post([&] { ++done; });
  }
  CHECK(done == 100);
}

TEST_CASE("a task may post another one, also while the pool ends") {
  std::atomic<int> done = 0;
  {
    ThreadPool pool(1);
    pool.post([&] {
      ++done;
      pool.post([&] { ++done; });
    });
  }
  CHECK(done == 2);
}

TEST_CASE("parallel_for runs every index once") {
  ThreadPool pool(4);
  for (const std::size_t count : {0UZ, 1UZ, 3UZ, 1000UZ}) {
    std::vector<std::atomic<int>> runs(count);
    pool.parallel_for(count, [&](std::size_t i) { ++runs[i]; });
    for (const auto& n : runs) CHECK(n == 1);
  }
}

TEST_CASE("parallel_for inside a pool task does not wait for itself") {
  std::atomic<int> sum = 0;
  {
    ThreadPool pool(1);
    pool.post([&] {
      pool.parallel_for(10, [&](std::size_t) { pool.parallel_for(10, [&](std::size_t) { ++sum; }); });
    });
  }
  CHECK(sum == 100);
}

TEST_CASE("a task that throws ends alone") {
  std::atomic<int> done = 0;
  {
    ThreadPool pool(1);
    pool.post([] { throw std::runtime_error("thrown by a test, on purpose"); });
    pool.parallel_for(2, [&](std::size_t i) {
      ++done;
      if (i == 0) throw 1;
    });
    pool.post([&] { ++done; });
  }
  CHECK(done == 3);
}

TEST_CASE("the thread that worked last works next") {
  ThreadPool pool(4);
  const auto thread_of_task = [&] {
    std::promise<std::thread::id> id;
    pool.post([&] { id.set_value(std::this_thread::get_id()); });
    const auto got = id.get_future().get();
    // Until it has lain down again.
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return got;
  };
  std::map<std::thread::id, int> tasks;
  for (int i = 0; i < 40; ++i) ++tasks[thread_of_task()];
  // On a busy machine one may not have lain down in time, now and then.
  const auto most = std::ranges::max_element(tasks, {}, [](const auto& of) { return of.second; });
  CHECK(most->second > 20);
}

TEST_CASE("a stop token tells the first reason") {
  CHECK_FALSE(StopToken().stopped());
  const StopSource source;
  const StopToken token = source.token();
  CHECK_FALSE(token.stopped());
  source.stop(StopReason::deadline);
  source.stop(StopReason::shutdown);
  CHECK(token.reason() == StopReason::deadline);
}

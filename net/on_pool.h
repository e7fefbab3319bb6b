// on_pool: a piece of computing for a coroutine, on a pool thread instead of its I/O thread.
//
// The coroutine sleeps meanwhile and goes on on its own executor. The work is not cancelled
// with it: a coroutine that is ended waits for its work first.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <type_traits>
#include <utility>

#include "net/stream.h"
#include "sync/thread_pool.h"

namespace narthex::net {

/// @param work  a callable without arguments; must not throw. What it borrows must live until
/// the answer.
template <class F>
Awaitable<std::invoke_result_t<F&>> on_pool(sync::ThreadPool& pool, F work) {
  using T = std::invoke_result_t<F&>;
  auto start = [&pool](auto handler, F job) {
    // std::function wants to be copied, a handler does not: hence shared.
    struct Task {
      decltype(handler) resume;
      F job;
    };
    auto task = std::make_shared<Task>(Task{std::move(handler), std::move(job)});
    pool.post([task]() {
      auto executor = boost::asio::get_associated_executor(task->resume);
      auto result = std::make_shared<T>(task->job());
      boost::asio::post(executor, [task, result]() { std::move(task->resume)(std::move(*result)); });
    });
  };
  co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(T)>(
      std::move(start), boost::asio::use_awaitable, std::move(work));
}

}  // namespace narthex::net

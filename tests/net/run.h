// run: one coroutine to its end on a context of its own, within a bounded time.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

namespace narthex::test {

/// What must happen at all happens well within this time, on the slowest machine too.
inline constexpr std::chrono::seconds kBound{30};

/// Runs `io` until `work` has ended. Throws what it threw, or if it does not end.
template <class T>
T run(boost::asio::io_context& io, boost::asio::awaitable<T> work) {
  std::optional<T> result;
  std::exception_ptr thrown;
  bool done = false;
  boost::asio::co_spawn(io, std::move(work), [&](std::exception_ptr e, T value) {
    thrown = std::move(e);
    result = std::move(value);
    done = true;
    io.stop();
  });
  io.restart();
  io.run_for(kBound);
  if (!done) throw std::runtime_error("the coroutine under test did not end");
  if (thrown) std::rethrow_exception(thrown);
  return std::move(*result);
}

inline void run(boost::asio::io_context& io, boost::asio::awaitable<void> work) {
  run(io, [](boost::asio::awaitable<void> inner) -> boost::asio::awaitable<bool> {
    co_await std::move(inner);
    co_return true;
  }(std::move(work)));
}

}  // namespace narthex::test

// Wake: one coroutine sleeps until a time comes or until somebody wakes it.
//
// A wake that comes while nobody sleeps is kept for the next sleep; several become one. A
// sleep may also end early for no reason: whoever sleeps looks again at what it waits for.
//
// Threads: wake() from any; sleep_until() from one coroutine at a time.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <memory>

#include "net/stream.h"

namespace narthex::net {

class Wake {
 public:
  explicit Wake(boost::asio::any_io_executor executor);
  ~Wake();
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  void wake();
  Awaitable<void> sleep_until(std::chrono::steady_clock::time_point when);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace narthex::net

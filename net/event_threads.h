// EventThreads: threads that each run an event loop of their own. A coroutine stays on the thread
// of the loop that it was spawned on: nothing is handed over between threads, and an event wakes
// the one thread that it is for. For many like tasks that wait little and compute a little.
//
// Threads: any.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace narthex::net {

class EventThreads {
 public:
  /// @param name  of the threads, a number is added; 13 bytes at most
  EventThreads(std::size_t threads, const std::string& name);
  /// Ends the loops, whatever waits on them, and joins the threads. What has sockets or timers on
  /// the loops must be gone.
  ~EventThreads();
  EventThreads(const EventThreads&) = delete;
  EventThreads& operator=(const EventThreads&) = delete;

  [[nodiscard]] std::size_t size() const { return loops_.size(); }
  /// One per thread. Valid while this is.
  [[nodiscard]] std::vector<boost::asio::any_io_executor> executors() const;

 private:
  struct Loop;
  std::vector<std::unique_ptr<Loop>> loops_;
};

}  // namespace narthex::net

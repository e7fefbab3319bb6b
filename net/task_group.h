// TaskGroup: owner of spawned coroutines; nothing is ever spawned detached.
//
// close() refuses newcomers, cancels those inside and waits for them. An exception that
// escapes a task is logged as a bug and ends that task only.
//
// Threads: any.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>

namespace narthex::net {

/// Who runs an executor's work.
enum class RunBy : std::uint8_t {
  any_threads,
  one_thread,  ///< strands are not needed, and cost a trip through two queues for each event
};

class TaskGroup {
 public:
  /// @param name  for the log
  TaskGroup(boost::asio::any_io_executor executor, std::string name, RunBy run_by = RunBy::any_threads);
  /// Must be closed before (check).
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Each task runs on a strand of its own, if several threads may run it. @return false if the group is
  /// closed.
  bool spawn(boost::asio::awaitable<void> task);
  /// The same on another executor than the group's, that of one thread of several, say; it is run by as many
  /// as the group's.
  bool spawn(boost::asio::any_io_executor executor, boost::asio::awaitable<void> task);
  /// Cancels all (terminal cancellation of their current wait) and returns when the last has ended.
  boost::asio::awaitable<void> close();
  [[nodiscard]] std::size_t count() const;

 private:
  bool spawn_on(boost::asio::any_io_executor strand, boost::asio::awaitable<void> task);
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace narthex::net

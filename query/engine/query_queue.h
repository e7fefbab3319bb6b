// QueryQueue: at most so many queries at a time; the others wait, first come, first served.
//
// Threads: any.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "query/engine/query_state.h"
#include "sync/mutex.h"

namespace narthex::query {

class QueryQueue {
 public:
  explicit QueryQueue(std::size_t slots);

  /// Waits for a slot. @return  its number, below the number of slots
  /// Errors: timeout, cancelled (`... in query queue`).
  Result<std::size_t> take(const QueryDeadline& deadline);
  /// Nothing: none is free, or others wait for one.
  std::optional<std::size_t> take_free();
  void give_back(std::size_t slot);
  [[nodiscard]] std::size_t count_waiting() const;

 private:
  mutable sync::Mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::size_t> free_ NARTHEX_GUARDED_BY(mutex_);
  std::deque<std::uint64_t> waiting_ NARTHEX_GUARDED_BY(mutex_);
  std::uint64_t next_number_ NARTHEX_GUARDED_BY(mutex_) = 0;
};

}  // namespace narthex::query

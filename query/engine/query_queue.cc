#include "query/engine/query_queue.h"

#include <algorithm>
#include <chrono>

namespace narthex::query {

namespace {

/// How late a waiting query notices that it was cancelled.
constexpr auto kPoll = std::chrono::milliseconds(20);

}  // namespace

QueryQueue::QueryQueue(std::size_t slots) {
  for (std::size_t slot = slots; slot > 0; --slot) free_.push_back(slot - 1);
}

Result<std::size_t> QueryQueue::take(const QueryDeadline& deadline) {
  const sync::MutexLock lock(mutex_);
  const std::uint64_t number = next_number_++;
  waiting_.push_back(number);
  while (free_.empty() || waiting_.front() != number) {
    if (auto going_on = deadline.check("query queue"); !going_on) {
      std::erase(waiting_, number);
      changed_.notify_all();
      return pass(going_on);
    }
    changed_.wait_for(mutex_, kPoll);
  }
  waiting_.pop_front();
  const std::size_t slot = free_.back();
  free_.pop_back();
  if (!free_.empty() && !waiting_.empty()) changed_.notify_all();
  return slot;
}

std::optional<std::size_t> QueryQueue::take_free() {
  const sync::MutexLock lock(mutex_);
  if (free_.empty() || !waiting_.empty()) return std::nullopt;
  const std::size_t slot = free_.back();
  free_.pop_back();
  return slot;
}

std::size_t QueryQueue::count_waiting() const {
  const sync::MutexLock lock(mutex_);
  return waiting_.size();
}

void QueryQueue::give_back(std::size_t slot) {
  bool anyone = false;
  {
    const sync::MutexLock lock(mutex_);
    free_.push_back(slot);
    anyone = !waiting_.empty();
  }
  if (anyone) changed_.notify_all();
}

}  // namespace narthex::query

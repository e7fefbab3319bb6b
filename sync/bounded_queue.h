// BoundedQueue: hands items from one thread to another, not too many ahead.
//
// Threads: push() and close() by one, pop() and give_back() by another.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "sync/mutex.h"

namespace narthex::sync {

template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t most) : most_(most) {}

  /// Waits for room. @return  a used item, if one was given back, else a new one
  T push(T item) {
    T fresh{};
    {
      const MutexLock lock(mutex_);
      while (items_.size() >= most_) changed_.wait(mutex_);
      items_.push_back(std::move(item));
      if (!used_.empty()) {
        fresh = std::move(used_.back());
        used_.pop_back();
      }
    }
    changed_.notify_all();
    return fresh;
  }
  /// No more items will come.
  void close() {
    {
      const MutexLock lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }
  /// Waits for an item; nothing when it was closed and all were taken.
  std::optional<T> pop() {
    std::optional<T> item;
    {
      const MutexLock lock(mutex_);
      while (items_.empty() && !closed_) changed_.wait(mutex_);
      if (items_.empty()) return item;
      item = std::move(items_.front());
      items_.pop_front();
    }
    changed_.notify_all();
    return item;
  }
  /// So that its memory serves again.
  void give_back(T item) {
    const MutexLock lock(mutex_);
    if (used_.size() < most_) used_.push_back(std::move(item));
  }

 private:
  const std::size_t most_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<T> items_ NARTHEX_GUARDED_BY(mutex_);
  std::vector<T> used_ NARTHEX_GUARDED_BY(mutex_);
  bool closed_ NARTHEX_GUARDED_BY(mutex_) = false;
};

}  // namespace narthex::sync

// BufferPool: memory of scraped pages, handed from one scrape to the next. As many as there
// are scrapes at a time, not one per target.
//
// Threads: any.
#pragma once

#include <string>
#include <vector>

#include "sync/mutex.h"

namespace narthex::scrape {

class BufferPool {
 public:
  /// Empty, with whatever room it has.
  std::string take() {
    sync::MutexLock lock(mutex_);
    if (free_.empty()) return {};
    std::string buffer = std::move(free_.back());
    free_.pop_back();
    return buffer;
  }
  void give(std::string buffer) {
    constexpr std::size_t kMaxBuffers = 32;
    constexpr std::size_t kMaxBytes = 16U << 20U;
    if (buffer.capacity() > kMaxBytes) return;
    buffer.clear();
    sync::MutexLock lock(mutex_);
    if (free_.size() < kMaxBuffers) free_.push_back(std::move(buffer));
  }

 private:
  sync::Mutex mutex_;
  std::vector<std::string> free_ NARTHEX_GUARDED_BY(mutex_);
};

}  // namespace narthex::scrape

// SeriesToMatch: series on their way from the thread that replays the log to the one that has read the
// files of chunks, and matches the two.
//
// Threads: add() and close() by the one, take() by the other.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "sync/mutex.h"
#include "tsdb/head/shard_ordinals.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

struct UnmatchedSeries {
  WalRef ref;
  Ordinal ordinal;
  bool is_new;
};

class SeriesToMatch {
 public:
  using Batch = std::vector<UnmatchedSeries>;

  void add(UnmatchedSeries series) {
    gathering_.push_back(series);
    if (gathering_.size() >= kBatch) publish();
  }
  /// The next ones, in order; none: they were closed. Waits for them.
  Batch take() {
    const sync::MutexLock lock(mutex_);
    while (waiting_.empty() && !is_closed_) changed_.wait(mutex_);
    if (is_closed_) return {};
    Batch batch = std::move(waiting_.front());
    waiting_.pop_front();
    return batch;
  }
  /// Lets take() return. @return  what nobody has taken, to be taken when take() is not called any more
  std::deque<Batch> close() {
    publish();
    std::deque<Batch> left;
    {
      const sync::MutexLock lock(mutex_);
      is_closed_ = true;
      left = std::exchange(waiting_, {});
    }
    changed_.notify_all();
    return left;
  }

 private:
  static constexpr std::size_t kBatch = 4096;

  void publish() {
    if (gathering_.empty()) return;
    {
      const sync::MutexLock lock(mutex_);
      waiting_.push_back(std::exchange(gathering_, {}));
    }
    changed_.notify_all();
  }

  Batch gathering_;
  sync::Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Batch> waiting_ NARTHEX_GUARDED_BY(mutex_);
  bool is_closed_ NARTHEX_GUARDED_BY(mutex_) = false;
};

}  // namespace narthex::tsdb

// LogBuffers: what a commit hands to the log; a few are kept between two commits, so that a thousand
// targets do not each pay for their own.
//
// Threads: LogBuffers one at a time; LogBufferPool any.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "io/file_system.h"
#include "model/time.h"
#include "sync/mutex.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

/// A batch larger than this does not leave its buffers behind.
inline constexpr std::size_t kKeptSamples = 64 * 1024;

struct LogBuffers {
  std::vector<SampleRecord> records;
  std::vector<Timestamp> starts;  ///< of the records; empty if none has one
  std::vector<std::byte> series;
  std::vector<std::byte> samples;
  std::vector<io::Bytes> group;

  void clear() {
    records.clear();
    starts.clear();
    series.clear();
    samples.clear();
    group.clear();
  }
  [[nodiscard]] std::size_t size_bytes() const {
    return records.capacity() * sizeof(SampleRecord) + starts.capacity() * sizeof(Timestamp) +
           series.capacity() + samples.capacity() + group.capacity() * sizeof(io::Bytes);
  }
};

class LogBufferPool {
 public:
  LogBuffers take() {
    const sync::MutexLock lock(mutex_);
    if (free_.empty()) return {};
    LogBuffers buffers = std::move(free_.back());
    free_.pop_back();
    return buffers;
  }
  void give_back(LogBuffers buffers) {
    static constexpr std::size_t kMost = 8;
    if (buffers.size_bytes() > kKeptSamples * sizeof(SampleRecord) * 2) return;
    buffers.clear();
    const sync::MutexLock lock(mutex_);
    if (free_.size() < kMost) free_.push_back(std::move(buffers));
  }
  /// Of those that are kept.
  [[nodiscard]] std::size_t size_bytes() const {
    const sync::MutexLock lock(mutex_);
    std::size_t bytes = 0;
    for (const LogBuffers& buffers : free_) bytes += buffers.size_bytes();
    return bytes;
  }

 private:
  mutable sync::Mutex mutex_;
  std::vector<LogBuffers> free_ NARTHEX_GUARDED_BY(mutex_);
};

}  // namespace narthex::tsdb

// ReplayLanes: threads that apply what the log holds, each to shards of its own.
//
//   one thread reads the log -> work in the order of the log, by shard -> thread shard % threads
//
// Work on a series is done in the order in which it was added, as a shard's work always goes
// to the same thread. Without threads add() works on the spot.
//
// Threads: add() and drain() by one.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "model/time.h"
#include "sync/mutex.h"
#include "tsdb/head/shard_ordinals.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

/// Something on its way to its series.
struct ReplayItem {
  enum class Kind : std::uint32_t {
    sample,     ///< {t, v}
    start,      ///< t is the start timestamp of the sample behind it
    histogram,  ///< at t; whoever takes it deletes it
  };
  std::uint32_t ordinal;
  Kind kind;
  Timestamp t;
  union {
    double v;
    const HistogramRecord* histogram;
  };
};
static_assert(sizeof(ReplayItem) == 24);

class ReplayLanes {
 public:
  using Apply = std::function<void(std::span<const ReplayItem>)>;

  /// @param threads  0: none
  ReplayLanes(std::size_t threads, Apply apply);
  /// Waits for what was added.
  ~ReplayLanes();
  ReplayLanes(const ReplayLanes&) = delete;
  ReplayLanes& operator=(const ReplayLanes&) = delete;

  void add(const ReplayItem& item) {
    Worker& worker = worker_of(item);
    worker.gathering.push_back(item);
    if (worker.gathering.size() >= kBatch) hand_over(worker);
  }
  /// Both, and never one without the other.
  void add(const ReplayItem& start, const ReplayItem& sample) {
    Worker& worker = worker_of(sample);
    worker.gathering.push_back(start);
    worker.gathering.push_back(sample);
    if (worker.gathering.size() >= kBatch) hand_over(worker);
  }
  /// Hands over what add() has gathered.
  void flush();
  /// Returns when everything that was added has been applied.
  void drain();

 private:
  using Batch = std::vector<ReplayItem>;
  /// Enough that handing over costs nothing, few enough to stay in a cache.
  static constexpr std::size_t kBatch = 2048;
  struct Worker {
    Batch gathering;  // the adder's
    sync::Mutex mutex;
    std::condition_variable_any changed;
    std::deque<Batch> waiting NARTHEX_GUARDED_BY(mutex);
    std::vector<Batch> free NARTHEX_GUARDED_BY(mutex);
    bool busy NARTHEX_GUARDED_BY(mutex) = false;
    bool stopping NARTHEX_GUARDED_BY(mutex) = false;
    std::thread thread;
  };

  Worker& worker_of(const ReplayItem& item) { return *worker_of_shard_[shard_of(item.ordinal)]; }
  void hand_over(Worker& worker);
  void work(Worker& worker);

  Apply apply_;
  /// One without a thread, if there are none.
  std::vector<std::unique_ptr<Worker>> workers_;
  std::array<Worker*, kShards> worker_of_shard_{};
  bool threaded_;
};

}  // namespace narthex::tsdb

// ReplayLanes: threads that apply what the log holds, each to shards of its own.
//
//   one thread reads the log -> items, and blocks of rows, by shard -> thread shard % threads
//
// Work on a series is done in the order in which it was added, as a shard's work always goes
// to the same thread. Without threads it is done on the spot, or when flush() is called.
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
#include "tsdb/head/replay_rows.h"
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
  ReplayItem(Ordinal o, Kind k, Timestamp at, double value) : ordinal(o), kind(k), t(at), v(value) {}
  ReplayItem(Ordinal o, const HistogramRecord* of)
      : ordinal(o), kind(Kind::histogram), t(of->t), histogram(of) {}

  Ordinal ordinal;
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
  struct Apply {
    std::function<void(std::span<const ReplayItem>)> items;
    /// One of the block's sections.
    std::function<void(const ReplayBlock&, const ReplaySection&)> section;
  };

  /// @param threads  0: none
  ReplayLanes(std::size_t threads, Apply apply);
  /// Waits for what was added.
  ~ReplayLanes();
  ReplayLanes(const ReplayLanes&) = delete;
  ReplayLanes& operator=(const ReplayLanes&) = delete;

  // An item is made where it stays: copied from where its parts were just stored, it would have to wait
  // until they are in the cache.
  void add_sample(Ordinal o, Timestamp t, double v) {
    Worker& worker = worker_of(o);
    worker.gathering.emplace_back(o, ReplayItem::Kind::sample, t, v);
    if (worker.gathering.size() >= kBatch) hand_over(worker);
  }
  /// Both, and never one without the other.
  void add_sample_with_start(Ordinal o, Timestamp start, Timestamp t, double v) {
    Worker& worker = worker_of(o);
    worker.gathering.emplace_back(o, ReplayItem::Kind::start, start, 0.0);
    worker.gathering.emplace_back(o, ReplayItem::Kind::sample, t, v);
    if (worker.gathering.size() >= kBatch) hand_over(worker);
  }
  void add_histogram(Ordinal o, std::unique_ptr<const HistogramRecord> histogram) {
    Worker& worker = worker_of(o);
    worker.gathering.emplace_back(o, histogram.get());
    histogram.release();
    if (worker.gathering.size() >= kBatch) hand_over(worker);
  }
  void add_block(const std::shared_ptr<const ReplayBlock>& block);
  /// Hands over the items that were gathered.
  void flush();
  /// Returns when everything that was added has been applied.
  void drain();

 private:
  using Batch = std::vector<ReplayItem>;
  /// Enough that handing over costs nothing, few enough to stay in a cache.
  static constexpr std::size_t kBatch = 2048;
  /// One of the two.
  struct Work {
    Batch items;
    std::shared_ptr<const ReplayBlock> block;
  };
  struct Worker {
    Batch gathering;  // the adder's
    sync::Mutex mutex;
    std::condition_variable_any changed;
    std::deque<Work> waiting NARTHEX_GUARDED_BY(mutex);
    std::vector<Batch> free NARTHEX_GUARDED_BY(mutex);
    bool busy NARTHEX_GUARDED_BY(mutex) = false;
    bool stopping NARTHEX_GUARDED_BY(mutex) = false;
    std::thread thread;
  };

  Worker& worker_of(Ordinal o) { return *worker_of_shard_[shard_of(o)]; }
  void hand_over(Worker& worker);
  void queue(Worker& worker, Work work);
  void apply(const Worker& worker, const Work& work) const;
  void work(Worker& worker);

  Apply apply_;
  /// One without a thread, if there are none.
  std::vector<std::unique_ptr<Worker>> workers_;
  std::array<Worker*, kShards> worker_of_shard_{};
  bool threaded_;
};

}  // namespace narthex::tsdb

// HeadState: what the parts of the head (appender, querier, replay, truncation) share.
//
// Series are spread over shards. A batch takes the turns of its shards, in their order, and holds
// them over the write to the WAL, so that samples of a series are applied in the order in which they
// are logged; batches of other shards go on meanwhile.
//
// Lock order: collect_turn, turns of shards (ascending), index_mutex, one shard's mutex, ooo_mutex, then
// Isolation's own. Of these only collect_turn and the turns are ever held during I/O. Readers never
// take a turn, and nobody holds the mutexes of two shards. Who has a turn may try collect_turn, without
// waiting.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "model/time.h"
#include "storage/appender.h"
#include "sync/mutex.h"
#include "tsdb/head/exemplar_ring.h"
#include "tsdb/head/head_metrics.h"
#include "tsdb/head/head_shard.h"
#include "tsdb/head/isolation.h"
#include "tsdb/head/log_buffers.h"
#include "tsdb/head/ooo_store.h"
#include "tsdb/head/page_arena.h"
#include "tsdb/head/series_ceilings.h"
#include "tsdb/head/series_index.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {

struct HeadOptions {
  DurationMs block_range = 2 * 3600 * 1000;
  bool no_time_bounds = false;
  std::size_t max_exemplars = 0;
  /// Start timestamps are logged and kept; they also need HeadEncodings that hold them.
  bool st_storage = false;
  /// At first: floats can be changed, see Head::use_xor2_floats().
  HeadEncodings encodings = {};
  HeadCeilings ceilings = {};
};

/// Buffers of batches between two scrapes: a thousand targets that each kept their own would
/// pay for it by the series.
class BatchPool {
 public:
  std::vector<storage::RefSample> take() {
    const sync::MutexLock lock(mutex_);
    if (free_.empty()) return {};
    auto batch = std::move(free_.back());
    free_.pop_back();
    return batch;
  }
  [[nodiscard]] std::size_t size_bytes() const {
    std::size_t bytes = 0;
    const sync::MutexLock lock(mutex_);
    for (const auto& batch : free_) bytes += batch.capacity() * sizeof(storage::RefSample);
    return bytes;
  }
  void give_back(std::vector<storage::RefSample> batch) {
    static constexpr std::size_t kMost = 16;
    if (batch.capacity() > kKeptSamples) return;
    batch.clear();
    const sync::MutexLock lock(mutex_);
    if (free_.size() < kMost) free_.push_back(std::move(batch));
  }

 private:
  mutable sync::Mutex mutex_;
  std::vector<std::vector<storage::RefSample>> free_ NARTHEX_GUARDED_BY(mutex_);
};

struct HeadState {
  HeadState(const HeadOptions& o, prometheus::Registry* registry)
      : options(o),
        metrics(registry),
        index(arena),
        ceilings(o.ceilings),
        shards(make_shards(arena, o.block_range)),
        exemplars(registry) {
    exemplars.resize(o.max_exemplars);
    for (HeadShard& s : shards) {
      const sync::MutexLock lock(s.mutex);
      s.chunks.use_encodings(o.encodings);
    }
  }

  const HeadOptions options;
  HeadMetrics metrics;
  PageArena arena;
  /// Where full chunks go; null: they stay in memory. Set before the first append.
  HeadChunkFiles* chunk_files = nullptr;

  /// Held while published series are forgotten or full chunks move to files, and by whoever must
  /// find them all in place. Never on the way of a commit or a query.
  mutable sync::Mutex collect_turn;
  /// Null until the log is open. Set under all turns, read under any.
  Wal* wal = nullptr;
  /// The log of late samples; null until a window opens it. The same.
  Wal* ooo_log = nullptr;
  /// Nothing more is accepted. Set under no turn: all of them, taken afterwards, mean that no batch
  /// is on its way any more.
  std::atomic<bool> closed{false};

  mutable sync::Mutex index_mutex;
  SeriesIndex index NARTHEX_GUARDED_BY(index_mutex);
  SeriesCeilings ceilings NARTHEX_GUARDED_BY(index_mutex);

  std::array<HeadShard, kShards> shards;
  Isolation isolation;
  /// Samples that came late, of all shards; empty without an out-of-order window. A series in it changes
  /// under its shard's turn only.
  mutable sync::Mutex ooo_mutex;
  OooStore ooo NARTHEX_GUARDED_BY(ooo_mutex);
  BatchPool batches;
  LogBufferPool log_buffers;
  ExemplarRing exemplars;

  /// Commits are refused: there is no room for their records.
  std::atomic<bool> read_only{false};
  std::atomic<WalRef> last_ref{0};
  /// Appended or replayed.
  std::atomic<std::uint64_t> samples{0};
  std::atomic<Timestamp> mint{kMaxTime};
  std::atomic<Timestamp> maxt{kMinTime};
  /// Nothing older is accepted: blocks hold it.
  std::atomic<Timestamp> min_valid{kMinTime};
  /// New readers see nothing older: blocks hold it.
  std::atomic<Timestamp> floor{kMinTime};
  /// How much older than the newest sample of all a late one may be; 0: none is accepted.
  std::atomic<DurationMs> ooo_window{0};
  /// Late samples lie between these; kMaxTime and kMinTime while there are none.
  std::atomic<Timestamp> ooo_mint{kMaxTime};
  std::atomic<Timestamp> ooo_maxt{kMinTime};
  /// New readers see no chunks of late samples below this number: blocks hold them.
  std::atomic<std::uint64_t> ooo_floor{0};

  [[nodiscard]] HeadShard& shard(Ordinal o) { return shards[shard_of(o)]; }
  [[nodiscard]] const HeadShard& shard(Ordinal o) const { return shards[shard_of(o)]; }
  WalRef draw_ref() {
    WalRef ref;
    do ref = last_ref.fetch_add(1, std::memory_order_relaxed) + 1;
    while (static_cast<std::uint32_t>(ref) == 0);
    return ref;
  }
  /// No new series gets a reference that something has named. While replaying.
  void skip_ref(WalRef ref) {
    WalRef last = last_ref.load(std::memory_order_relaxed);
    while (ref > last && !last_ref.compare_exchange_weak(last, ref, std::memory_order_relaxed)) {
    }
  }
  void widen(Timestamp from, Timestamp to) {
    Timestamp known = mint.load(std::memory_order_relaxed);
    while (from < known && !mint.compare_exchange_weak(known, from, std::memory_order_relaxed)) {
    }
    known = maxt.load(std::memory_order_relaxed);
    while (to > known && !maxt.compare_exchange_weak(known, to, std::memory_order_relaxed)) {
    }
  }
  /// Of the newest sample; of an empty head, where blocks end.
  [[nodiscard]] Timestamp newest() const {
    return std::max(maxt.load(std::memory_order_relaxed), min_valid.load(std::memory_order_relaxed));
  }
  void widen_out_of_order(Timestamp from, Timestamp to) NARTHEX_REQUIRES(ooo_mutex) {
    if (from < ooo_mint.load(std::memory_order_relaxed)) ooo_mint.store(from, std::memory_order_relaxed);
    if (to > ooo_maxt.load(std::memory_order_relaxed)) ooo_maxt.store(to, std::memory_order_relaxed);
  }
  /// Whether late samples may lie in the range.
  [[nodiscard]] bool overlaps_out_of_order(TimeRange range) const {
    const Timestamp from = ooo_mint.load(std::memory_order_relaxed);
    const Timestamp to = ooo_maxt.load(std::memory_order_relaxed);
    return from <= to && range.overlaps({from, to});
  }
  /// Samples before it are out of bounds.
  [[nodiscard]] Timestamp oldest_acceptable() const {
    const Timestamp floor_of_blocks = min_valid.load(std::memory_order_relaxed);
    const Timestamp newest = maxt.load(std::memory_order_relaxed);
    if (options.no_time_bounds || newest < kMinTime + options.block_range) return floor_of_blocks;
    return std::max(newest - options.block_range / 2, floor_of_blocks);
  }

 private:
  static std::array<HeadShard, kShards> make_shards(PageArena& arena, DurationMs range) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<HeadShard, kShards>{HeadShard(I, arena, range)...};
    }(std::make_index_sequence<kShards>{});
  }
};

/// A set of shards.
using ShardMask = std::uint32_t;
inline constexpr ShardMask kAllShards = (ShardMask{1} << kShards) - 1;

/// The turns of several shards, taken in ascending order.
class ShardTurns {
 public:
  ShardTurns(HeadState& head, ShardMask shards) NARTHEX_UNCHECKED : head_(head), shards_(shards) {
    for (HeadShard& shard : head_.shards) {
      if (shards_ >> shard.number & 1) shard.turn.lock();
    }
  }
  ~ShardTurns() NARTHEX_UNCHECKED {
    for (HeadShard& shard : head_.shards) {
      if (shards_ >> shard.number & 1) shard.turn.unlock();
    }
  }
  ShardTurns(const ShardTurns&) = delete;
  ShardTurns& operator=(const ShardTurns&) = delete;

 private:
  HeadState& head_;
  ShardMask shards_;
};

}  // namespace narthex::tsdb

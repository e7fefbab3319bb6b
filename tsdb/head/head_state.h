// HeadState: what the parts of the head (appender, querier, replay, truncation) share.
//
// Lock order: collect_turn, commit_turn, index_mutex, shard.mutex, then Isolation's own. The turn is held
// over the write to the WAL, so that samples are applied in the order in which they are
// logged; of the others only collect_turn is ever held during I/O. Readers never take the turn.
#pragma once

#include <algorithm>
#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <utility>
#include <vector>

#include "model/time.h"
#include "storage/appender.h"
#include "sync/mutex.h"
#include "tsdb/head/exemplar_ring.h"
#include "tsdb/head/head_metrics.h"
#include "tsdb/head/isolation.h"
#include "tsdb/head/ordinal_array.h"
#include "tsdb/head/page_arena.h"
#include "tsdb/head/series_chunks.h"
#include "tsdb/head/series_index.h"
#include "tsdb/head/series_metadata.h"
#include "tsdb/wal/record.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {

struct HeadOptions {
  DurationMs block_range = 2 * 3600 * 1000;
  bool no_time_bounds = false;
  std::size_t max_exemplars = 0;
};

/// A series' generation is the low half of its WAL ref: never 0, and other for the next series
/// that gets the ordinal.
inline storage::SeriesRef make_ref(Ordinal ordinal, WalRef wal_ref) {
  return static_cast<storage::SeriesRef>(std::uint64_t{ordinal} << 32 | (wal_ref & 0xffff'ffff));
}
inline Ordinal ordinal_of(storage::SeriesRef ref) {
  return static_cast<Ordinal>(static_cast<std::uint64_t>(ref) >> 32);
}
inline std::uint32_t generation_of(storage::SeriesRef ref) {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(ref));
}

/// The samples of a range of series. One per head today; a head of several would give every
/// batch's new series to the shard of the batch.
struct HeadShard {
  HeadShard(PageArena& arena, DurationMs block_range)
      : refs(arena), hot(arena), full(arena), chunks(arena, block_range) {}

  mutable sync::Mutex mutex;
  /// By ordinal; 0: no series.
  OrdinalArray<WalRef> refs NARTHEX_GUARDED_BY(mutex);
  OrdinalArray<HotSeries> hot NARTHEX_GUARDED_BY(mutex);
  OrdinalArray<FullChunks> full NARTHEX_GUARDED_BY(mutex);
  ChunkLanes chunks NARTHEX_GUARDED_BY(mutex);
  SideRing side NARTHEX_GUARDED_BY(mutex);
  /// HotSeries::commit counts from here.
  CommitId epoch NARTHEX_GUARDED_BY(mutex) = 0;
  std::uint64_t stale_series NARTHEX_GUARDED_BY(mutex) = 0;
  /// Deleted ranges by ordinal, as tombstones of the log say; nearly always empty.
  boost::unordered_flat_map<Ordinal, std::vector<TimeRange>> deleted NARTHEX_GUARDED_BY(mutex);
  SeriesMetadata metadata NARTHEX_GUARDED_BY(mutex);

  void add(Ordinal ordinal, WalRef ref, std::uint8_t stagger) NARTHEX_REQUIRES(mutex) {
    refs.grow_to(ordinal + 1);
    hot.grow_to(ordinal + 1);
    full.grow_to(ordinal + 1);
    refs[ordinal] = ref;
    hot[ordinal] = HotSeries::make(stagger);
    full[ordinal] = FullChunks{};
  }
  [[nodiscard]] bool holds(storage::SeriesRef ref) const NARTHEX_REQUIRES(mutex) {
    const Ordinal o = ordinal_of(ref);
    return o < refs.size() && static_cast<std::uint32_t>(refs[o]) == generation_of(ref) && refs[o] != 0;
  }
  /// Newest sample of the series that a reader at `watermark` may see; kMaxTime: all of them.
  [[nodiscard]] Timestamp newest_visible(Ordinal o, CommitId watermark) const NARTHEX_REQUIRES(mutex) {
    const HotSeries& s = hot[o];
    if (s.commit == 0 || epoch + s.commit <= watermark) return kMaxTime;
    return side.find(o, watermark).value_or(s.visible_maxt);
  }
};

/// A batch larger than this does not leave its buffers behind.
inline constexpr std::size_t kKeptSamples = 64 * 1024;

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
  void give_back(std::vector<storage::RefSample> batch) {
    static constexpr std::size_t kMost = 16;
    if (batch.capacity() > kKeptSamples) return;
    batch.clear();
    const sync::MutexLock lock(mutex_);
    if (free_.size() < kMost) free_.push_back(std::move(batch));
  }

 private:
  sync::Mutex mutex_;
  std::vector<std::vector<storage::RefSample>> free_ NARTHEX_GUARDED_BY(mutex_);
};

struct HeadState {
  HeadState(const HeadOptions& o, prometheus::Registry* registry)
      : options(o), metrics(registry), index(arena), shard(arena, o.block_range), exemplars(registry) {
    exemplars.resize(o.max_exemplars);
  }

  const HeadOptions options;
  HeadMetrics metrics;
  PageArena arena;
  /// Where full chunks go; null: they stay in memory. Set before the first append.
  HeadChunkFiles* chunk_files = nullptr;

  /// Held while published series are forgotten or full chunks move to files, and by whoever must
  /// find them all in place. Never on the way of a commit or a query.
  mutable sync::Mutex collect_turn;
  sync::Mutex commit_turn;
  /// Null until the log is open; then set once.
  Wal* wal NARTHEX_GUARDED_BY(commit_turn) = nullptr;
  bool closed NARTHEX_GUARDED_BY(commit_turn) = false;
  /// Reused by every commit.
  std::vector<SampleRecord> records NARTHEX_GUARDED_BY(commit_turn);
  std::vector<std::byte> series_bytes NARTHEX_GUARDED_BY(commit_turn);
  std::vector<std::byte> samples_bytes NARTHEX_GUARDED_BY(commit_turn);
  std::vector<io::Bytes> log_group NARTHEX_GUARDED_BY(commit_turn);

  mutable sync::Mutex index_mutex;
  SeriesIndex index NARTHEX_GUARDED_BY(index_mutex);

  HeadShard shard;
  Isolation isolation;
  BatchPool batches;
  ExemplarRing exemplars;

  std::atomic<WalRef> last_ref{0};
  /// Appended or replayed.
  std::atomic<std::uint64_t> samples{0};
  std::atomic<Timestamp> mint{kMaxTime};
  std::atomic<Timestamp> maxt{kMinTime};
  /// Nothing older is accepted: blocks hold it.
  std::atomic<Timestamp> min_valid{kMinTime};
  /// New readers see nothing older: blocks hold it.
  std::atomic<Timestamp> floor{kMinTime};

  WalRef draw_ref() {
    WalRef ref;
    do ref = last_ref.fetch_add(1, std::memory_order_relaxed) + 1;
    while (static_cast<std::uint32_t>(ref) == 0);
    return ref;
  }
  /// No new series gets a reference that something has named.
  void skip_ref(WalRef ref) {
    if (ref > last_ref.load(std::memory_order_relaxed)) last_ref.store(ref, std::memory_order_relaxed);
  }
  void widen(Timestamp from, Timestamp to) {
    if (from < mint.load(std::memory_order_relaxed)) mint.store(from, std::memory_order_relaxed);
    if (to > maxt.load(std::memory_order_relaxed)) maxt.store(to, std::memory_order_relaxed);
  }
  /// Samples before it are out of bounds.
  [[nodiscard]] Timestamp oldest_acceptable() const {
    const Timestamp floor_of_blocks = min_valid.load(std::memory_order_relaxed);
    const Timestamp newest = maxt.load(std::memory_order_relaxed);
    if (options.no_time_bounds || newest < kMinTime + options.block_range) return floor_of_blocks;
    return std::max(newest - options.block_range / 2, floor_of_blocks);
  }
};

}  // namespace narthex::tsdb

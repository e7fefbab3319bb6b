// HeadShard: the samples of an eighth of the head's series.
//
// Threads: its mutex; its turn is head_state.h's business.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <vector>

#include "model/time.h"
#include "storage/appender.h"
#include "sync/mutex.h"
#include "tsdb/head/isolation.h"
#include "tsdb/head/page_arena.h"
#include "tsdb/head/series_chunks.h"
#include "tsdb/head/series_metadata.h"
#include "tsdb/head/shard_ordinals.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

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

/// The samples of an eighth of the series: those whose ordinals say so (shard_ordinals.h).
struct HeadShard {
  HeadShard(std::size_t own_number, PageArena& arena, DurationMs block_range)
      : number(own_number), refs(arena), hot(arena), full(arena), chunks(arena, block_range) {}

  const std::size_t number;
  /// Of whoever changes the shard as a whole batch, or forgets its series (ShardTurns).
  sync::Mutex turn;
  mutable sync::Mutex mutex;
  /// 0: no series.
  ShardArray<WalRef> refs NARTHEX_GUARDED_BY(mutex);
  ShardArray<HotSeries> hot NARTHEX_GUARDED_BY(mutex);
  ShardArray<FullChunks> full NARTHEX_GUARDED_BY(mutex);
  SeriesChunks chunks NARTHEX_GUARDED_BY(mutex);
  SideRing side NARTHEX_GUARDED_BY(mutex);
  /// HotSeries::commit counts from here.
  CommitId epoch NARTHEX_GUARDED_BY(mutex) = 0;
  std::uint64_t stale_series NARTHEX_GUARDED_BY(mutex) = 0;
  /// Deleted ranges by ordinal, ascending and apart; in the log as tombstones. Nearly always empty.
  boost::unordered_flat_map<Ordinal, std::vector<TimeRange>> deleted NARTHEX_GUARDED_BY(mutex);
  SeriesMetadata metadata NARTHEX_GUARDED_BY(mutex);

  void add(Ordinal ordinal, WalRef ref, std::uint8_t stagger) NARTHEX_REQUIRES(mutex) {
    refs.grow_to(ordinal);
    hot.grow_to(ordinal);
    full.grow_to(ordinal);
    refs[ordinal] = ref;
    hot[ordinal] = HotSeries::make(stagger);
    full[ordinal] = FullChunks{};
  }
  /// Pages of ordinals that were given out; loops let others have the mutex between two.
  [[nodiscard]] std::size_t count_pages() const {
    const sync::MutexLock lock(mutex);
    return refs.count_pages();
  }
  /// Calls f(ordinal) for each series of the page.
  template <class F>
  void for_each_of_page(std::size_t page, F&& f) const NARTHEX_REQUIRES(mutex) {
    const Ordinal begin = page_begin(number, page);
    for (Ordinal o = begin; o < begin + kPageOrdinals; ++o) {
      if (refs[o] != 0) f(o);
    }
  }
  /// @param ref  of a series of this shard
  [[nodiscard]] bool holds(storage::SeriesRef ref) const NARTHEX_REQUIRES(mutex) {
    const Ordinal o = ordinal_of(ref);
    return refs.has(o) && static_cast<std::uint32_t>(refs[o]) == generation_of(ref) && refs[o] != 0;
  }
  /// Newest sample of the series that a reader at `watermark` may see; kMaxTime: all of them.
  [[nodiscard]] Timestamp newest_visible(Ordinal o, CommitId watermark) const NARTHEX_REQUIRES(mutex) {
    const HotSeries& s = hot[o];
    if (s.commit == 0 || epoch + s.commit <= watermark) return kMaxTime;
    return side.find(o, watermark).value_or(s.visible_maxt);
  }
};

}  // namespace narthex::tsdb

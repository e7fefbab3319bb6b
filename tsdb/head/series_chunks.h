// SeriesChunks: the chunks of the head's series: the open one that grows, and the full ones.
//
// Cut rules are Prometheus': 120 samples aimed at; after a quarter of them the end is
// predicted so that the chunks of a block range come out alike; hard ends at the border of the
// range, at 240 samples and at 1,005 bytes. One rule is ours: the first chunk of a range ends
// somewhere between a quarter of its predicted length and all of it, by target. Otherwise all
// chunks of a server fill up and are cut in the same second (DATA-DIRECTORY.md, section 6).
//
// Full chunks are a chain per series, newest first; ChunkPlace says where the bytes are.
// Threads: the shard's mutex. Bytes of full chunks stay where they are until drop_before().
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "model/time.h"
#include "tsdb/head/hot_series.h"
#include "tsdb/head/slab.h"

namespace narthex::tsdb {

/// Where the bytes of a full chunk are.
struct ChunkPlace {
  SlotRef slot;
  std::uint16_t bytes;
  std::uint16_t encoding;
};

/// A full chunk of a series, in a slot of the slab.
struct FullChunk {
  Timestamp mint;
  std::uint32_t span;  ///< maxt - mint
  SlotRef older;       ///< the chunk before this one, or kNoSlot
  ChunkPlace place;

  [[nodiscard]] Timestamp maxt() const { return mint + span; }
};
static_assert(sizeof(FullChunk) == 24);

/// What a reader takes from a series under the mutex, to be decoded without it.
struct ChunkViews {
  struct Full {
    TimeRange range;
    io::Bytes bytes;  ///< borrowed from the slab
    std::uint8_t encoding;
  };
  std::vector<Full> full;  ///< oldest first
  HotSeries open;          ///< as of the copy; slot is meaningless
  bool has_open = false;
  bool open_is_run = false;
  std::vector<std::byte> open_bytes;  ///< empty if open_is_run
};

class SeriesChunks {
 public:
  /// @param block_range  chunks do not cross its multiples
  SeriesChunks(PageArena& arena, DurationMs block_range)
      : block_range_(block_range), open_(arena), full_(arena) {}

  /// Appends a sample that is newer than all others of the series.
  /// @param full  the series' newest full chunk
  /// @return  true if a chunk was begun
  bool append(HotSeries& series, SlotRef& full, Timestamp t, double v);
  /// Takes what overlaps `range`. Reuses the vectors of `out`.
  void view(const HotSeries& series, SlotRef full, TimeRange range, ChunkViews& out) const;
  /// Frees chunks whose newest sample is older than t. @return their number
  std::size_t drop_before(HotSeries& series, SlotRef& full, Timestamp t);
  /// Time of the oldest sample; kMaxTime if there is none.
  [[nodiscard]] Timestamp mint(const HotSeries& series, SlotRef full) const;

  /// Brings the lines that an append will touch.
  void prefetch(const HotSeries& series) const {
    if (series.slot != kNoSlot) __builtin_prefetch(open_.data(series.slot) + series.enc.bits / 8, 1);
  }

  [[nodiscard]] const FullChunk& full_chunk(SlotRef ref) const {
    return *reinterpret_cast<const FullChunk*>(full_.data(ref));
  }
  /// Bytes of the regions that hold open chunks, and full ones.
  [[nodiscard]] std::size_t open_bytes() const { return open_.size_bytes(); }
  [[nodiscard]] std::size_t full_bytes() const { return full_.size_bytes(); }
  /// Bytes of the slots in use among them.
  [[nodiscard]] std::size_t open_used_bytes() const { return open_.used_bytes(); }
  [[nodiscard]] std::size_t full_used_bytes() const { return full_.used_bytes(); }
  [[nodiscard]] std::size_t count_full() const { return count_full_; }

 private:
  [[nodiscard]] Timestamp range_end(Timestamp t) const;
  void begin(HotSeries& series, Timestamp t, double v);
  void predict_end(HotSeries& series) const;
  void write(HotSeries& series, Timestamp t, double v);
  void finish(HotSeries& series, SlotRef& full);
  void materialise(HotSeries& series);
  void flush_run(HotSeries& series);
  void release(HotSeries& series);

  DurationMs block_range_;
  Slab open_;
  Slab full_;
  std::size_t count_full_ = 0;
};

/// Replaces `out` by the open chunk of `views` as complete bytes.
void complete_open(const ChunkViews& views, std::vector<std::byte>& out);

/// Appends the samples of `views` inside `range` to t and v. Errors: corruption.
Result<void> decode_views(const ChunkViews& views, TimeRange range, std::vector<Timestamp>& t,
                          std::vector<double>& v);

}  // namespace narthex::tsdb

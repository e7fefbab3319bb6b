// SeriesChunks: the chunks of the head's series: the open one that grows, and the full ones.
//
// Cut rules are Prometheus' but for one: 120 samples aimed at; after a quarter of them the end is
// predicted; hard ends at the border of the range, at 240 samples and at 1,005 bytes. The first
// chunk of a range ends somewhere between 30 and 120 samples, by target, and those behind it have
// 120 and are not stretched to end at the border together. Otherwise all chunks of a server fill
// up and are cut in the same second (docs/decisions/011).
//
//   open chunk -> full, in memory (a chain, newest first) -> full, in a file (MappedChunks)
//
// Full chunks go to files oldest first: those of a series in files are older than those in memory.
//
// Threads: the shard's mutex. Bytes of full chunks stay where they are until drop_before() or,
// once they were mapped, until free_mapped().
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "io/file_system.h"
#include "model/histogram.h"
#include "model/result.h"
#include "model/time.h"
#include "storage/querier.h"
#include "tsdb/chunk/encoding.h"
#include "tsdb/head/hot_series.h"
#include "tsdb/head/mapped_chunks.h"
#include "tsdb/head/open_builders.h"
#include "tsdb/head/slab.h"
#include "tsdb/head/snapshot_bytes.h"

namespace narthex::tsdb {

/// A series' full chunks.
struct FullChunks {
  SlotRef memory = kNoSlot;  ///< the newest of those in memory
  SlotRef mapped = kNoSlot;  ///< list of MappedChunks

  [[nodiscard]] bool empty() const { return memory == kNoSlot && mapped == kNoSlot; }
};

/// A full chunk in memory.
struct FullChunk {
  Timestamp mint;
  std::uint32_t span;  ///< maxt - mint
  SlotRef older;       ///< the chunk before this one, or kNoSlot
  SlotRef slot;        ///< of the bytes; for more than Slab::kLargestSlot a number of its own
  std::uint32_t bytes : 24;
  std::uint32_t encoding : 8;

  [[nodiscard]] Timestamp maxt() const { return mint + span; }
};
static_assert(sizeof(FullChunk) == 24);

/// How chunks are encoded once they are full; while they grow, floats without start timestamps are
/// XOR in any case, which takes the least room and time.
struct HeadEncodings {
  bool xor2_floats = false;            ///< encoding 4 instead of 1: needed for start timestamps
  bool histograms_with_start = false;  ///< encodings 5 and 6 instead of 2 and 3
};

/// What a reader takes from a series under the mutex, to be decoded without it.
struct ChunkViews {
  struct Full {
    TimeRange range;
    io::Bytes bytes;        ///< borrowed from the slab; empty if the chunk is in a file
    std::uint8_t encoding;  ///< known if it is in memory
    HeadChunkPlace place;   ///< if it is in a file

    [[nodiscard]] bool is_mapped() const { return bytes.empty(); }
  };
  std::vector<Full> full;  ///< oldest first
  const HeadChunkFiles* files = nullptr;
  HotSeries open;  ///< as of the copy; slot is meaningless
  bool has_open = false;
  bool open_is_run = false;
  bool xor2_floats = false;  ///< the open chunk, if it is XOR, will be XOR2 when it is full
  std::uint8_t open_encoding = 0;
  std::vector<std::byte> open_bytes;  ///< empty if open_is_run; complete unless plain XOR

  void clear() {
    full.clear();
    open_bytes.clear();
    has_open = false;
  }
};

class SeriesChunks {
 public:
  /// @param block_range  chunks do not cross its multiples
  SeriesChunks(PageArena& arena, DurationMs block_range)
      : block_range_(block_range), open_(arena), full_(arena), mapped_(arena) {}
  void use_files(const HeadChunkFiles* files) { files_ = files; }
  /// For chunks that are full from now on; for histograms, from their series' first on.
  void use_encodings(const HeadEncodings& encodings) { encodings_ = encodings; }

  /// Appends a sample that is newer than all others of the series.
  /// @return  true if a chunk was begun
  bool append(HotSeries& series, FullChunks& full, Timestamp t, double v);
  /// The same with a start timestamp; it is dropped unless floats are XOR2.
  bool append_with_start(HotSeries& series, FullChunks& full, Timestamp t, Timestamp st, double v);
  /// The same for a native histogram, with its start timestamp or 0.
  bool append(HotSeries& series, FullChunks& full, Timestamp t, Timestamp st, const AnyHistogram& value);
  /// How the chunk with the series' newest sample is encoded; nothing if there is none.
  [[nodiscard]] std::optional<std::uint8_t> newest_encoding(const HotSeries& series,
                                                            const FullChunks& full) const;
  /// Whether the series' newest sample is this. Decodes a chunk.
  [[nodiscard]] bool is_newest(const HotSeries& series, const FullChunks& full,
                               const AnyHistogram& value) const;
  /// Adds a full chunk, of any encoding, that is newer than all other full ones of the series. It
  /// must span less than 49 days.
  void add_full(FullChunks& full, TimeRange range, std::uint8_t encoding, io::Bytes bytes);
  /// The open chunk becomes a full one; the series' next sample begins another.
  void close_open(HotSeries& series, FullChunks& full);
  /// Takes what overlaps `range`. Reuses the vectors of `out`.
  void view(const HotSeries& series, const FullChunks& full, TimeRange range, ChunkViews& out) const;
  /// Frees chunks whose newest sample is older than t. @return their number
  std::size_t drop_before(HotSeries& series, FullChunks& full, Timestamp t);
  /// Time of the oldest sample; kMaxTime if there is none.
  [[nodiscard]] Timestamp mint(const HotSeries& series, const FullChunks& full) const;

  /// Brings the lines that an append will touch.
  void prefetch(const HotSeries& series) const {
    if (series.has_slot()) __builtin_prefetch(open_.data(series.slot) + series.enc.bits / 8, 1);
  }

  // ---- From memory to files

  struct Unmapped {
    SlotRef chunk;
    TimeRange range;
    std::uint8_t encoding;
    io::Bytes bytes;
  };
  /// Appends the series' full chunks that may go to a file now to `out`, oldest first.
  void list_unmapped(const FullChunks& full, std::vector<Unmapped>& out) const;
  /// The chunk was written to `place`. @return  false: it is not the oldest in memory any more, or
  /// has a place or time that a list cannot hold; then nothing changed
  /// @param serial  readers below it may have borrowed its bytes
  bool set_mapped(FullChunks& full, SlotRef chunk, HeadChunkPlace place, std::uint64_t serial);
  /// Gives back the bytes of mapped chunks that no reader from `oldest_reader` on has borrowed.
  void free_mapped(std::uint64_t oldest_reader);
  /// A chunk that files have is the series' newest: also instead of an open chunk that begins
  /// where it begins. @return  false: it does not fit behind what is there; then nothing changed
  /// @param more  that will follow
  bool take_over(HotSeries& series, FullChunks& full, const MappedChunk& chunk, std::size_t more = 0);
  /// Gives up the series' mapped chunks from number `first` on; `newest` is then its newest sample.
  /// It must have no other chunks.
  void drop_mapped_from(HotSeries& series, FullChunks& full, std::size_t first, Timestamp newest);
  /// Copies the series' mapped chunks to new places, under `ref`. Errors: io, corruption.
  Result<void> move_mapped(FullChunks& full, WalRef ref, HeadChunkFiles& files);
  [[nodiscard]] const MappedChunks& mapped() const { return mapped_; }

  // ---- Snapshots of the head (series_chunks_snapshot.cc); docs/formats/head-snapshot.md

  /// Appends all there is of the series to `out`.
  void save(const HotSeries& series, const FullChunks& full, std::vector<std::byte>& out) const;
  /// What restore() may take over.
  struct RestoreBounds {
    /// Chunks that end before it are in blocks, and left out.
    Timestamp min_valid = kMinTime;
    /// Chunks may lie in these.
    std::span<const HeadChunkFiles::File> files;
  };
  /// Sets the series to what save() wrote. @return  false, and `in` is not ok() any more, if that
  /// makes no sense or a chunk lies in a file that is not there; the series is empty then
  bool restore(HotSeries& series, FullChunks& full, WordReader& in, const RestoreBounds& bounds);
  /// A chunk that files have got since: the oldest of those in memory, the open one or one that
  /// follows it. @return  false: it does not fit behind what is there; then nothing changed
  bool adopt(HotSeries& series, FullChunks& full, const MappedChunk& chunk);

  /// Bytes of the regions that hold open chunks, and full ones.
  [[nodiscard]] std::size_t open_bytes() const { return open_.size_bytes() + builders_.size_bytes(); }
  [[nodiscard]] std::size_t full_bytes() const {
    return full_.size_bytes() + mapped_.size_bytes() + large_bytes_;
  }
  /// Bytes of the slots in use among them.
  [[nodiscard]] std::size_t open_used_bytes() const { return open_.used_bytes(); }
  [[nodiscard]] std::size_t full_used_bytes() const { return full_.used_bytes(); }
  [[nodiscard]] std::size_t count_full() const { return count_full_; }
  [[nodiscard]] const OpenBuilders& builders() const { return builders_; }

 private:
  struct Retired {
    std::uint64_t serial;
    SlotRef slot;
    std::uint32_t bytes;
  };

  [[nodiscard]] Timestamp range_end(Timestamp t) const;
  void begin(HotSeries& series, Timestamp t, double v);
  void predict_end(HotSeries& series) const;
  void write(HotSeries& series, Timestamp t, double v);
  void finish(HotSeries& series, FullChunks& full);
  void materialise(HotSeries& series);
  static bool write_usual(HotSeries& series, std::byte* bytes, std::size_t capacity, Timestamp t, double v);
  void write_beside(HotSeries& series, Timestamp t, double v);
  static void append_at(HotSeries& series, std::byte* end, Timestamp t, double v);
  void copy_open(const HotSeries& series, std::byte* out) const;
  void release(HotSeries& series);
  void save_open(const HotSeries& series, std::vector<std::byte>& out) const;
  void restore_stream(HotSeries& series, WordReader& in, Timestamp min_valid);
  void restore_builder(HotSeries& series, WordReader& in, Timestamp min_valid);
  void restore_mapped(FullChunks& full, WordReader& in, const RestoreBounds& bounds);
  void restore_full(FullChunks& full, WordReader& in, Timestamp min_valid);
  bool append_float_behind(HotSeries& series, FullChunks& full, Timestamp t, double v);
  bool push_float(HotSeries& series, FullChunks& full, Timestamp t, Timestamp st, double v);
  [[nodiscard]] ChunkBuilderOptions builder_options() const;
  std::uint32_t use_builder(HotSeries& series, FullChunks& full);
  void note_in_builder(HotSeries& series, std::uint32_t number, Timestamp t, double v);
  void take_finished(FullChunks& full, ChunkBuilder& builder);
  [[nodiscard]] const FullChunk& full_chunk(SlotRef ref) const {
    return *reinterpret_cast<const FullChunk*>(full_.data(ref));
  }
  [[nodiscard]] io::Bytes bytes_of(const FullChunk& chunk) const;
  void free_bytes(SlotRef slot, std::uint32_t bytes);

  DurationMs block_range_;
  const HeadChunkFiles* files_ = nullptr;
  HeadEncodings encodings_;
  Slab open_;
  OpenBuilders builders_;
  Slab full_;
  MappedChunks mapped_;
  /// Bytes of chunks that no slot holds: histograms with many buckets.
  std::vector<std::unique_ptr<std::byte[]>> large_;
  std::vector<SlotRef> free_large_;
  std::size_t large_bytes_ = 0;
  /// Mapped, and perhaps still borrowed; ascending by serial.
  std::deque<Retired> retired_;
  std::size_t count_full_ = 0;
};

/// Replaces `out` by the open chunk of `views` as complete bytes, encoded as if it were full.
/// @return  the encoding
std::uint8_t complete_open(const ChunkViews& views, std::vector<std::byte>& out);

/// Appends the samples of `views` inside `range` to `out`. Errors: corruption, io.
Result<void> decode_views(const ChunkViews& views, TimeRange range, storage::SampleColumns& out);

}  // namespace narthex::tsdb

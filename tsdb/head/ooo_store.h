// OooStore: the late samples of the head's series, beside their chunks in order.
//
// Only series that have some are in here. A series' samples pass through:
//
//   open (at most 32, see OooSamples) -> closed, in memory -> in a file of HeadChunkFiles
//
// Chunks are numbered in the order in which they are closed, over all series: what a block was made of is
// everything below a number. Chunks overlap each other and those in order, in any way.
//
// Threads: the shard's mutex. Closed samples never change and are shared with readers.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "tsdb/head/head_chunk_files.h"
#include "tsdb/head/ooo_samples.h"

namespace narthex::tsdb {

/// Whether all of the log of late samples could be read at the start.
enum class LateLog : std::uint8_t { missing_or_damaged, whole };

/// A closed chunk.
struct OooChunk {
  std::uint64_t number;  ///< several of one closing, of different kinds, may share it
  TimeRange range;
  std::shared_ptr<const OooSamples> samples;  ///< null: it is in a file
  HeadChunkPlace place;                       ///< if it is in a file
  bool marked = false;                        ///< a marker in the log says that it is in a file

  [[nodiscard]] bool is_mapped() const { return samples == nullptr; }
};

struct OooSeries {
  std::vector<OooChunk> chunks;  ///< ascending by number
  OooSamples open;
};

/// What a reader takes of a series under the mutex, to be decoded without it.
struct OooViews {
  std::vector<OooChunk> chunks;
  OooSamples open;

  [[nodiscard]] bool empty() const { return chunks.empty() && open.empty(); }
  void clear() {
    chunks.clear();
    open.clear();
  }
};

class OooStore {
 public:
  /// Samples of an open chunk. Source: Prometheus tsdb/head.go, DefaultOutOfOrderCapMax
  static constexpr std::size_t kMostOpen = 32;

  [[nodiscard]] bool empty() const { return series_.empty(); }
  [[nodiscard]] const OooSeries* find(std::uint32_t ordinal) const;
  OooSeries* find(std::uint32_t ordinal);
  /// Makes it if there is none. Valid until one is made or goes.
  OooSeries& acquire(std::uint32_t ordinal) { return series_[ordinal]; }
  void forget(std::uint32_t ordinal) { series_.erase(ordinal); }

  /// The open chunk becomes a closed one, if it has samples.
  void close(OooSeries& series);
  void close_all();
  /// Adds a chunk that is in a file.
  void add_mapped(std::uint32_t ordinal, TimeRange range, HeadChunkPlace place);
  /// Every chunk from now on has this number or a higher one.
  [[nodiscard]] std::uint64_t next_number() const { return next_number_; }
  /// Forgets chunks below `number`, and series that have nothing else. @return  how many chunks
  std::size_t drop_before(std::uint64_t number);
  /// Forgets chunks in files that no marker in the log names, and series that have nothing else.
  void drop_unmarked();

  /// Whether the series has samples in the range, in chunks from `floor` on.
  [[nodiscard]] bool overlaps(std::uint32_t ordinal, TimeRange range, std::uint64_t floor) const;
  /// Takes what overlaps `range`, in chunks from `floor` on. Reuses the vectors of `out`.
  void view(std::uint32_t ordinal, TimeRange range, std::uint64_t floor, OooViews& out) const;
  /// From the series' oldest sample to its newest; nothing if there is none.
  [[nodiscard]] std::optional<TimeRange> range(std::uint32_t ordinal) const;
  /// The same for all series. Walks all.
  [[nodiscard]] std::optional<TimeRange> range() const;

  /// Of pairs of an ordinal and its series, in no order.
  [[nodiscard]] auto begin() { return series_.begin(); }
  [[nodiscard]] auto end() { return series_.end(); }
  [[nodiscard]] auto begin() const { return series_.begin(); }
  [[nodiscard]] auto end() const { return series_.end(); }
  /// Walk all.
  [[nodiscard]] std::size_t count_chunks() const;
  [[nodiscard]] std::size_t size_bytes() const;

 private:
  boost::unordered_flat_map<std::uint32_t, OooSeries> series_;
  std::uint64_t next_number_ = 1;
};

/// Adds what the views hold to `merger`, in the order in which it came. @param files  null if no chunk is
/// in a file. Errors: corruption, io.
Result<void> add_views(const OooViews& views, const HeadChunkFiles* files, OooMerger& merger);

}  // namespace narthex::tsdb

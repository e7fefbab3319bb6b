// ChunkMerger: the chunks of one series, from one source or several, as one list that ascends,
// does not overlap and holds nothing deleted.
//
//   source A  [--1--][--2--]   [--3--]     1      copied as it is
//   source B         [---4---] [--3--]     2, 4   decoded, merged, encoded anew
//                                          3      copied once: both are the same, byte by byte
//
// Samples of the same time are kept once: that of the earlier source stays. Chunks are encoded
// anew only where they overlap, reach over the range or have deleted samples; and, if asked for,
// where chunks of floats can be joined to fewer.
// Source: Prometheus storage/merge.go (compactChunkIterator), tsdb/querier.go (trimming).
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/result.h"
#include "tsdb/chunk/chunk_builder.h"
#include "tsdb/chunk/chunk_samples.h"
#include "tsdb/compact/chunk_source.h"

namespace narthex::tsdb {

struct ChunkMergerOptions {
  /// Samples outside are left out.
  TimeRange range = {};
  /// Neighbouring chunks of floats become as few as 120 samples each allow, alike in length.
  bool join_small_chunks = false;
  /// Floats that are encoded anew are written with encoding 4; those with a start timestamp
  /// always are.
  bool xor2_floats = false;
};

class ChunkMerger {
 public:
  explicit ChunkMerger(const ChunkMergerOptions& options) : options_(options) {}

  /// @param parts  the same series as several sources hold it, in order of precedence
  /// @return  valid until the next call, and while the parts' bytes are; empty if nothing is left
  /// Errors: corruption.
  Result<std::span<const ChunkToWrite>> merge(std::span<const SourceSeries* const> parts);

 private:
  struct Piece {
    ChunkToWrite chunk;
    std::span<const TimeRange> deleted;  ///< of its source; empty if the chunk is whole
    std::uint32_t source = 0;
    bool whole = true;  ///< nothing of it is left out
  };

  void collect(const SourceSeries& part, std::uint32_t source);
  /// Position behind the last piece that overlaps those from `begin` on.
  [[nodiscard]] std::size_t overlap_end(std::size_t begin) const;
  [[nodiscard]] bool are_one_chunk(std::span<const Piece> pieces) const;
  Result<void> encode_anew(std::span<const Piece> pieces);
  Result<void> decode(const Piece& piece, ChunkSamples& out) const;
  void write_merged(std::size_t count);
  Result<void> join();
  Result<void> join_run(std::span<const ChunkToWrite> run, std::size_t pieces, std::uint64_t samples);
  void take(std::vector<BuiltChunk> built);

  ChunkMergerOptions options_;
  std::vector<Piece> pieces_;
  std::vector<ChunkSamples> decoded_;
  std::vector<ChunkToWrite> out_;
  std::vector<ChunkToWrite> joined_;
  /// What `out_` borrows from.
  std::vector<BuiltChunk> built_;
};

}  // namespace narthex::tsdb

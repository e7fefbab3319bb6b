// OooChunkSource: the head's late samples as a source of chunks, for the blocks that are made of them.
//
//   close_out_of_order() -> number N -> OooSnapshot: every chunk below N -> one source for each block range
//
// Nothing of a snapshot goes away while it is in use: it shares the samples in memory, and chunk files are
// truncated by the thread that makes the blocks.
//
// Threads: as ChunkSource; any may append meanwhile. No mutex is held between calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tsdb/compact/chunk_source.h"
#include "tsdb/head/head_state.h"

namespace narthex::tsdb {

/// Chunks of late samples, by series in the order of their labels.
struct OooSnapshot {
  struct Series {
    Ordinal ordinal;
    WalRef ref;
    std::vector<OooChunk> chunks;
  };
  std::vector<Series> series;
  TimeRange range{kMaxTime, kMinTime};  ///< of all chunks

  [[nodiscard]] bool empty() const { return series.empty(); }
};

/// Chunks from the floor of the head up to `end`, which is no part of it.
std::shared_ptr<const OooSnapshot> take_ooo_snapshot(HeadState& head, std::uint64_t end);

class OooChunkSource final : public ChunkSource {
 public:
  /// Samples inside `range`.
  OooChunkSource(HeadState& head, std::shared_ptr<const OooSnapshot> snapshot, TimeRange range)
      : head_(head), snapshot_(std::move(snapshot)), range_(range) {}

  Result<void> symbols(std::vector<std::string>& out) override;
  Result<bool> next(SourceSeries& out) override;

 private:
  bool take_series(const OooSnapshot::Series& series, SourceSeries& out);

  HeadState& head_;
  std::shared_ptr<const OooSnapshot> snapshot_;
  TimeRange range_;
  std::size_t next_ = 0;
  OooMerger merger_;
  std::vector<BuiltChunk> built_;
};

}  // namespace narthex::tsdb

// HeadChunkSource: the head as a source of chunks, for the block that is cut from it.
//
// It is a view at one watermark, as HeadQuerier is. The order of labels is worked out once, by
// ranks of label pairs; a series' chunks are looked up when its turn comes, so that what is kept
// over all of them is twelve bytes each.
//
// Full chunks are borrowed: none that this may see is freed while it is open. The open one is
// copied and completed.
//
// Threads: as ChunkSource; any may append meanwhile. No mutex is held between calls.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tsdb/chunk/chunk_builder.h"
#include "tsdb/compact/chunk_source.h"
#include "tsdb/head/head_state.h"

namespace narthex::tsdb {

class HeadChunkSource final : public ChunkSource {
 public:
  HeadChunkSource(HeadState& head, TimeRange range);
  ~HeadChunkSource() override;
  HeadChunkSource(const HeadChunkSource&) = delete;
  HeadChunkSource& operator=(const HeadChunkSource&) = delete;

  Result<void> symbols(std::vector<std::string>& out) override;
  Result<bool> next(SourceSeries& out) override;

 private:
  /// Series are found again by reference: an ordinal may have gone to another series.
  struct Series {
    std::uint32_t ref_high;
    std::uint32_t ref_low;
    Ordinal ordinal;
    [[nodiscard]] WalRef ref() const { return WalRef{ref_high} << 32 | ref_low; }
  };

  void order_series();
  bool take_views(const Series& series, SourceSeries& out);
  Result<void> add_chunks(SourceSeries& out);

  HeadState& head_;
  TimeRange range_;
  Isolation::Reader reader_;
  std::vector<Series> series_;
  std::size_t next_ = 0;
  /// Of the series at hand.
  TimeRange visible_;
  ChunkViews views_;
  std::vector<std::shared_ptr<const io::Mapping>> keepers_;
  /// Chunks read from files since their pages were let go last.
  std::size_t pages_touched_ = 0;
  std::vector<std::byte> made_;
  std::vector<BuiltChunk> cut_;
};

}  // namespace narthex::tsdb

// BlockSelection: the selected series of one block as a source of chunks.
//
// Threads: as ChunkSource.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/matcher.h"
#include "tsdb/block/block.h"
#include "tsdb/block/block_querier.h"
#include "tsdb/block/postings.h"
#include "tsdb/compact/chunk_source.h"

namespace narthex::tsdb {

/// Each list selects by all its matchers; a series that one list selects is selected.
using MatcherLists = std::span<const std::vector<Matcher>>;

class BlockSelection final : public ChunkSource {
 public:
  /// Gives chunks that reach into `range`. Errors: corruption.
  static Result<std::unique_ptr<BlockSelection>> open(const Block& block, TimeRange range,
                                                      MatcherLists selectors);

  /// Only of the selected series. Errors: corruption.
  Result<void> symbols(std::vector<std::string>& out) override;
  Result<bool> next(SourceSeries& out) override;

 private:
  BlockSelection(std::shared_ptr<const BlockFiles> files, TimeRange range, const SymbolTable& symbols)
      : files_(std::move(files)), range_(range), symbols_(symbols) {}
  Result<void> read(std::uint32_t ref, SourceSeries& out);
  Result<Labels> labels_of(const SeriesEntry& entry) const;

  std::shared_ptr<const BlockFiles> files_;
  TimeRange range_;
  const SymbolTable& symbols_;
  SeriesRefs refs_;
  std::size_t next_ = 0;
  std::vector<ChunkMeta> metas_;
};

}  // namespace narthex::tsdb

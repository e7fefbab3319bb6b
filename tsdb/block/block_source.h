// BlockSource: a block as a source of chunks, read in place from its mapping.
//
// Threads: as ChunkSource.
#pragma once

#include <memory>

#include "tsdb/block/block_querier.h"
#include "tsdb/block/postings.h"
#include "tsdb/compact/chunk_source.h"

namespace narthex::tsdb {

/// Series with chunks that overlap `range`; chunks that are deleted as a whole are left out.
/// @param files  shared with the source
std::unique_ptr<ChunkSource> make_block_source(std::shared_ptr<const BlockFiles> files, TimeRange range);
/// The same of the series with these references only; symbols() gives those of the whole block.
std::unique_ptr<ChunkSource> make_block_source(std::shared_ptr<const BlockFiles> files, TimeRange range,
                                               SeriesRefs selected);

}  // namespace narthex::tsdb

// BlockQuerier: reads one block; what storage::Querier promises.
//
// Threads: as storage/querier.h says.
#pragma once

#include <memory>

#include "storage/querier.h"
#include "tsdb/block/chunk_segment.h"
#include "tsdb/block/index_reader.h"
#include "tsdb/block/match_cache.h"
#include "tsdb/block/tombstones.h"

namespace narthex::tsdb {

/// The parts of an open block.
struct BlockFiles {
  std::string directory;
  std::unique_ptr<IndexReader> index;
  ChunkSegments chunks;
  Tombstones tombstones;
  MatchCache matched;
};

/// @param files  shared with the querier and all it returns
std::unique_ptr<storage::Querier> make_block_querier(std::shared_ptr<const BlockFiles> files,
                                                     TimeRange range);

}  // namespace narthex::tsdb

// Writing a part of the head as a block.
//
// Chunks are made anew with 120 samples each: the head's own are staggered, and its open ones
// reach over the end of the block.
#pragma once

#include <optional>
#include <string>

#include "io/file_system.h"
#include "model/result.h"
#include "storage/querier.h"
#include "tsdb/block/block_meta.h"

namespace narthex::tsdb {

/// Writes the samples of `source` with mint <= t < maxt as block <parent_dir>/<ulid>.
/// @return  its meta; nothing if there were no samples and so no block
/// Errors: io, corruption.
Result<std::optional<BlockMeta>> write_block(io::FileSystem& fs, const std::string& parent_dir,
                                             storage::Querier& source, Timestamp mint, Timestamp maxt,
                                             const std::string& ulid);

}  // namespace narthex::tsdb

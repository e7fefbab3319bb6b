// Which samples of a block a deletion takes out, as tombstones: the block's other files never change.
//
// Threads: any.
#pragma once

#include <span>
#include <vector>

#include "model/matcher.h"
#include "model/result.h"
#include "tsdb/block/block_querier.h"

namespace narthex::tsdb {

/// One for each series that matches and has a chunk that overlaps `range`, from its oldest to its
/// newest sample at most. Ascending by reference. Errors: corruption.
/// Source: Prometheus tsdb/block.go, Block.Delete
Result<std::vector<Stone>> find_deleted(const BlockFiles& files, TimeRange range,
                                        std::span<const Matcher> matchers);

}  // namespace narthex::tsdb

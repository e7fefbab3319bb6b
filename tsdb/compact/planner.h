// Planning compaction: which blocks are merged next, by Prometheus' rules.
//
//   ranges 2h 6h 18h     |--2h--|--2h--|--2h--|--2h--|--2h--|        the newest is left alone
//                        `------ 6h -----------'                     merged next
//
// Blocks that overlap come first. Then the first range, from small to large, that several blocks
// fill or that lies wholly before the newest block. Then a block with many tombstones. A block
// whose compaction has failed is left out, and so is what would be merged with it. Blocks that
// hold a part of the head only (hints from-stale-series, from-selected-series) are merged among
// themselves: their hint keeps replay from taking them for all of the head. So are, unlike in Prometheus,
// blocks of late samples that reach beyond what was cut from the head: merged with others they would lose
// their hint, and replay would leave out what the head still holds of their time.
// Source: Prometheus tsdb/compact.go (plan, selectDirs, selectOverlappingDirs, CompactBlockMetas).
//
// Threads: any.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "model/time.h"
#include "tsdb/block/block_meta.h"

namespace narthex::tsdb {

struct PlannerOptions {
  std::vector<DurationMs> ranges;  ///< of blocks, ascending; the first is that of the head
  bool merge_overlapping = true;
};

/// min, 3 min, 9 min and so on, ten at most, up to max.
std::vector<DurationMs> compaction_ranges(DurationMs min, DurationMs max);

/// @return  ULIDs of the blocks to make into one, ascending by time; one of them alone where only
/// its tombstones are to be cleaned; none if there is nothing to do
std::vector<std::string> plan_compaction(std::span<const BlockMeta> blocks, const PlannerOptions& options);

/// What the block that `parents` are merged into says of itself; its stats are counted later.
/// @param parents  at least one
BlockMeta merged_meta(const std::string& ulid, std::span<const BlockMeta> parents);

/// Whether any two of the blocks overlap in time.
bool any_overlap(std::span<const BlockMeta> blocks);

}  // namespace narthex::tsdb

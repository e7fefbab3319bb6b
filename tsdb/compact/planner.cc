#include "tsdb/compact/planner.h"

#include <algorithm>
#include <set>

namespace narthex::tsdb {
namespace {

constexpr std::size_t kMostRanges = 10;
constexpr int kRangeFactor = 3;
/// A block with more tombstones than this share of its series is written anew without them.
constexpr double kManyTombstones = 0.05;

using Metas = std::vector<const BlockMeta*>;

std::vector<std::string> ulids_of(std::span<const BlockMeta* const> blocks) {
  std::vector<std::string> ulids;
  ulids.reserve(blocks.size());
  for (const BlockMeta* block : blocks) ulids.push_back(block->ulid);
  return ulids;
}

/// The first run of blocks of which each overlaps one before it.
std::span<const BlockMeta* const> find_overlap(const Metas& blocks) {
  std::size_t begin = 0;
  std::size_t end = 0;  // behind the run; 0: none yet
  Timestamp maxt = blocks.front()->maxt;
  for (std::size_t i = 1; i < blocks.size(); ++i) {
    if (blocks[i]->mint < maxt) {
      if (end == 0) begin = i - 1;
      end = i + 1;
    } else if (end != 0) {
      break;
    }
    maxt = std::max(maxt, blocks[i]->maxt);
  }
  return std::span(blocks).subspan(begin, end == 0 ? 0 : end - begin);
}

/// Start of the multiple of `range` that `t` lies in.
Timestamp aligned(Timestamp t, DurationMs range) {
  const Timestamp start = t / range * range;
  return start > t ? start - range : start;
}

/// Blocks by the multiples of `range` that they lie in; one that fits into none is left out.
std::vector<std::span<const BlockMeta* const>> split_by_range(std::span<const BlockMeta* const> blocks,
                                                              DurationMs range) {
  std::vector<std::span<const BlockMeta* const>> groups;
  for (std::size_t i = 0; i < blocks.size();) {
    const Timestamp end = aligned(blocks[i]->mint, range) + range;
    if (blocks[i]->maxt > end) {
      ++i;
      continue;
    }
    const std::size_t begin = i;
    while (i < blocks.size() && blocks[i]->maxt <= end) ++i;
    groups.push_back(blocks.subspan(begin, i - begin));
  }
  return groups;
}

std::span<const BlockMeta* const> find_full_range(std::span<const BlockMeta* const> blocks,
                                                  std::span<const DurationMs> ranges) {
  if (ranges.size() < 2 || blocks.empty()) return {};
  const Timestamp newest = blocks.back()->mint;
  for (const DurationMs range : ranges.subspan(1)) {
    for (const auto& group : split_by_range(blocks, range)) {
      if (std::ranges::any_of(group, &BlockMeta::failed)) continue;
      const Timestamp mint = group.front()->mint;
      const Timestamp maxt = group.back()->maxt;
      // Not too early: another block may still come into a range that is not over.
      if (group.size() > 1 && (maxt - mint == range || maxt <= newest)) return group;
    }
  }
  return {};
}

/// The newest block of some size that is full of tombstones.
const BlockMeta* find_tombstones(std::span<const BlockMeta* const> blocks,
                                 std::span<const DurationMs> ranges) {
  const DurationMs large = ranges[ranges.size() / 2];
  for (auto at = blocks.rbegin(); at != blocks.rend(); ++at) {
    const BlockMeta& block = **at;
    if (block.failed) continue;
    const auto tombstones = static_cast<double>(block.num_tombstones);
    if (block.maxt - block.mint < large) {
      // Deleted as a whole, it goes whatever its size.
      if (block.num_tombstones > 0 && block.num_tombstones >= block.num_series) return &block;
      return nullptr;
    }
    if (tombstones / static_cast<double>(block.num_series + 1) > kManyTombstones) return &block;
  }
  return nullptr;
}

/// For blocks that may all be merged with each other.
std::vector<std::string> plan_class(Metas blocks, const PlannerOptions& options) {
  if (blocks.empty()) return {};
  std::ranges::sort(blocks, [](const BlockMeta* a, const BlockMeta* b) {
    return a->mint != b->mint ? a->mint < b->mint : a->ulid < b->ulid;
  });
  if (options.merge_overlapping) {
    Metas sound;
    std::ranges::copy_if(blocks, std::back_inserter(sound), [](const BlockMeta* b) { return !b->failed; });
    if (!sound.empty()) {
      if (const auto found = find_overlap(sound); !found.empty()) return ulids_of(found);
    }
  }
  // The newest one stays as it was cut for as long as it is the newest: time to copy it away.
  const auto older = std::span<const BlockMeta* const>(blocks).first(blocks.size() - 1);
  if (const auto found = find_full_range(older, options.ranges); !found.empty()) return ulids_of(found);
  if (const BlockMeta* found = find_tombstones(older, options.ranges)) return {found->ulid};
  return {};
}

}  // namespace

std::vector<DurationMs> compaction_ranges(DurationMs min, DurationMs max) {
  std::vector<DurationMs> ranges;
  for (DurationMs range = min; ranges.size() < kMostRanges; range *= kRangeFactor) {
    if (!ranges.empty() && range > max) break;
    ranges.push_back(range);
    if (range > kMaxTime / kRangeFactor) break;
  }
  return ranges;
}

std::vector<std::string> plan_compaction(std::span<const BlockMeta> blocks, const PlannerOptions& options) {
  Timestamp cut_up_to = kMinTime;
  for (const BlockMeta& block : blocks) {
    if (is_cut_from_head(block)) cut_up_to = std::max(cut_up_to, block.maxt);
  }
  Metas whole;
  Metas ahead;
  Metas stale;
  Metas selected;
  for (const BlockMeta& block : blocks) {
    Metas& of_its_class = has_hint(block, kFromStaleSeries)                    ? stale
                          : has_hint(block, kFromSelectedSeries)               ? selected
                          : !is_cut_from_head(block) && block.maxt > cut_up_to ? ahead
                                                                               : whole;
    of_its_class.push_back(&block);
  }
  for (Metas* one : {&whole, &ahead, &stale, &selected}) {
    auto plan = plan_class(std::move(*one), options);
    if (!plan.empty()) return plan;
  }
  return {};
}

BlockMeta merged_meta(const std::string& ulid, std::span<const BlockMeta> parents) {
  BlockMeta meta;
  meta.ulid = ulid;
  meta.mint = parents.front().mint;
  meta.maxt = parents.front().maxt;
  meta.level = 0;
  std::set<std::string> sources;
  for (const BlockMeta& parent : parents) {
    meta.mint = std::min(meta.mint, parent.mint);
    meta.maxt = std::max(meta.maxt, parent.maxt);
    meta.level = std::max(meta.level, parent.level);
    sources.insert(parent.sources.begin(), parent.sources.end());
    for (const std::string_view hint : {kFromStaleSeries, kFromSelectedSeries}) {
      if (has_hint(parent, hint)) add_hint(meta, hint);
    }
    meta.parents.push_back({parent.ulid, parent.mint, parent.maxt});
  }
  // Merged with a block that was cut in order, it says up to where the head was written.
  if (meta.hints.empty() && std::ranges::none_of(parents, is_cut_from_head)) add_hint(meta, kFromOutOfOrder);
  ++meta.level;
  meta.sources.assign(sources.begin(), sources.end());
  return meta;
}

bool any_overlap(std::span<const BlockMeta> blocks) {
  Metas sorted;
  for (const BlockMeta& block : blocks) sorted.push_back(&block);
  std::ranges::sort(sorted, {}, &BlockMeta::mint);
  return !sorted.empty() && !find_overlap(sorted).empty();
}

}  // namespace narthex::tsdb

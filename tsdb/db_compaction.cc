// Head to block, and blocks to larger blocks.
//
//   head spans > 1.5 ranges -> refuse_before(T) -> block written, synced, renamed
//     -> {list of blocks, floor of the head} switch together -> collect() frees series and
//     chunks when no older reader is left -> log truncated behind a checkpoint
//   blocks fill a range -> merged block written, synced, renamed; it names its parents
//     -> the list switches -> the parents' directories go; a start between finds them by name
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <algorithm>
#include <random>
#include <utility>

#include "telemetry/log.h"
#include "tsdb/compact/block_populator.h"
#include "tsdb/compact/planner.h"
#include "tsdb/db_impl.h"

namespace narthex::tsdb {
namespace {

double seconds_since(const Clock& clock, std::chrono::nanoseconds begin) {
  return std::chrono::duration<double>(clock.steady() - begin).count();
}

DurationMs random_delay(DurationMs range, int percent) {
  const DurationMs most = range / 100 * percent;
  if (most <= 0) return 0;
  std::random_device seed;
  return std::uniform_int_distribution<DurationMs>(0, most - 1)(seed);
}

std::string join(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : " ") + text;
  return out;
}

}  // namespace

bool Db::Impl::is_head_due() {
  if (!head.is_compactable()) {
    head_due_since.reset();
    return false;
  }
  if (!head_due_since) {
    head_due_since = clock.steady();
    compaction_delay = random_delay(options.min_block_range, options.compaction_delay_percent);
  }
  return clock.steady() - *head_due_since >= std::chrono::milliseconds(compaction_delay);
}

Result<void> Db::Impl::compact_head() {
  // What an earlier round had to leave to a query that was still open.
  if (!collect()) return {};
  while (is_head_due()) {
    if (auto cut = cut_block(); !cut) {
      if (cut.error().code != Code::cancelled) metrics.compactions_failed->Increment();
      return pass(cut, "writing the head as a block");
    }
    if (!collect()) return {};
  }
  return {};
}

Result<void> Db::Impl::cut_block() {
  const DurationMs range = options.min_block_range;
  const Timestamp oldest = head.mint();
  BlockMeta meta;
  meta.mint = oldest / range * range;
  if (meta.mint > oldest) meta.mint -= range;
  meta.maxt = meta.mint + range;
  meta.ulid = make_ulid(clock.now());
  meta.sources = {meta.ulid};
  head.refuse_before(meta.maxt);

  std::vector<std::unique_ptr<ChunkSource>> sources;
  sources.push_back(head.chunk_source({oldest, meta.maxt - 1}));
  auto block = write_block(meta, std::move(sources), true);
  if (!block) return pass(block);
  const sync::MutexLock view(view_mutex);
  if (*block) blocks.add(std::move(*block));
  head.hide_before(meta.maxt);
  wal_due_before = meta.maxt;
  return {};
}

Result<std::shared_ptr<Block>> Db::Impl::write_block(const BlockMeta& meta,
                                                     std::vector<std::unique_ptr<ChunkSource>> sources,
                                                     bool from_head) {
  const auto begin = clock.steady();
  ChunkTally tally;
  PopulateOptions populate;
  populate.join_small_chunks = from_head;
  populate.xor2_floats = xor2_floats;
  populate.segment_bytes = options.chunk_segment_bytes;
  populate.stop = stop.token();
  if (meta.level == 1) populate.on_chunk = [&tally](const ChunkToWrite& chunk) { tally.add(chunk); };
  metrics.populating_block->Set(1);
  auto written = populate_block(fs, directory, meta, std::move(sources), populate);
  metrics.populating_block->Set(0);
  metrics.compactions->Increment();
  metrics.compaction_seconds->Observe(seconds_since(clock, begin));
  if (!written) return pass(written);
  if (!*written) return std::shared_ptr<Block>();
  metrics.count_chunks(tally);

  auto opened = blocks.open_block(meta.ulid);
  if (!opened) {
    // What it was made from is still there; the next round writes it again.
    if (auto removed = blocks.remove({meta.ulid}); !removed) return pass(removed);
    return pass(opened, "reading back the block just written");
  }
  telemetry::info(from_head ? "Head block written" : "Blocks compacted",
                  {{"block", meta.ulid},
                   {"mint", std::to_string(meta.mint)},
                   {"maxt", std::to_string(meta.maxt)},
                   {"level", std::to_string(meta.level)},
                   {"series", std::to_string((*written)->num_series)},
                   {"samples", std::to_string((*written)->num_samples)},
                   {"duration_seconds", std::to_string(seconds_since(clock, begin))}});
  return opened;
}

Result<void> Db::Impl::compact_blocks() {
  const PlannerOptions planner{
      .ranges = compaction_ranges(options.min_block_range, options.max_block_range),
      .merge_overlapping = options.merge_overlapping_blocks,
  };
  for (;;) {
    // The head does not wait for a long row of merges.
    if (stop.token().stopped() || is_head_due()) return {};
    std::vector<BlockMeta> metas;
    for (const auto& block : blocks.snapshot()) metas.push_back(block->meta());
    const auto plan = plan_compaction(uploads.compactable(std::move(metas)), planner);
    if (plan.empty() || !has_room_for(plan)) return {};
    auto merged = merge_blocks(plan);
    if (auto reloaded = reload_blocks(); !reloaded && merged) merged = pass(reloaded);
    if (!merged) return pass(merged, "compacting blocks " + join(plan));
  }
}

bool Db::Impl::has_room_for(const std::vector<std::string>& ulids) {
  std::uint64_t bytes = 0;
  for (const auto& block : blocks.snapshot()) {
    if (std::ranges::find(ulids, block->meta().ulid) != ulids.end()) bytes += block->size_bytes();
  }
  disk.check();
  if (disk.has_room_for(bytes)) return true;
  telemetry::warn("Blocks are not compacted: the disk has no room for what they become",
                  {{"blocks", join(ulids)},
                   {"bytes", std::to_string(bytes)},
                   {"free_bytes", std::to_string(disk.state().free_bytes)}});
  return false;
}

Result<void> Db::Impl::merge_blocks(const std::vector<std::string>& ulids) {
  std::vector<BlockMeta> parents;
  std::vector<std::unique_ptr<ChunkSource>> sources;
  // In the order of queries, in which the earlier block decides between samples of the same time.
  for (const auto& block : blocks.snapshot()) {
    if (std::ranges::find(ulids, block->meta().ulid) == ulids.end()) continue;
    parents.push_back(block->meta());
    sources.push_back(block->chunk_source({block->meta().mint, block->meta().maxt - 1}));
  }
  if (any_overlap(parents)) metrics.vertical_compactions->Increment();
  auto merged = write_block(merged_meta(make_ulid(clock.now()), parents), std::move(sources), false);
  if (merged && *merged) {
    blocks.add(std::move(*merged));
    return {};
  }
  if (merged) {
    telemetry::info("Nothing is left of compacted blocks; they are deleted", {{"blocks", join(ulids)}});
    for (const std::string& ulid : ulids) {
      auto marked = blocks.write_meta(ulid, [](BlockMeta& meta) { meta.deletable = true; });
      if (!marked) return marked;
    }
    return {};
  }
  if (merged.error().code == Code::cancelled) return pass(merged);
  metrics.compactions_failed->Increment();
  // Damage does not heal; a full disk may.
  if (merged.error().code != Code::corruption) return pass(merged);
  for (const std::string& ulid : ulids) {
    auto marked = blocks.write_meta(ulid, [](BlockMeta& meta) { meta.failed = true; });
    if (!marked) return marked;
  }
  return pass(merged, "not to be tried again");
}

}  // namespace narthex::tsdb

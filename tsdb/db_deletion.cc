// Deletion: samples are hidden by tombstones at once, and gone from the disk when a block is
// written anew, by compaction or by clean_tombstones().
//
//   head: the log, then the ranges that queries leave out (head/head_deletion.cc)
//   block: tombstones replaced as a whole -> meta.json with their number -> the block opened again
#include <prometheus/histogram.h>

#include <chrono>
#include <utility>

#include "telemetry/log.h"
#include "tsdb/block/block_deletion.h"
#include "tsdb/db_impl.h"

namespace narthex::tsdb {

Result<void> Db::Impl::delete_series(TimeRange range, std::span<const Matcher> matchers) {
  const sync::MutexLock guard(maintenance_mutex);
  if (closed.load() || !wal) return fail(Code::unavailable, "the database is closed");
  Result<void> first_error;
  const auto keep_going = [&](Result<void> done) {
    if (!done && first_error) first_error = std::move(done);
  };
  for (const auto& block : blocks.snapshot()) {
    // Ends of blocks are exclusive.
    if (range.overlaps({block->meta().mint, block->meta().maxt - 1}))
      keep_going(delete_in_block(*block, range, matchers));
  }
  keep_going(delete_in_head(range, matchers));
  return first_error;
}

Result<void> Db::Impl::delete_in_block(const Block& block, TimeRange range,
                                       std::span<const Matcher> matchers) {
  const std::string ulid = block.meta().ulid;
  auto found = find_deleted(*block.files(), range, matchers);
  if (!found) return pass(found, "deleting samples");
  if (found->empty()) return {};
  const Tombstones all = add_stones(block.files()->tombstones, *found);
  const std::string path = block.directory() + "/tombstones";
  if (auto written = io::replace_file(fs, path, write_tombstones(all.all())); !written)
    return pass(written, "deleting samples of block " + ulid);
  // Opens the block again, and so makes queries and compactions heed it.
  auto counted = blocks.write_meta(ulid, [&](BlockMeta& meta) { meta.num_tombstones = all.size(); });
  if (!counted) return pass(counted, "deleting samples of block " + ulid);
  telemetry::info("Samples of a block deleted", {{"block", ulid},
                                                 {"series", std::to_string(found->size())},
                                                 {"tombstones", std::to_string(all.size())}});
  return {};
}

/// Between its two writes a deletion leaves a block whose meta.json knows less than is deleted: queries heed
/// the tombstones, but no compaction would be due to them.
void Db::Impl::mend_tombstone_counts() {
  for (const auto& block : blocks.snapshot()) {
    const std::uint64_t count = block->files()->tombstones.size();
    if (block->meta().num_tombstones == count) continue;
    const std::string& ulid = block->meta().ulid;
    const auto counted = blocks.write_meta(ulid, [count](BlockMeta& meta) { meta.num_tombstones = count; });
    if (!counted)
      telemetry::warn("The number of a block's tombstones stays wrong in its meta.json",
                      {{"block", ulid}, {"err", counted.error().text}});
  }
}

Result<void> Db::Impl::delete_in_head(TimeRange range, std::span<const Matcher> matchers) {
  auto removed = head.remove(range, matchers);
  if (!removed) return pass(removed);
  if (*removed == 0) return {};
  telemetry::info("Samples of the head deleted", {{"series", std::to_string(*removed)}});
  // Who was told that it is deleted shall not find it again after a power cut.
  return wal->sync();
}

Result<void> Db::Impl::clean_tombstones() {
  const sync::MutexLock guard(maintenance_mutex);
  if (closed.load()) return fail(Code::unavailable, "the database is closed");
  const auto begin = clock.steady();
  Result<void> done;
  for (const auto& block : blocks.snapshot()) {
    if (block->files()->tombstones.empty()) continue;
    done = rewrite_block(*block);
    if (!done) {
      done = pass(done, "clean tombstones: " + block->directory());
      break;
    }
  }
  metrics.tombstone_cleanup_seconds->Observe(std::chrono::duration<double>(clock.steady() - begin).count());
  return done;
}

Result<void> Db::Impl::rewrite_block(const Block& block) {
  const BlockMeta& old = block.meta();
  // As Prometheus': a block of its own with one parent, whatever the parent was made of.
  BlockMeta meta;
  meta.ulid = make_ulid(clock.now());
  meta.mint = old.mint;
  meta.maxt = old.maxt;
  meta.sources = {meta.ulid};
  meta.parents = {{old.ulid, old.mint, old.maxt}};
  meta.hints = old.hints;
  std::vector<std::unique_ptr<ChunkSource>> sources;
  sources.push_back(block.chunk_source({old.mint, old.maxt - 1}));
  auto written = write_block(meta, std::move(sources), false);
  if (!written) return pass(written);
  if (*written) {
    blocks.add(std::move(*written));
  } else {
    telemetry::info("Nothing is left of a block; it is deleted", {{"block", old.ulid}});
    auto marked = blocks.write_meta(old.ulid, [](BlockMeta& m) { m.deletable = true; });
    if (!marked) return marked;
  }
  // Deletes the old one.
  return reload_blocks();
}

}  // namespace narthex::tsdb

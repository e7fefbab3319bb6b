// Samples that came late: their log, and the blocks that are made of them.
//
//   a block was cut from the head -> a segment of the log begins, all chunks of late samples are closed
//     -> one block for each block range that has some, written, synced, renamed
//     -> {list of blocks, floor of late chunks} switch together -> the log's earlier segments go
//
// Until then chunks and log hold what the blocks hold; a start between finds the same samples twice, and
// merges them. The blocks overlap those cut from the head: compaction merges them later.
// Source: Prometheus tsdb/db.go (compactOOOHead).
#include <algorithm>
#include <set>
#include <utility>

#include "telemetry/log.h"
#include "tsdb/db_impl.h"
#include "tsdb/head/ooo_chunk_source.h"
#include "tsdb/wal/segments.h"

namespace narthex::tsdb {
namespace {

/// Where block ranges begin that have samples of the snapshot.
std::set<Timestamp> ranges_of(const OooSnapshot& snapshot, DurationMs range) {
  std::set<Timestamp> begins;
  const auto begin_of = [range](Timestamp t) {
    const Timestamp begin = t / range * range;
    return begin > t ? begin - range : begin;
  };
  for (const OooSnapshot::Series& series : snapshot.series) {
    for (const OooChunk& c : series.chunks) {
      for (Timestamp t = begin_of(c.range.mint); t <= c.range.maxt; t += range) begins.insert(t);
    }
  }
  return begins;
}

}  // namespace

Result<void> Db::Impl::set_out_of_order_window(DurationMs window) {
  if (window > 0) {
    if (auto opened = open_out_of_order_log(); !opened) return opened;
  }
  head.set_out_of_order_window(window);
  return {};
}

Result<void> Db::Impl::open_out_of_order_log() {
  const sync::MutexLock guard(ooo_log_mutex);
  if (ooo_log) return {};
  auto opened = Wal::open(fs, ooo_log_directory(), options.wal, metrics_registry);
  if (!opened) return pass(opened, "opening the log of out-of-order samples");
  ooo_log = std::move(*opened);
  head.start_out_of_order_log(*ooo_log);
  return {};
}

Result<void> Db::Impl::continue_out_of_order_log() {
  if (fs.exists(ooo_log_directory())) {
    auto bytes = measure_wal(fs, ooo_log_directory());
    if (!bytes) return pass(bytes);
    // What it holds is to become blocks, although no more may come.
    if (*bytes > 0) {
      if (auto opened = open_out_of_order_log(); !opened) return opened;
    }
  }
  return set_out_of_order_window(options.out_of_order_window);
}

Result<void> Db::Impl::sync_out_of_order_log() {
  const sync::MutexLock guard(ooo_log_mutex);
  return ooo_log ? ooo_log->sync() : Result<void>{};
}

Result<void> Db::Impl::compact_out_of_order() {
  // Not again before the next block: each attempt begins a segment.
  if (!std::exchange(ooo_due, false)) return {};
  {
    const sync::MutexLock guard(ooo_log_mutex);
    if (!ooo_log && !head.overlaps_out_of_order({})) return {};
  }
  // Now, so that commits do not wait for it where the segment ends.
  if (auto synced = sync_out_of_order_log(); !synced) return synced;
  auto boundary = head.close_out_of_order();
  if (!boundary) return pass(boundary, "compacting out-of-order samples");
  {
    // The snapshot must go before what it holds is collected.
    const auto snapshot = head.out_of_order_snapshot(*boundary);
    if (auto written = write_out_of_order_blocks(snapshot, boundary->chunk); !written) {
      return pass(written, "writing out-of-order samples as blocks");
    }
  }
  {
    const sync::MutexLock guard(ooo_log_mutex);
    if (ooo_log) {
      if (auto truncated = ooo_log->truncate_before(boundary->segment); !truncated) return truncated;
    }
  }
  if (!collect()) return {};
  return head.truncate_chunk_files();
}

Result<void> Db::Impl::write_out_of_order_blocks(const std::shared_ptr<const OooSnapshot>& snapshot,
                                                 std::uint64_t end) {
  Blocks written;
  const auto write_all = [&]() NARTHEX_REQUIRES(maintenance_mutex) -> Result<void> {
    for (const Timestamp begin : ranges_of(*snapshot, options.min_block_range)) {
      BlockMeta meta;
      meta.mint = begin;
      meta.maxt = begin + options.min_block_range;
      meta.ulid = make_ulid(clock.now());
      meta.sources = {meta.ulid};
      add_hint(meta, kFromOutOfOrder);
      std::vector<std::unique_ptr<ChunkSource>> sources;
      sources.push_back(head.out_of_order_source(snapshot, {meta.mint, meta.maxt - 1}));
      auto block = write_block(meta, std::move(sources), true);
      if (!block) return pass(block);
      if (*block) written.push_back(std::move(*block));
    }
    return {};
  };
  if (auto done = write_all(); !done) {
    // None or all: what they were made from is still there.
    std::vector<std::string> ulids;
    for (const auto& block : written) ulids.push_back(block->meta().ulid);
    if (auto removed = blocks.remove(ulids); !removed) {
      telemetry::warn("Blocks of out-of-order samples stay, though not all of them could be written",
                      {{"error", removed.error().text}});
    }
    return done;
  }
  const sync::MutexLock view(view_mutex);
  for (auto& block : written) blocks.add(std::move(block));
  head.hide_out_of_order_before(end);
  return {};
}

}  // namespace narthex::tsdb

// What the background thread does: sync, reload, retention, head to block, truncation,
// compaction.
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/summary.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "telemetry/log.h"
#include "tsdb/db_impl.h"
#include "tsdb/wal/checkpoint.h"

namespace narthex::tsdb {
namespace {

/// Where a block range ends, all chunks of all series are cut within one scrape interval: they
/// must not gather in memory.
constexpr DurationMs kMapInterval = 1000;

}  // namespace

bool Db::Impl::wait_for_stop(DurationMs interval) {
  const sync::MutexLock guard(thread_mutex);
  const auto due = std::chrono::steady_clock::now() + std::chrono::milliseconds(interval);
  while (!stopping && wake.wait_until(thread_mutex, due) == std::cv_status::no_timeout) {
  }
  return stopping;
}

void Db::Impl::run_in_background() {
  while (!wait_for_stop(options.background_interval)) {
    if (auto done = maintain(); !done && !stop.token().stopped()) {
      telemetry::error("Maintenance of the database failed and will be tried again",
                       {{"error", done.error().text}});
    }
  }
}

Result<void> Db::Impl::tend_head() {
  watch_limits();
  auto opened = apply_out_of_order_window();
  auto mapped = map_chunks();
  return opened ? std::move(mapped) : std::move(opened);
}

void Db::Impl::map_in_background() {
  bool failed = false;
  while (!wait_for_stop(std::min(kMapInterval, options.background_interval))) {
    const auto done = tend_head();
    // Said once, not every second.
    if (!done && !failed) {
      telemetry::error("What the head wants to write cannot be written; it will be tried again",
                       {{"error", done.error().text}});
    }
    failed = !done;
  }
}

void Db::Impl::snapshot_in_background() {
  bool failed = false;
  while (!wait_for_stop(std::min(kMapInterval, options.background_interval))) {
    if (!is_snapshot_due()) continue;
    const auto written = write_snapshot();
    // A full disk would say so every interval.
    if (!written && !failed) {
      telemetry::warn("The next start reads more of the log; it will be tried again",
                      {{"error", written.error().text}});
    }
    failed = !written;
  }
}

Result<void> Db::Impl::maintain() {
  const sync::MutexLock guard(maintenance_mutex);
  if (closed.load() || !wal) return fail(Code::unavailable, "the database is closed");
  Result<void> first_error;
  const auto keep_going = [&](Result<void> done) {
    if (!done && first_error) first_error = std::move(done);
  };
  // Each step stands alone: a full disk must not stop retention, which makes room.
  watch_limits();
  metrics.compactions_triggered->Increment();
  keep_going(wal->sync());
  keep_going(sync_out_of_order_log());
  keep_going(check_unread_log());
  keep_going(reload_blocks());
  keep_going(apply_retention());
  keep_going(make_room());
  keep_going(map_chunks());
  keep_going(compact_head());
  // Before blocks are merged: that needs space.
  keep_going(truncate_wal());
  keep_going(compact_out_of_order());
  keep_going(compact_blocks());
  keep_going(apply_retention());
  update_metrics();
  return first_error;
}

Result<void> Db::Impl::reload_blocks() {
  metrics.reloads->Increment();
  auto done = blocks.reload();
  if (!done) metrics.reloads_failed->Increment();
  return done;
}

Result<void> Db::Impl::map_chunks() {
  auto mapped = head.map_chunks();
  if (!mapped) return pass(mapped);
  chunk_files->release_pages();
  return {};
}

bool Db::Impl::collect() {
  const sync::MutexLock expired(expired_mutex);
  auto collected = head.collect();
  if (!collected) return false;
  for (const WalRef ref : collected->refs) expired_refs.insert_or_assign(ref, head.mint());
  if (collected->series > 0) {
    telemetry::info("Head truncated", {{"series_removed", std::to_string(collected->series)},
                                       {"chunks_removed", std::to_string(collected->chunks)}});
  }
  return true;
}

Result<void> Db::Impl::truncate_wal() {
  if (wal_due_before == kMinTime) return {};
  // Not again before the next block: each attempt begins a segment.
  const Timestamp mint = std::exchange(wal_due_before, kMinTime);
  if (auto truncated = head.truncate_chunk_files(); !truncated) return truncated;
  const auto begin = clock.steady();
  auto segments = list_segments(fs, wal_directory());
  if (!segments) return pass(segments, "truncating the WAL");
  // So that a server with few samples does not keep more than it needs.
  if (auto cut = wal->cut_segment(); !cut) return pass(cut, "truncating the WAL");
  if (segments->size() < 3) return {};
  // Two thirds of what is finished should be mostly samples that blocks hold by now.
  const std::uint32_t first = segments->front();
  const std::uint32_t last = segments->back() - 1;
  const std::uint32_t up_to = first + (last - first) * 2 / 3;
  if (up_to <= first) return {};

  metrics.checkpoints->Increment();
  if (auto written = write_checkpoint(mint, up_to); !written) {
    metrics.checkpoints_failed->Increment();
    return written;
  }
  if (auto truncated = wal->truncate_before(up_to + 1); !truncated) return truncated;
  const sync::MutexLock expired(expired_mutex);
  std::erase_if(expired_refs, [&](const auto& ref) { return ref.second < mint; });
  metrics.wal_truncate_seconds->Observe(std::chrono::duration<double>(clock.steady() - begin).count());
  return {};
}

Result<void> Db::Impl::write_checkpoint(Timestamp mint, std::uint32_t up_to_segment) {
  std::vector<WalRef> refs = head.live_refs();
  {
    const sync::MutexLock expired(expired_mutex);
    for (const auto& [ref, keep_until] : expired_refs) {
      if (keep_until >= mint) refs.push_back(ref);
    }
  }
  std::ranges::sort(refs);
  const auto keep = [&refs](WalRef ref) { return std::ranges::binary_search(refs, ref); };
  auto stats =
      tsdb::write_checkpoint(fs, wal_directory(), up_to_segment, keep, mint, options.wal, head.ooo_mint());
  if (!stats) return pass(stats);
  damaged_records += stats->damaged;
  telemetry::info("WAL checkpoint written", {{"up_to_segment", std::to_string(up_to_segment)},
                                             {"records_read", std::to_string(stats->records_read)},
                                             {"records_written", std::to_string(stats->records_written)}});
  return {};
}

void Db::Impl::update_metrics() {
  head.update_metrics();
  limit_metrics.update(head.ceiling_stats(), options.ceilings, disk.state());
  const Timestamp lowest = lowest_timestamp();
  metrics.lowest_timestamp->Set(static_cast<double>(lowest));
  metrics.lowest_timestamp_seconds->Set(static_cast<double>(lowest / 1000));
  metrics.blocks_loaded->Set(static_cast<double>(blocks.snapshot().size()));
  metrics.blocks_bytes->Set(static_cast<double>(blocks.size_bytes()));
  std::uint64_t symbol_bytes = 0;
  for (const auto& block : blocks.snapshot()) symbol_bytes += block->symbol_table_bytes();
  metrics.symbol_table_bytes->Set(static_cast<double>(symbol_bytes));
  metrics.blocks_quarantined->Set(static_cast<double>(blocks.count_quarantined()));
}

}  // namespace narthex::tsdb

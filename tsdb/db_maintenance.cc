// What the background thread does: sync, reload, head to block, truncation, retention.
//
//   head spans > 1.5 ranges -> refuse_before(T) -> block written, synced, renamed
//     -> {list of blocks, floor of the head} switch together -> collect() frees series and
//     chunks when no older reader is left -> log truncated behind a checkpoint
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/summary.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "telemetry/log.h"
#include "tsdb/db_impl.h"
#include "tsdb/head_block.h"
#include "tsdb/wal/checkpoint.h"

namespace narthex::tsdb {
namespace {

/// Full chunks of a million series that are cut all at once wait no longer in memory.
constexpr DurationMs kMapInterval = 5000;

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
    if (auto done = maintain(); !done) {
      telemetry::error("Maintenance of the database failed and will be tried again",
                       {{"error", done.error().text}});
    }
  }
}

void Db::Impl::map_in_background() {
  bool failed = false;
  while (!wait_for_stop(std::min(kMapInterval, options.background_interval))) {
    const auto mapped = head.map_chunks();
    chunk_files->release_pages();
    // Said once, not every few seconds.
    if (!mapped && !failed) {
      telemetry::error(
          "Full chunks cannot be written to chunks_head and stay in memory; it will be tried again",
          {{"error", mapped.error().text}});
    }
    failed = !mapped;
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
  keep_going(wal->sync());
  keep_going(reload_blocks());
  keep_going(map_chunks());
  keep_going(compact_head());
  keep_going(truncate_wal());
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
  return {};
}

Result<void> Db::Impl::compact_head() {
  // What an earlier round had to leave to a query that was still open.
  if (!collect()) return {};
  while (head.is_compactable()) {
    metrics.compactions_triggered->Increment();
    const auto begin = clock.steady();
    if (auto cut = cut_block(); !cut) {
      metrics.compactions_failed->Increment();
      return pass(cut, "writing the head as a block");
    }
    metrics.compactions->Increment();
    metrics.compaction_seconds->Observe(std::chrono::duration<double>(clock.steady() - begin).count());
    if (!collect()) return {};
  }
  return {};
}

Result<void> Db::Impl::cut_block() {
  const DurationMs range = options.min_block_range;
  const Timestamp oldest = head.mint();
  Timestamp mint = oldest / range * range;
  if (mint > oldest) mint -= range;
  const Timestamp maxt = mint + range;
  head.refuse_before(maxt);

  const std::string ulid = make_ulid(clock.now());
  std::shared_ptr<Block> block;
  {
    const auto source = head.querier({oldest, maxt - 1});
    auto meta = write_block(fs, directory, *source, mint, maxt, ulid);
    if (!meta) return pass(meta);
    if (*meta) {
      auto opened = blocks.open_block(ulid);
      if (!opened) {
        // The samples are still in the head; the next round writes them again.
        if (auto removed = blocks.remove(ulid); !removed) return removed;
        return pass(opened, "reading back the block just written");
      }
      block = std::move(*opened);
      telemetry::info("Head block written", {{"block", ulid},
                                             {"series", std::to_string((*meta)->num_series)},
                                             {"samples", std::to_string((*meta)->num_samples)}});
    }
  }
  const sync::MutexLock view(view_mutex);
  if (block) blocks.add(std::move(block));
  head.hide_before(maxt);
  wal_due_before = maxt;
  return {};
}

bool Db::Impl::collect() {
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
  std::erase_if(expired_refs, [&](const auto& expired) { return expired.second < mint; });
  metrics.wal_truncate_seconds->Observe(std::chrono::duration<double>(clock.steady() - begin).count());
  return {};
}

Result<void> Db::Impl::write_checkpoint(Timestamp mint, std::uint32_t up_to_segment) {
  std::vector<WalRef> refs = head.live_refs();
  for (const auto& [ref, keep_until] : expired_refs) {
    if (keep_until >= mint) refs.push_back(ref);
  }
  std::ranges::sort(refs);
  const auto keep = [&refs](WalRef ref) { return std::ranges::binary_search(refs, ref); };
  auto stats = tsdb::write_checkpoint(fs, wal_directory(), up_to_segment, keep, mint, options.wal);
  if (!stats) return pass(stats);
  damaged_records += stats->damaged;
  telemetry::info("WAL checkpoint written", {{"up_to_segment", std::to_string(up_to_segment)},
                                             {"records_read", std::to_string(stats->records_read)},
                                             {"records_written", std::to_string(stats->records_written)}});
  return {};
}

Result<void> Db::Impl::apply_retention() {
  auto removed = blocks.apply_retention(options.retention);
  if (!removed) return pass(removed);
  if (*removed > 0) metrics.time_retentions->Increment();
  return {};
}

void Db::Impl::update_metrics() {
  head.update_metrics();
  const Timestamp lowest = lowest_timestamp();
  metrics.lowest_timestamp->Set(static_cast<double>(lowest));
  metrics.lowest_timestamp_seconds->Set(static_cast<double>(lowest / 1000));
  metrics.blocks_loaded->Set(static_cast<double>(blocks.snapshot().size()));
  metrics.blocks_bytes->Set(static_cast<double>(blocks.size_bytes()));
  metrics.blocks_quarantined->Set(static_cast<double>(blocks.count_quarantined()));
}

}  // namespace narthex::tsdb

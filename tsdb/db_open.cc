// Opening a data directory: lock, blocks, repair and replay of the log, and only then writing.
#include <prometheus/gauge.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "telemetry/log.h"
#include "tsdb/adoption.h"
#include "tsdb/db_impl.h"
#include "tsdb/wal/checkpoint_repair.h"
#include "tsdb/wal_replay.h"

namespace narthex::tsdb {

Db::Impl::Impl(io::FileSystem& file_system, std::string dir, const DbOptions& db_options,
               const Clock& db_clock, prometheus::Registry* registry)
    : fs(file_system),
      directory(std::move(dir)),
      options(db_options),
      clock(db_clock),
      metrics_registry(registry),
      metrics(registry),
      limit_metrics(registry),
      snapshots(file_system, directory),
      head({.block_range = db_options.min_block_range,
            .no_time_bounds = db_options.no_time_bounds,
            .max_exemplars = db_options.max_exemplars,
            .st_storage = db_options.st_storage,
            .encodings = {.xor2_floats = db_options.xor2_floats,
                          .histograms_with_start = db_options.histograms_with_start},
            .ceilings = db_options.ceilings},
           registry),
      xor2_floats(db_options.xor2_floats),
      uploads(file_system, db_options.upload_list),
      disk(file_system, directory, db_options.reserve),
      blocks(file_system, directory) {}

Db::Impl::~Impl() = default;

Result<void> Db::Impl::open(prometheus::Registry* registry) {
  if (auto checked = check_float_encoding(options.xor2_floats); !checked) return checked;
  for (const std::string& note : look_over(fs, directory)) telemetry::warn(note, {{"directory", directory}});
  if (auto made = fs.make_directories(wal_directory()); !made) return made;
  if (auto synced = fs.sync_directory(directory); !synced) return synced;
  if (auto locked = take_lock(); !locked) return locked;
  // On a full disk the reserve file makes room for what a start has to write.
  head.set_read_only(disk.check().read_only);
  if (auto loaded = load_blocks(); !loaded) return loaded;
  if (auto opened = open_chunk_files(registry); !opened) return opened;
  if (auto replayed = replay(); !replayed) return replayed;
  if (auto removed = remove_redundant_files(); !removed) return removed;
  mend_tombstone_counts();
  Wal::OnSegment on_segment;
  if (options.snapshots.enabled) {
    on_segment = [this](std::uint32_t) { snapshots.note_segments(); };
  }
  auto opened = Wal::open(fs, wal_directory(), options.wal, registry, std::move(on_segment));
  if (!opened) return pass(opened, "opening the WAL for writing");
  wal = std::move(*opened);
  wal->count_corruptions(damaged_records);
  if (!names_to_log.empty()) {
    if (auto logged = wal->log(names_to_log); !logged) return pass(logged, "naming series anew in the WAL");
    names_to_log.clear();
  }
  head.start_logging(*wal);
  if (auto continued = continue_out_of_order_log(); !continued) return continued;
  watch_limits();
  set_retention(options.retention);
  tell_encodings();
  update_metrics();
  if (options.background_interval > 0) {
    thread = std::thread([this] { run_in_background(); });
    mapping_thread = std::thread([this] { map_in_background(); });
    if (options.snapshots.enabled) snapshot_thread = std::thread([this] { snapshot_in_background(); });
  }
  return {};
}

Result<void> Db::Impl::check_float_encoding(bool xor2) const {
  if (xor2 || !options.st_storage) return {};
  return fail(Code::invalid,
              "float chunk encoding \"xor\" is incompatible with start-timestamp storage; XOR chunks do not "
              "store start timestamps, use \"xor2\"");
}

void Db::Impl::tell_encodings() const {
  if (xor2_floats.load()) tell_float_encoding();
  if (options.st_storage) {
    telemetry::info("Start timestamps are stored: Prometheus before 3.11 skips the WAL's samples",
                    {{"record_types", "11, 12, 13"}});
  }
  if (options.histograms_with_start) {
    telemetry::info("Histogram chunks keep start timestamps: Prometheus before 3.14 cannot read them",
                    {{"chunk_encodings", "5, 6"}});
  }
}

void Db::Impl::tell_float_encoding() const {
  if (!xor2_floats.load()) {
    telemetry::info("New float chunks are XOR, which every Prometheus reads", {{"chunk_encoding", "1"}});
    return;
  }
  telemetry::info("New float chunks are XOR2: Prometheus before 3.11 cannot read them",
                  {{"chunk_encoding", "4"}});
}

Result<void> Db::Impl::take_lock() {
  if (options.no_lockfile) return {};
  auto locked = fs.lock(directory + "/lock");
  if (!locked) {
    const bool held = locked.error().code == Code::unavailable;
    return pass(locked, held ? "is another server using this directory?"
                             : "it must be writable by the user that this server runs as");
  }
  lock = std::move(*locked);
  // A Prometheus without a lock file, as Debian's is.
  return refuse_if_queried(fs, directory);
}

Result<void> Db::Impl::load_blocks() {
  if (auto cleaned = blocks.clean_up(); !cleaned) return cleaned;
  if (auto loaded = blocks.reload(); !loaded) return loaded;
  head.refuse_before(blocks.newest_maxt(clock.now()));
  head.hide_before(blocks.newest_maxt(clock.now()));
  return {};
}

Result<void> Db::Impl::open_chunk_files(prometheus::Registry* registry) {
  auto opened = HeadChunkFiles::open(fs, directory + "/chunks_head", registry);
  if (!opened) return pass(opened);
  if (auto synced = fs.sync_directory(directory); !synced) return synced;
  chunk_files = std::move(*opened);
  head.use_chunk_files(*chunk_files);
  return {};
}

Result<void> Db::Impl::replay() {
  const auto begin = clock.steady();
  if (auto settled = settle_segments(fs, wal_directory()); !settled) return settled;
  if (auto settled = settle_segments(fs, ooo_log_directory()); !settled) return settled;
  if (auto settled = settle_checkpoints(fs, wal_directory(), quarantine_directory()); !settled)
    return settled;
  const auto foreign = options.snapshots.enabled ? snapshots.why_foreign() : std::nullopt;
  std::optional<SnapshotStore::Found> snapshot;
  if (!foreign) snapshot = find_snapshot();
  Result<HeadChunkFiles::Loaded> chunks;
  std::optional<std::uint32_t> first;
  if (snapshot) {
    chunks = head.replay_chunk_files(&snapshot->state);
    if (!chunks) return pass(chunks);
    if (auto restored = restore(*snapshot); !restored) return restored;
    first = snapshot->state.first_segment;
  } else {
    // A log begins with its series, mostly: they are made meanwhile.
    head.replay_chunk_files_beside(
        [&chunks](Result<HeadChunkFiles::Loaded> loaded) { chunks = std::move(loaded); });
  }
  const NameSource names = [this](std::span<const WalRef> refs) { return other_names_of(refs); };
  auto report = replay_wal(fs, wal_directory(), head, restart_threads(), ooo_log_directory(), first, names);
  if (!report) return pass(report);
  if (!chunks) return pass(chunks);
  damaged_records += chunks->damaged + report->damaged;
  // The first records behind a snapshot may be in it, too. They were synced with it, so the end that a power
  // cut has taken is none of them.
  if (snapshot && !report->damaged_segments.empty() && !report->is_only_cut_off) {
    if (auto kept = put_samples_into_files(); !kept) {
      telemetry::warn("Samples that only the snapshot has stay in memory until they can be written",
                      {{"error", kept.error().text}});
    }
  }
  if (auto repaired = repair_logs(*report); !repaired) return repaired;
  if (auto tidied = head.tidy_chunk_files(); !tidied) {
    telemetry::warn("Head chunks could not be written anew; the log holds what they hold",
                    {{"error", tidied.error().text}});
  }
  // Not before: they may have known names that the log had lost.
  if (foreign) snapshots.discard_all(*foreign);
  {
    const sync::MutexLock guard(expired_mutex);
    for (const WalRef ref : report->gone_refs) expired_refs.emplace(ref, head.maxt());
  }
  report_replay(*report, chunks->chunks, std::chrono::duration<double>(clock.steady() - begin).count());
  // What was replayed would be replayed again.
  head.state().samples += report->samples;
  const sync::MutexLock guard(snapshot_mutex);
  last_snapshot = clock.steady();
  unread_before = first.value_or(0);
  return {};
}

std::vector<SeriesRecord> Db::Impl::other_names_of(std::span<const WalRef> refs) {
  std::vector<SeriesRecord> found;
  if (options.snapshots.enabled) found = snapshots.names_of(refs);
  std::ranges::sort(found, {}, &SeriesRecord::ref);
  std::vector<WalRef> missing(refs.begin(), refs.end());
  std::erase_if(missing,
                [&](WalRef ref) { return std::ranges::binary_search(found, ref, {}, &SeriesRecord::ref); });
  std::ranges::move(names_before_checkpoint(fs, wal_directory(), missing), std::back_inserter(found));
  return found;
}

void Db::Impl::report_replay(const ReplayReport& report, std::uint64_t mapped_chunks, double seconds) {
  metrics.replay_seconds->Set(seconds);
  const HeadStats stats = head.stats();
  telemetry::info("WAL replay completed", {{"segments", std::to_string(report.segments)},
                                           {"mapped_chunks", std::to_string(mapped_chunks)},
                                           {"samples", std::to_string(report.samples)},
                                           {"series", std::to_string(stats.series)},
                                           {"duration_seconds", std::to_string(seconds)}});
  if (report.unknown_refs > 0) {
    telemetry::warn("The WAL holds samples of series that it does not name; they are lost",
                    {{"samples", std::to_string(report.unknown_refs)}});
  }
  if (report.skipped_records > 0) {
    telemetry::warn("The WAL holds records of kinds that the head does not keep; they stay in the log",
                    {{"records", std::to_string(report.skipped_records)}});
  }
  if (report.histograms_left_out > 0) {
    telemetry::warn("The WAL holds histograms that cannot be understood; they stay in the log",
                    {{"histograms", std::to_string(report.histograms_left_out)}});
  }
}

/// Prometheus would delete everything behind the first bad record.
Result<void> Db::Impl::repair_logs(const ReplayReport& report) {
  std::vector<std::byte> names;
  if (!report.recovered.empty()) encode_series(report.recovered, names);
  if (!report.damaged_checkpoint_segments.empty() && names.empty()) {
    auto clean = repair_checkpoint(fs, wal_directory(), quarantine_directory());
    if (!clean) return pass(clean);
  } else if (!report.damaged_checkpoint_segments.empty()) {
    auto repaired = repair_segments(fs, report.checkpoint, report.damaged_checkpoint_segments,
                                    quarantine_directory(), names);
    if (!repaired) return pass(repaired);
    if (repaired->has_first) names.clear();
  }
  auto repaired =
      repair_segments(fs, wal_directory(), report.damaged_segments, quarantine_directory(), names);
  if (!repaired) return pass(repaired);
  if (!repaired->has_first) names_to_log = std::move(names);
  auto late = repair_segments(fs, ooo_log_directory(), report.damaged_ooo_segments, quarantine_directory());
  return late ? Result<void>{} : pass(late);
}

Result<void> Db::Impl::remove_redundant_files() {
  auto entries = fs.list(directory);
  if (!entries) return pass(entries);
  for (const io::DirEntry& e : *entries) {
    // Prometheus would trust a snapshot of the head blindly; the WAL holds all that is in it.
    if (!std::string_view(e.name).starts_with("chunk_snapshot.")) continue;
    telemetry::info("Removing a head snapshot, which the WAL makes redundant", {{"directory", e.name}});
    if (auto removed = fs.remove_tree(directory + "/" + e.name); !removed) return removed;
  }
  const std::string state = wal_directory() + "/series_state.json";
  if (fs.exists(state)) {
    if (auto removed = fs.remove_file(state); !removed) return removed;
  }
  return {};
}

}  // namespace narthex::tsdb

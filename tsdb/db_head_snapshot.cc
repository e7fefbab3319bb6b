// Snapshots of the head: when they are written, and which one a start begins with.
#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <chrono>
#include <utility>

#include "telemetry/log.h"
#include "tsdb/db_impl.h"
#include "tsdb/head/snapshot_bytes.h"

namespace narthex::tsdb {
namespace {

double seconds_since(const Clock& clock, std::chrono::nanoseconds begin) {
  return std::chrono::duration<double>(clock.steady() - begin).count();
}

std::vector<std::byte> encode_expired(const std::map<WalRef, Timestamp>& refs) {
  std::vector<std::byte> out;
  for (const auto& [ref, until] : refs) {
    put_word(out, ref);
    put_word(out, until);
  }
  return out;
}

Result<std::map<WalRef, Timestamp>> decode_expired(const SnapshotReader& snapshot) {
  auto bytes = snapshot.read_only_one(SnapshotSection::expired_refs);
  if (!bytes) return pass(bytes);
  std::map<WalRef, Timestamp> refs;
  WordReader in(*bytes);
  while (in.ok() && in.left() > 0) {
    const WalRef ref = in.u64();
    refs.emplace_hint(refs.end(), ref, in.i64());
  }
  if (!in.ok()) return fail(Code::corruption, snapshot.path() + ": expired references make no sense");
  return refs;
}

}  // namespace

Result<void> Db::Impl::write_snapshot() {
  const sync::MutexLock guard(snapshot_mutex);
  const auto begin = clock.steady();
  // Before the copy: what comes in while it is made counts for the next one.
  const std::uint64_t samples = head.count_samples();
  const auto write = [&]() -> Result<void> {
    auto out = snapshots.begin();
    if (!out) return pass(out);
    {
      // From before the copy to behind it: a series is in the head or among these.
      const sync::MutexLock expired(expired_mutex);
      auto saved = head.save(*out);
      if (!saved) return pass(saved);
      auto added = out->add(SnapshotSection::expired_refs, 0, encode_expired(expired_refs));
      if (!added) return added;
    }
    if (auto finished = out->finish(); !finished) return finished;
    metrics.snapshot_bytes->Set(static_cast<double>(out->size_bytes()));
    auto published = snapshots.publish();
    return published ? Result<void>{} : pass(published);
  };
  last_snapshot = clock.steady();
  if (auto written = write(); !written) {
    metrics.snapshots_failed->Increment();
    return pass(written, "writing a snapshot of the head");
  }
  samples_at_snapshot = samples;
  metrics.snapshots->Increment();
  metrics.snapshot_seconds->Set(seconds_since(clock, begin));
  return {};
}

bool Db::Impl::is_snapshot_due() {
  if (!options.snapshots.enabled) return false;
  const sync::MutexLock guard(snapshot_mutex);
  const std::uint64_t fresh = head.count_samples() - samples_at_snapshot;
  if (fresh == 0) return false;
  return fresh >= options.snapshots.samples ||
         clock.steady() - last_snapshot >= std::chrono::milliseconds(options.snapshots.interval);
}

void Db::Impl::snapshot_at_close() {
  if (!options.snapshots.enabled || !options.snapshots.at_close || !wal) return;
  {
    const sync::MutexLock guard(snapshot_mutex);
    if (head.count_samples() == samples_at_snapshot) return;
  }
  if (auto written = write_snapshot(); !written) {
    telemetry::warn("The next start reads the whole log", {{"error", written.error().text}});
  }
}

Result<void> Db::Impl::put_samples_into_files() {
  auto mapped = head.map_all_chunks();
  if (!mapped) return pass(mapped);
  telemetry::info("Samples that a snapshot knew and the damaged log may have lost are kept as head chunks",
                  {{"chunks", std::to_string(*mapped)}});
  return {};
}

std::optional<SnapshotStore::Found> Db::Impl::find_snapshot() {
  if (!options.snapshots.enabled) return std::nullopt;
  auto files = chunk_files->list();
  if (!files) return std::nullopt;
  for (;;) {
    auto found = snapshots.find(snapshots_below, blocks.newest_maxt(clock.now()));
    if (!found || SnapshotStore::fits(found->state, *files)) return found;
    snapshots.discard(found->number, "files of chunks that it refers to are missing or shorter");
  }
}

Result<void> Db::Impl::restore(const SnapshotStore::Found& found) {
  const auto begin = clock.steady();
  const auto take_over = [&]() -> Result<void> {
    // Again, as reading the files may have cut off what was damaged.
    if (!SnapshotStore::fits(found.state, chunk_files->files())) {
      return fail(Code::corruption, "files of chunks that it refers to are damaged");
    }
    if (auto done = head.restore(found.reader, found.state, restart_threads()); !done) return done;
    auto refs = decode_expired(found.reader);
    if (!refs) return pass(refs);
    const sync::MutexLock guard(expired_mutex);
    expired_refs = std::move(*refs);
    return {};
  };
  auto done = take_over();
  if (done) {
    telemetry::info("Head restored from a snapshot",
                    {{"file", found.reader.path()},
                     {"series", std::to_string(found.state.series)},
                     {"log_from_segment", std::to_string(found.state.first_segment)},
                     {"duration_seconds", std::to_string(seconds_since(clock, begin))}});
    return done;
  }
  bad_snapshot = found.number;
  snapshots.discard(found.number, done.error().text);
  return done;
}

}  // namespace narthex::tsdb

// A head that begins with a snapshot and the end of the log is the same as one that reads all of the log.
#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "io/fault_file_system.h"
#include "tests/tsdb/head/head_dump.h"
#include "tests/tsdb/head/kinds_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/head/head.h"
#include "tsdb/snapshot_store.h"
#include "tsdb/wal_replay.h"

namespace narthex::tsdb {
namespace {

constexpr DurationMs kRange = 2 * 3600 * 1000;
constexpr Timestamp kStart = 1'700'000'000'000 / kRange * kRange;
constexpr DurationMs kStep = 15'000;

HeadOptions small_options() {
  return {.block_range = kRange, .max_exemplars = 40};
}

/// A head over the files of a directory.
struct Disk {
  io::FaultFileSystem fs;
  SnapshotStore snapshots{fs, "/data"};

  std::unique_ptr<HeadChunkFiles> open_files() {
    auto files = HeadChunkFiles::open(fs, "/data/chunks_head", nullptr);
    check(files.has_value(), "a test's chunk files did not open");
    return std::move(*files);
  }
  void write_snapshot(Head& head) {
    auto out = snapshots.begin();
    REQUIRE_MESSAGE(out, why(out));
    auto saved = head.save(*out);
    REQUIRE_MESSAGE(saved, why(saved));
    REQUIRE(out->finish());
    REQUIRE(snapshots.publish());
  }
};

struct LiveHead {
  explicit LiveHead(Disk& d) : disk(d), files(d.open_files()), head(small_options(), nullptr) {
    head.use_chunk_files(*files);
    auto opened = Wal::open(d.fs, "/data/wal", {.segment_bytes = 64 * 1024}, nullptr);
    check(opened.has_value(), "a test's log did not open");
    wal = std::move(*opened);
    check(head.finish_replay().empty(), "nothing was replayed");
    head.start_logging(*wal);
  }

  Disk& disk;
  std::unique_ptr<HeadChunkFiles> files;
  std::unique_ptr<Wal> wal;
  Head head;
};

/// As a deletion does: logged, then noted. @param number  of the series, in the order of ordinals
void delete_range(LiveHead& live, std::uint32_t number, TimeRange range) {
  Ordinal o = 0;
  {
    HeadState& state = live.head.state();
    const sync::MutexLock lock(state.index_mutex);
    const Roaring& all = state.index.all();
    REQUIRE(all.select(static_cast<std::uint32_t>(number % all.cardinality()), &o));
  }
  HeadShard& shard = live.head.state().shard(o);
  const sync::MutexLock lock(shard.mutex);
  const TombstoneRecord tombstone{shard.refs[o], range};
  std::vector<std::byte> record;
  encode_tombstones({&tombstone, 1}, record);
  REQUIRE(live.wal->log(record));
  shard.deleted[o].push_back(range);
}

struct RestartedHead {
  /// @param with  a snapshot; without one all of the log is read
  RestartedHead(Disk& disk, bool with, Timestamp min_valid = kMinTime, std::size_t threads = 1)
      : files(disk.open_files()), head(small_options(), nullptr) {
    head.use_chunk_files(*files);
    if (min_valid != kMinTime) {
      head.refuse_before(min_valid);
      head.hide_before(min_valid);
    }
    std::optional<SnapshotStore::Found> found;
    std::optional<std::uint32_t> first;
    if (with) {
      found = disk.snapshots.find(~0U, min_valid == kMinTime ? kMaxTime : min_valid);
      REQUIRE(found);
      first = found->state.first_segment;
    }
    auto loaded = head.replay_chunk_files(found ? &found->state : nullptr);
    REQUIRE_MESSAGE(loaded, why(loaded));
    if (found) {
      auto restored = head.restore(found->reader, found->state, threads);
      REQUIRE_MESSAGE(restored, why(restored));
    }
    auto report = replay_wal(disk.fs, "/data/wal", head, threads, {}, first);
    REQUIRE_MESSAGE(report, why(report));
    CHECK(report->unknown_refs == 0);
    samples = report->samples;
  }

  std::unique_ptr<HeadChunkFiles> files;
  Head head;
  std::uint64_t samples = 0;
};

/// Scrapes of series of all kinds, which come and are forgotten by their target.
class Load {
 public:
  Load(Head& head, std::uint32_t seed) : head_(head), random_(seed), kinds_(24) {}

  void scrape() {
    auto appender = head_.appender();
    const Timestamp t = kStart + step_ * kStep + static_cast<Timestamp>(random_() % 20);
    // Some series are born late, some end.
    const std::size_t count = 60 + static_cast<std::size_t>(step_) / 4;
    for (std::size_t i = 0; i < count; ++i) {
      if (i % 13 == 5 && step_ > 200) continue;
      const Labels labels = series_labels(i);
      const auto ref = appender->series(labels);
      REQUIRE(ref);
      append_any(*appender, *ref, t, value_of(i));
      if (i % 7 == 0 && step_ % 5 == 0) {
        const std::string trace = fmt::format("{}-{}", step_, i);
        REQUIRE(appender->append_exemplar(*ref, {.labels = {{"trace_id", trace}}, .v = 1, .t = t}));
      }
      if (i % 9 == 0) appender->set_metadata(*ref, {"counter", "", fmt::format("since step {}", step_ / 50)});
    }
    const auto stats = appender->commit();
    REQUIRE(stats);
    ++step_;
  }

 private:
  AnyValue value_of(std::size_t i) {
    if (i < kinds_.size()) return kinds_[i].next(random_);
    switch (i % 3) {
      case 0:
        return 42.0;
      case 1:
        return static_cast<double>(step_ / 3);
      default:
        return static_cast<double>(random_() % 1000) / 8;
    }
  }

  Head& head_;
  std::mt19937_64 random_;
  std::vector<KindWalk> kinds_;
  int step_ = 0;
};

TEST_CASE("snapshot: with the end of the log it makes the head that all of the log makes") {
  for (const std::uint32_t seed : {1U, 2U, 3U, 4U}) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    Disk disk;
    LiveHead live(disk);
    Load load(live.head, seed);
    const int snapshot_at = static_cast<int>(20 + random() % 300);
    for (int step = 0; step < 340; ++step) {
      load.scrape();
      if (random() % 40 == 0) REQUIRE(live.head.map_chunks());
      if (random() % 80 == 0) REQUIRE(live.head.map_all_chunks());
      if (step % 30 == 10)
        delete_range(live, static_cast<std::uint32_t>(step / 10), {kStart, kStart + step * kStep});
      if (step == snapshot_at) disk.write_snapshot(live.head);
    }
    const RestartedHead full(disk, false);
    for (const std::size_t threads : {1U, 2U, 3U}) {
      CAPTURE(threads);
      RestartedHead restored(disk, true, kMinTime, threads);
      CHECK(first_difference(dump_head(restored.head), dump_head(const_cast<Head&>(full.head))) == "");
      CHECK(restored.samples < full.samples);
      CHECK(difference(read_kinds(*restored.head.querier({})), read_kinds(*live.head.querier({}))) == "");
    }
  }
}

TEST_CASE("snapshot: what is committed while it is made is in it or in the log") {
  for (const std::uint32_t seed : {1U, 2U, 3U}) {
    CAPTURE(seed);
    Disk disk;
    LiveHead live(disk);
    Load load(live.head, seed);
    for (int step = 0; step < 100; ++step) load.scrape();
    std::atomic<bool> made = false;
    std::thread writer([&] {
      for (int i = 0; i < 3; ++i) disk.write_snapshot(live.head);
      made = true;
    });
    int more = 0;
    for (; !made || more < 10; ++more) load.scrape();
    writer.join();
    CAPTURE(more);
    RestartedHead full(disk, false);
    RestartedHead restored(disk, true);
    CHECK(first_difference(dump_head(restored.head), dump_head(full.head)) == "");
  }
}

TEST_CASE("snapshot: what a block holds by now is left out") {
  Disk disk;
  LiveHead live(disk);
  Load load(live.head, 7);
  for (int step = 0; step < 400; ++step) load.scrape();
  disk.write_snapshot(live.head);
  for (int step = 0; step < 250; ++step) load.scrape();
  REQUIRE(live.head.map_chunks());
  const Timestamp border = kStart + kRange;
  RestartedHead full(disk, false, border);
  RestartedHead restored(disk, true, border);
  CHECK(first_difference(dump_head(restored.head), dump_head(full.head)) == "");
}

}  // namespace
}  // namespace narthex::tsdb

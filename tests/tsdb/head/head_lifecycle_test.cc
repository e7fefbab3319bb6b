// Series that come and go: rollback, a log that fails, truncation, stale references, replay.
#include <doctest/doctest.h>

#include <random>

#include "io/fault_file_system.h"
#include "tests/tsdb/head/head_fixture.h"
#include "tsdb/head/head.h"
#include "tsdb/wal/wal.h"
#include "tsdb/wal_replay.h"

namespace narthex::tsdb {
namespace {

using storage::AppendFault;
using storage::SeriesRef;

constexpr DurationMs kRange = 2 * 3600 * 1000;
constexpr Timestamp kStart = 1'700'000'000'000 / kRange * kRange;

std::unique_ptr<Wal> open_wal(io::FileSystem& fs) {
  REQUIRE(fs.make_directories("/data/wal"));
  auto wal = Wal::open(fs, "/data/wal", {}, nullptr);
  REQUIRE(wal);
  return std::move(*wal);
}

Contents contents(Head& head) {
  return read(*head.querier({}), {everything()});
}

TEST_CASE("rollback: a series that only a rolled back batch wanted is gone") {
  Head head({}, nullptr);
  SeriesRef ref;
  {
    auto appender = head.appender();
    ref = *appender->series(series_labels(1));
    appender->append(ref, kStart, 1);
    appender->rollback();
  }
  CHECK(head.stats().label_pairs == 0);
  CHECK(contents(head).empty());
  auto appender = head.appender();
  appender->append(ref, kStart, 1);
  const auto stats = appender->commit();
  REQUIRE(stats);
  REQUIRE(stats->refused.size() == 1);
  CHECK(stats->refused[0].fault == AppendFault::unknown_series);
}

TEST_CASE("rollback: a series that another open batch wants as well stays") {
  Head head({}, nullptr);
  auto first = head.appender();
  auto second = head.appender();
  const SeriesRef ref = *first->series(series_labels(1));
  CHECK(*second->series(series_labels(1)) == ref);
  second->append(ref, kStart, 7);
  first->rollback();
  const auto stats = second->commit();
  REQUIRE(stats);
  CHECK(stats->appended == 1);
  CHECK(contents(head).size() == 1);
}

TEST_CASE("log: a batch that cannot be written leaves nothing behind, and the next one is whole") {
  io::FaultFileSystem fs;
  auto wal = open_wal(fs);
  Head head({}, nullptr);
  head.start_logging(*wal);
  {
    auto appender = head.appender();
    appender->append(*appender->series(series_labels(0)), kStart, 1);
    REQUIRE(appender->commit());
  }
  fs.set_judge([](io::Operation op, const std::string&) -> std::optional<Error> {
    if (op == io::Operation::append) return Error{Code::io, "no space left on device", {}};
    return std::nullopt;
  });
  SeriesRef lost;
  {
    auto appender = head.appender();
    lost = *appender->series(series_labels(1));
    appender->append(*appender->series(series_labels(0)), kStart + 1, 2);
    appender->append(lost, kStart + 1, 2);
    const auto failed = appender->commit();
    REQUIRE(!failed);
    CHECK(failed.error().code == Code::io);
  }
  const Contents kept = contents(head);
  REQUIRE(kept.size() == 1);
  CHECK(kept.begin()->second == Points{{kStart, 1}});
  CHECK(head.stats().series == 1);

  fs.set_judge(nullptr);
  auto appender = head.appender();
  appender->append(lost, kStart + 2, 3);
  appender->append(*appender->series(series_labels(1)), kStart + 2, 3);
  appender->append(*appender->series(series_labels(0)), kStart + 2, 3);
  const auto stats = appender->commit();
  REQUIRE(stats);
  CHECK(stats->appended == 2);
  REQUIRE(stats->refused.size() == 1);
  CHECK(stats->refused[0].index == 0);

  wal.reset();
  Head again({}, nullptr);
  REQUIRE(repair_wal(fs, "/data/wal", "/data/quarantine"));
  const auto report = replay_wal(fs, "/data/wal", again);
  REQUIRE(report);
  CHECK(report->unknown_refs == 0);
  CHECK(same(contents(again), contents(head)));
}

TEST_CASE("log: two batches that made the same series are both readable, whoever commits first") {
  io::FaultFileSystem fs;
  auto wal = open_wal(fs);
  Head head({}, nullptr);
  head.start_logging(*wal);
  auto first = head.appender();
  auto second = head.appender();
  first->append(*first->series(series_labels(1)), kStart, 1);
  second->append(*second->series(series_labels(1)), kStart + 1, 2);
  REQUIRE(second->commit());
  first->rollback();
  wal.reset();
  Head again({}, nullptr);
  const auto report = replay_wal(fs, "/data/wal", again);
  REQUIRE(report);
  CHECK(report->unknown_refs == 0);
  CHECK(same(contents(again), contents(head)));
}

TEST_CASE("replay: the head after a restart is the head before it") {
  for (const std::uint64_t seed : {11U, 12U}) {
    const std::size_t threads = seed - 10 + seed % 2 * 3;  // 4 and 2
    CAPTURE(seed);
    io::FaultFileSystem fs;
    auto wal = open_wal(fs);
    Head head({}, nullptr);
    head.start_logging(*wal);
    std::mt19937_64 random(seed);
    for (int scrape = 0; scrape < 400; ++scrape) {
      auto appender = head.appender();
      for (std::size_t s = 0; s < 30; ++s) {
        if (random() % 8 == 0) continue;
        Timestamp t = kStart + scrape * 15'000;
        // Some are refused: the log holds them all the same.
        if (random() % 30 == 0) t -= static_cast<Timestamp>(random() % 100'000);
        appender->append(*appender->series(series_labels(s + static_cast<std::size_t>(scrape / 100) * 4)), t,
                         static_cast<double>(random() % 5));
      }
      REQUIRE(appender->commit());
      if (scrape == 200) REQUIRE(wal->cut_segment());
    }
    wal.reset();
    Head again({}, nullptr);
    REQUIRE(replay_wal(fs, "/data/wal", again, threads));
    CHECK(same(contents(again), contents(head)));
    CHECK(again.mint() == head.mint());
    CHECK(again.maxt() == head.maxt());
    CHECK(again.stats().series == head.stats().series);
    // References go on where they ended: none is given twice.
    CHECK(again.state().last_ref.load() == head.state().last_ref.load());
  }
}

TEST_CASE("replay: other references of the same labels are one series, unknown ones are counted") {
  Head head({}, nullptr);
  head.replay_series({5, series_labels(1)});
  head.replay_series({9, series_labels(1)});
  const SampleRecord samples[] = {{5, 1000, 1}, {9, 2000, 2}, {77, 3000, 3}, {9, 1500, 9}};
  CHECK(head.replay_samples(samples) == 1);
  CHECK(head.finish_replay() == std::vector<WalRef>{9});
  CHECK(contents(head).begin()->second == Points{{1000, 1}, {2000, 2}});
  auto appender = head.appender();
  appender->append(*appender->series(series_labels(2)), 3000, 1);
  CHECK(head.live_refs() == std::vector<WalRef>{5, 78});
}

void check_deletions(std::size_t threads) {
  Head head({}, nullptr);
  if (threads > 0) head.replay_with_threads(threads);
  head.replay_series({1, series_labels(1)});
  head.replay_series({2, series_labels(2)});
  head.replay_series({3, series_labels(2)});
  const SampleRecord before[] = {{1, 1000, 1}, {1, 2000, 2}, {1, 3000, 3}, {2, 1000, 1}, {3, 2000, 2}};
  CHECK(head.replay_samples(before) == 0);
  CHECK(head.replay_deletion(1, {1500, 2500}));
  CHECK(head.replay_deletion(2, {}));
  CHECK(!head.replay_deletion(40, {}));
  const SampleRecord orphans[] = {{2, 2500, 9}, {3, 2500, 9}};
  CHECK(head.replay_samples(orphans) == 2);
  head.replay_series({7, series_labels(2)});
  const SampleRecord after[] = {{7, 500, 5}};
  CHECK(head.replay_samples(after) == 0);
  head.finish_replay();
  const Contents all = contents(head);
  CHECK(all.at(series_labels(1).to_string()) == Points{{1000, 1}, {3000, 3}});
  CHECK(all.at(series_labels(2).to_string()) == Points{{500, 5}});
  // 40 was named by the log: the next series is 41.
  auto appender = head.appender();
  appender->append(*appender->series(series_labels(3)), 3000, 1);
  REQUIRE(appender->commit());
  const auto refs = head.live_refs();
  CHECK(std::ranges::find(refs, WalRef{41}) != refs.end());
}

TEST_CASE("replay: deleted samples stay deleted, and a deleted series begins anew") {
  for (const std::size_t threads : {0U, 1U, 3U}) {
    CAPTURE(threads);
    check_deletions(threads);
  }
}

TEST_CASE("replay: a series that is deleted and named again many times keeps only what came last") {
  Head head({}, nullptr);
  head.replay_with_threads(3);
  for (WalRef round = 0; round < 200; ++round) {
    for (WalRef s = 0; s < 100; ++s) head.replay_series({round * 100 + s + 1, series_labels(s)});
    std::vector<SampleRecord> samples;
    for (int i = 0; i < 5; ++i) {
      for (WalRef s = 0; s < 100; ++s) {
        samples.push_back({round * 100 + s + 1, kStart - static_cast<Timestamp>(round) * 1000 + i, 1.0 * i});
      }
    }
    CHECK(head.replay_samples(samples) == 0);
    if (round == 199) break;
    for (WalRef s = 0; s < 100; s += 2) CHECK(head.replay_deletion(round * 100 + s + 1, {}));
  }
  head.finish_replay();
  const Contents all = contents(head);
  REQUIRE(all.size() == 100);
  for (WalRef s = 0; s < 100; ++s) {
    const Points& points = all.at(series_labels(s).to_string());
    // Later ones of a series that was not deleted are older than what it has.
    const Timestamp first = s % 2 == 0 ? kStart - 199'000 : kStart;
    REQUIRE(points.size() == 5);
    CHECK(points.front().first == first);
  }
}

TEST_CASE("replay: what blocks hold already is dropped") {
  Head head({}, nullptr);
  head.refuse_before(2000);
  head.replay_series({1, series_labels(1)});
  const SampleRecord samples[] = {{1, 1000, 1}, {1, 2000, 2}, {1, 3000, 3}};
  CHECK(head.replay_samples(samples) == 0);
  head.finish_replay();
  CHECK(contents(head).begin()->second == Points{{2000, 2}, {3000, 3}});
}

void scrape(Head& head, std::size_t first, std::size_t count, Timestamp t) {
  auto appender = head.appender();
  for (std::size_t s = first; s < first + count; ++s) {
    appender->append(*appender->series(series_labels(s)), t, static_cast<double>(s));
  }
  const auto stats = appender->commit();
  REQUIRE(stats);
  REQUIRE(stats->appended == count);
}

TEST_CASE("truncation: series without newer samples go, and their references are refused") {
  Head head({}, nullptr);
  for (int i = 0; i < 500; ++i) scrape(head, 0, i < 240 ? 20 : 10, kStart + i * 15'000);
  const std::size_t chunks = head.stats().chunks;
  auto cache = head.appender();
  const SeriesRef dying = *cache->series(series_labels(15));
  const SeriesRef living = *cache->series(series_labels(5));
  head.refuse_before(kStart + kRange);
  head.hide_before(kStart + kRange);
  const auto collected = head.collect();
  REQUIRE(collected);
  CHECK(collected->series == 10);
  CHECK(collected->refs.size() == 10);
  CHECK(head.stats().series == 10);
  CHECK(head.stats().chunks < chunks);
  CHECK(head.mint() == kStart + kRange);

  const Timestamp now = kStart + 500 * 15'000;
  cache->append(dying, now, 1);
  cache->append(living, now, 1);
  const auto stats = cache->commit();
  REQUIRE(stats);
  CHECK(stats->appended == 1);
  REQUIRE(stats->refused.size() == 1);
  CHECK(stats->refused[0].fault == AppendFault::unknown_series);

  // The ordinal serves again, under another generation: for a series of the same target, and so of
  // the same shard.
  std::vector<SeriesRef> fresh;
  for (int i = 0; i < 10; ++i) {
    const std::string name = "later_" + std::to_string(i);
    fresh.push_back(*cache->series(Labels{{"__name__", name}, {"instance", "host-1"}}));
  }
  CHECK(std::ranges::find(fresh, dying) == fresh.end());
  CHECK(std::ranges::any_of(fresh, [&](SeriesRef r) { return ordinal_of(r) == ordinal_of(dying); }));
  cache->append(dying, now, 1);
  const auto again = cache->commit();
  REQUIRE(again);
  CHECK(again->appended == 0);
  CHECK(again->refused[0].fault == AppendFault::unknown_series);
}

TEST_CASE("truncation: waits for readers from before, and hides at once from those after") {
  Head head({}, nullptr);
  for (int i = 0; i < 500; ++i) scrape(head, 0, 5, kStart + i * 15'000);
  auto before = head.querier({});
  const Contents all = read(*before, {everything()});
  head.refuse_before(kStart + kRange);
  head.hide_before(kStart + kRange);
  CHECK(!head.collect());
  CHECK(same(read(*before, {everything()}), all));
  const auto after = head.querier({});
  for (const auto& [labels, points] : read(*after, {everything()})) {
    CHECK(points.front().first == kStart + kRange);
    CHECK(points.size() == 20);
  }
  before.reset();
  CHECK(head.collect());
  CHECK(read(*after, {everything()}).size() == 5);
}

TEST_CASE("truncation: samples older than what was cut off are out of bounds") {
  Head head({.no_time_bounds = true}, nullptr);
  scrape(head, 0, 1, kStart);
  head.refuse_before(kStart + kRange);
  head.hide_before(kStart + kRange);
  REQUIRE(head.collect());
  auto appender = head.appender();
  appender->append(*appender->series(series_labels(0)), kStart + 1, 1);
  const auto stats = appender->commit();
  REQUIRE(stats);
  REQUIRE(stats->refused.size() == 1);
  CHECK(stats->refused[0].fault == AppendFault::out_of_bounds);
}

TEST_CASE("memory: labels of collected series are given back") {
  Head head({}, nullptr);
  scrape(head, 0, 1, kStart + kRange);
  const HeadStats before = head.stats();
  for (int round = 0; round < 3; ++round) {
    auto appender = head.appender();
    for (std::size_t s = 1000; s < 3000; ++s) {
      appender->append(*appender->series(series_labels(s)), kStart + kRange - 1000, 1);
    }
    REQUIRE(appender->commit());
    head.hide_before(kStart + kRange);
    REQUIRE(head.collect());
    CHECK(head.stats().label_pairs == before.label_pairs);
    CHECK(head.stats().series == 1);
  }
}

}  // namespace
}  // namespace narthex::tsdb

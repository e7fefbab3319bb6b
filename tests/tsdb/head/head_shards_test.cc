#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "io/fault_file_system.h"
#include "tests/tsdb/head/head_fixture.h"
#include "tsdb/head/head.h"
#include "tsdb/head/isolation.h"
#include "tsdb/head/shard_ordinals.h"
#include "tsdb/wal_replay.h"

namespace narthex::tsdb {
namespace {

using storage::AppendFault;
using storage::SeriesRef;

constexpr Timestamp kStart = 1'700'000'000'000;
constexpr DurationMs kStep = 15'000;

Labels of_target(std::size_t target, std::string_view name = "m") {
  return Labels{{"__name__", std::string(name)}, {"instance", "target-" + std::to_string(target)}};
}

std::size_t count_shards(std::span<const SeriesRef> refs) {
  std::set<std::size_t> shards;
  for (const SeriesRef ref : refs) shards.insert(shard_of(ordinal_of(ref)));
  return shards.size();
}

TEST_CASE("shards: ordinals of a shard go through its pages, and no other shard has them") {
  for (std::size_t shard = 0; shard < kShards; ++shard) {
    Ordinal o = page_begin(shard, 0);
    for (std::size_t i = 0; i < 3 * kPageOrdinals; ++i, o = next_in_shard(o)) {
      REQUIRE(shard_of(o) == shard);
      REQUIRE(o >= page_begin(shard, i / kPageOrdinals));
      REQUIRE(o < page_begin(shard, i / kPageOrdinals) + kPageOrdinals);
    }
    CHECK(o == page_begin(shard, 3));
  }
}

TEST_CASE("shards: series of a target share one, targets are spread") {
  Head head({}, nullptr);
  auto appender = head.appender();
  std::vector<SeriesRef> first_of_each;
  for (std::size_t target = 0; target < 64; ++target) {
    std::vector<SeriesRef> refs;
    for (const char* name : {"a", "b", "c"}) refs.push_back(*appender->series(of_target(target, name)));
    CHECK(count_shards(refs) == 1);
    first_of_each.push_back(refs.front());
  }
  CHECK(count_shards(first_of_each) == kShards);
}

TEST_CASE("shards: a batch over all of them is applied whole, and what is refused is named by its place") {
  constexpr std::size_t kTargets = 40;
  Head head({}, nullptr);
  auto appender = head.appender();
  std::vector<SeriesRef> refs;
  for (std::size_t i = 0; i < kTargets; ++i) refs.push_back(*appender->series(of_target(i)));
  REQUIRE(count_shards(refs) == kShards);
  for (const SeriesRef ref : refs) appender->append(ref, kStart + kStep, 1);
  REQUIRE(appender->commit()->appended == kTargets);

  // Every fourth is a duplicate, every fifth too old, every seventh of nobody.
  std::vector<storage::RefusedSample> want;
  for (std::size_t i = 0; i < kTargets; ++i) {
    if (i % 7 == 0) {
      appender->append(static_cast<SeriesRef>(static_cast<std::uint64_t>(refs[i]) ^ 0x5a5a), kStart, 2);
      want.push_back({i, AppendFault::unknown_series});
    } else if (i % 5 == 0) {
      appender->append(refs[i], kStart, 2);
      want.push_back({i, AppendFault::out_of_order});
    } else if (i % 4 == 0) {
      appender->append(refs[i], kStart + kStep, 2);
      want.push_back({i, AppendFault::duplicate_timestamp});
    } else {
      appender->append(refs[i], kStart + 2 * kStep, 2);
    }
  }
  const auto stats = appender->commit();
  REQUIRE(stats);
  CHECK(stats->appended == kTargets - want.size());
  REQUIRE(stats->refused.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    CHECK(stats->refused[i].index == want[i].index);
    CHECK((stats->refused[i].fault == want[i].fault));
  }
  std::size_t samples = 0;
  for (const auto& [labels, points] : read(*head.querier({}), {everything()})) samples += points.size();
  CHECK(samples == kTargets + stats->appended);
}

TEST_CASE("isolation: commits that are applied out of order become visible in order") {
  Isolation isolation;
  const auto first = isolation.begin_commit();
  const auto second = isolation.begin_commit();
  const auto third = isolation.begin_commit();
  std::atomic<int> visible{0};
  const auto publish = [&](CommitId id) {
    isolation.publish(id);
    ++visible;
  };
  std::thread late(publish, third.id);
  std::thread middle(publish, second.id);
  const auto reader = isolation.open_reader();
  CHECK(reader.watermark == 0);
  CHECK(visible.load() == 0);
  isolation.close_reader(reader);
  publish(first.id);
  late.join();
  middle.join();
  CHECK(visible.load() == 3);
  CHECK(isolation.oldest_watermark() == third.id);
}

TEST_CASE("isolation: a batch over all shards is seen whole while others are committed beside it") {
  constexpr std::size_t kTargets = 24;
  constexpr int kBatches = 300;
  Head head({}, nullptr);
  std::atomic<int> running{3};
  std::atomic<int> torn{0};
  const auto write = [&](const std::string& name) {
    auto appender = head.appender();
    std::vector<SeriesRef> refs;
    for (std::size_t i = 0; i < kTargets; ++i) refs.push_back(*appender->series(of_target(i, name)));
    for (int step = 0; step < kBatches; ++step) {
      for (const SeriesRef ref : refs) appender->append(ref, kStart + step * kStep, step);
      if (!appender->commit()) ++torn;
    }
    --running;
  };
  std::vector<std::thread> writers;
  for (const char* name : {"a", "b", "c"}) writers.emplace_back(write, name);
  while (running.load() > 0) {
    const auto querier = head.querier({});
    for (const char* name : {"a", "b", "c"}) {
      std::set<std::size_t> lengths;
      const Contents contents = read(*querier, {match(MatchOp::equal, "__name__", name)});
      for (const auto& [labels, points] : contents) lengths.insert(points.size());
      if (lengths.size() > 1 || (!contents.empty() && contents.size() != kTargets)) ++torn;
    }
  }
  for (std::thread& writer : writers) writer.join();
  CHECK(torn.load() == 0);
}

TEST_CASE("shards: what threads have written to the same series side by side is what the log gives back") {
  constexpr std::size_t kTargets = 16;
  constexpr int kCommits = 200;
  io::FaultFileSystem fs;
  Head head({}, nullptr);
  auto wal = Wal::open(fs, "/data/wal", {}, nullptr);
  REQUIRE(wal);
  head.start_logging(**wal);
  std::atomic<std::size_t> appended{0};
  const auto write = [&](unsigned thread) {
    auto appender = head.appender();
    std::vector<SeriesRef> refs;
    for (std::size_t i = 0; i < kTargets; ++i) refs.push_back(*appender->series(of_target(i)));
    for (int step = 0; step < kCommits; ++step) {
      // Threads drift apart, so that most of what the slower one brings is refused.
      const Timestamp t = kStart + step * kStep * (1 + thread % 2) + thread;
      for (std::size_t i = 0; i < kTargets; ++i) {
        if ((i + static_cast<std::size_t>(step)) % 3 != 0)
          appender->append(refs[i], t, thread * 1000.0 + step);
      }
      const auto stats = appender->commit();
      if (stats) appended += stats->appended;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) threads.emplace_back(write, i);
  for (std::thread& thread : threads) thread.join();
  const Contents live = read(*head.querier({}), {everything()});
  std::size_t samples = 0;
  for (const auto& [labels, points] : live) samples += points.size();
  CHECK(samples == appended.load());

  head.stop();
  wal->reset();
  Head again({}, nullptr);
  REQUIRE(replay_wal(fs, "/data/wal", again));
  CHECK(same(read(*again.querier({}), {everything()}), live));
}

}  // namespace
}  // namespace narthex::tsdb

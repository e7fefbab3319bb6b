// A query sees whole commits, and none that came after it began. Run under TSan too.
#include <doctest/doctest.h>

#include <atomic>
#include <optional>
#include <thread>

#include "tests/tsdb/head/head_fixture.h"
#include "tsdb/head/head.h"
#include "tsdb/head/head_appender.h"

namespace narthex::tsdb {
namespace {

constexpr Timestamp kStart = 1'700'000'000'000;
constexpr DurationMs kStep = 15'000;

void commit_one(Head& head, std::size_t series, Timestamp t, double v) {
  auto appender = head.appender();
  const auto ref = appender->series(series_labels(series));
  REQUIRE(ref);
  appender->append(*ref, t, v);
  const auto stats = appender->commit();
  REQUIRE(stats);
  REQUIRE(stats->appended == 1);
}

std::size_t side_states(Head& head) {
  std::size_t states = 0;
  for (const HeadShard& shard : head.state().shards) {
    const sync::MutexLock lock(shard.mutex);
    states += shard.side.size();
  }
  return states;
}

TEST_CASE("isolation: a paused reader sees the same through 400 commits and several chunk cuts") {
  Head head({}, nullptr);
  for (int i = 0; i < 10; ++i) commit_one(head, 1, kStart + i * kStep, i);
  const auto paused = head.querier({});
  const Contents before = read(*paused, {everything()});
  REQUIRE(before.begin()->second.size() == 10);
  for (int i = 10; i < 410; ++i) {
    commit_one(head, 1, kStart + i * kStep, i % 7);
    if (i % 37 == 0) CHECK(same(read(*paused, {everything()}), before));
  }
  CHECK(same(read(*paused, {everything()}), before));
  CHECK(read(*head.querier({}), {everything()}).begin()->second.size() == 410);
}

TEST_CASE("isolation: readers at many watermarks each see their own state") {
  Head head({}, nullptr);
  std::vector<std::unique_ptr<storage::Querier>> readers;
  for (int i = 0; i < 60; ++i) {
    readers.push_back(head.querier({}));
    // Series 2 is not in every commit: its states have gaps between their numbers.
    commit_one(head, 1, kStart + i * kStep, i);
    if (i % 3 == 0) commit_one(head, 2, kStart + i * kStep, i);
  }
  for (std::size_t i = 0; i < readers.size(); ++i) {
    CAPTURE(i);
    const Contents seen = read(*readers[i], {everything()});
    const auto points = [&](std::size_t s) {
      const auto at = seen.find(series_labels(s).to_string());
      return at == seen.end() ? 0 : at->second.size();
    };
    CHECK(points(1) == i);
    CHECK(points(2) == (i + 2) / 3);
  }
  CHECK(side_states(head) > 0);
  readers.clear();
  commit_one(head, 1, kStart + 100 * kStep, 0);
  CHECK(side_states(head) == 0);
}

TEST_CASE("isolation: rule after rule reads what the one before has committed") {
  Head head({}, nullptr);
  commit_one(head, 0, kStart, 1);
  for (std::size_t rule = 1; rule < 20; ++rule) {
    const auto querier = head.querier({});
    const Contents seen = read(*querier, {everything()});
    const double last = seen.at(series_labels(rule - 1).to_string()).back().second;
    commit_one(head, rule, kStart, last * 2);
  }
  const Contents seen = read(*head.querier({}), {everything()});
  CHECK(seen.at(series_labels(19).to_string()).back().second == 524288);
}

TEST_CASE("isolation: a new series is not there for a reader that is older") {
  Head head({}, nullptr);
  commit_one(head, 0, kStart, 1);
  const auto older = head.querier({});
  commit_one(head, 1, kStart, 1);
  CHECK(read(*older, {everything()}).size() == 1);
  CHECK(read(*head.querier({}), {everything()}).size() == 2);
}

TEST_CASE("isolation: numbers of commits are moved to a new epoch without changing what is seen") {
  Head head({}, nullptr);
  for (int i = 0; i < 5; ++i) commit_one(head, 1, kStart + i * kStep, i);
  const auto reader = head.querier({});
  for (int i = 5; i < 9; ++i) commit_one(head, 1, kStart + i * kStep, i);
  const Contents before = read(*reader, {everything()});
  for (HeadShard& shard : head.state().shards) {
    const sync::MutexLock lock(shard.mutex);
    rebase_commits(shard, head.state().isolation.oldest_watermark());
  }
  CHECK(same(read(*reader, {everything()}), before));
  for (int i = 9; i < 12; ++i) commit_one(head, 1, kStart + i * kStep, i);
  CHECK(same(read(*reader, {everything()}), before));
  CHECK(read(*head.querier({}), {everything()}).begin()->second.size() == 12);
}

TEST_CASE("isolation: a batch of 1,000 samples of one series is seen whole or not at all") {
  constexpr int kBatch = 1000;
  constexpr int kBatches = 60;
  Head head({}, nullptr);
  commit_one(head, 0, kStart, 0);
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  const auto watch = [&] {
    while (!done.load()) {
      for (const auto& [labels, points] : read(*head.querier({}), {everything()})) {
        if ((points.size() - 1) % kBatch != 0) ++torn;
      }
    }
  };
  std::thread first(watch);
  std::thread second(watch);
  Timestamp t = kStart;
  for (int b = 0; b < kBatches; ++b) {
    auto appender = head.appender();
    const auto ref = appender->series(series_labels(0));
    for (int i = 0; i < kBatch; ++i) appender->append(*ref, t += 1000, i % 3 == 0 ? i : 1);
    const auto stats = appender->commit();
    if (!stats || stats->appended != kBatch) ++torn;
  }
  done = true;
  first.join();
  second.join();
  CHECK(torn == 0);
}

TEST_CASE("isolation: a scrape of many series is seen whole while several targets write") {
  constexpr std::size_t kTargets = 2;
  constexpr std::size_t kSeries = 50;
  Head head({}, nullptr);
  std::atomic<std::size_t> writing{kTargets};
  std::atomic<int> torn{0};
  const auto scrape = [&](std::size_t target) {
    for (int i = 0; i < 150; ++i) {
      auto appender = head.appender();
      for (std::size_t s = 0; s < kSeries; ++s) {
        const auto ref = appender->series(series_labels(target * 400 + s * 8));
        if (ref) appender->append(*ref, kStart + i * kStep, i);
      }
      if (const auto stats = appender->commit(); !stats || !stats->refused.empty()) ++torn;
    }
    --writing;
  };
  const auto watch = [&] {
    while (writing.load() > 0) {
      std::map<std::size_t, std::map<std::size_t, std::size_t>> lengths;
      const Contents seen = read(*head.querier({}), {everything()});
      for (std::size_t target = 0; target < kTargets; ++target) {
        for (std::size_t s = 0; s < kSeries; ++s) {
          const auto at = seen.find(series_labels(target * 400 + s * 8).to_string());
          ++lengths[target][at == seen.end() ? 0 : at->second.size()];
        }
      }
      for (const auto& [target, counts] : lengths) torn += counts.size() == 1 ? 0 : 1;
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t target = 0; target < kTargets; ++target) threads.emplace_back(scrape, target);
  threads.emplace_back(watch);
  for (auto& thread : threads) thread.join();
  CHECK(torn == 0);
}

}  // namespace
}  // namespace narthex::tsdb

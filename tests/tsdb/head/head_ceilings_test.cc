// Above a ceiling new series are refused, known ones go on, and what grew is named.
#include <doctest/doctest.h>

#include <string>

#include "io/fault_file_system.h"
#include "tests/tsdb/head/head_fixture.h"
#include "tsdb/head/head.h"
#include "tsdb/wal/wal.h"
#include "tsdb/wal_replay.h"

namespace narthex::tsdb {
namespace {

using storage::AppendFault;

constexpr Timestamp kStart = 1'700'000'000'000;

std::string numbered(const char* text, int number) {
  std::string out = text;
  out += std::to_string(number);
  return out;
}

Labels pod(const std::string& job, int number) {
  return Labels{{"__name__", "m"}, {"job", job}, {"pod", numbered("pod-", number)}};
}

/// A batch with one sample of each. @return  how many series were refused
std::size_t append(Head& head, const std::vector<Labels>& all, Timestamp t) {
  auto appender = head.appender();
  std::size_t refused = 0;
  for (const Labels& labels : all) {
    const auto ref = appender->series(labels);
    if (ref) {
      appender->append(*ref, t, 1);
    } else {
      CHECK(ref.error() == AppendFault::limit);
      ++refused;
    }
  }
  REQUIRE(appender->commit());
  return refused;
}

std::vector<Labels> pods(const std::string& job, int from, int to) {
  std::vector<Labels> all;
  for (int i = from; i < to; ++i) all.push_back(pod(job, i));
  return all;
}

TEST_CASE("ceilings: at the number of series new ones are refused, also within one batch; known ones go on") {
  Head head({.ceilings = {.series = 10}}, nullptr);
  CHECK(append(head, pods("a", 0, 8), kStart) == 0);
  CHECK(append(head, pods("a", 0, 15), kStart + 1) == 5);
  CHECK(append(head, pods("a", 0, 15), kStart + 2) == 5);
  CHECK(head.stats().series == 10);
  const Contents all = read(*head.querier({}), {everything()});
  CHECK(all.size() == 10);
  CHECK(all.at(pod("a", 0).to_string()).size() == 3);
  CHECK(all.at(pod("a", 9).to_string()).size() == 2);
  const CeilingStats stats = head.ceiling_stats();
  CHECK(stats.refused[static_cast<std::size_t>(CeilingKind::series)] == 10);
  CHECK(stats.all_refused() == 10);
  CHECK(stats.last_refused_job == "a");
}

TEST_CASE("ceilings: a series that is rolled back or collected makes room") {
  Head head({.block_range = 1000, .ceilings = {.series = 4}}, nullptr);
  {
    auto appender = head.appender();
    for (int i = 0; i < 4; ++i) REQUIRE(appender->series(pod("a", i)));
    CHECK(!appender->series(pod("a", 4)));
    appender->rollback();
  }
  CHECK(append(head, pods("b", 0, 4), kStart) == 0);
  CHECK(append(head, pods("b", 4, 5), kStart + 2000) == 1);
  CHECK(append(head, pods("b", 0, 1), kStart + 2000) == 0);
  head.refuse_before(kStart + 1000);
  head.hide_before(kStart + 1000);
  REQUIRE(head.collect());
  CHECK(head.stats().series == 1);
  CHECK(append(head, pods("c", 0, 4), kStart + 2001) == 1);
}

TEST_CASE("ceilings: a job has its own, others are not touched by it, series without a job neither") {
  Head head({.ceilings = {.series_per_job = 3}}, nullptr);
  CHECK(append(head, pods("a", 0, 5), kStart) == 2);
  CHECK(append(head, pods("b", 0, 3), kStart) == 0);
  std::vector<Labels> without_job;
  for (int i = 0; i < 9; ++i) without_job.push_back(Labels{{"__name__", numbered("n", i)}});
  CHECK(append(head, without_job, kStart) == 0);
  CHECK(append(head, pods("b", 3, 4), kStart) == 1);
  CHECK(head.ceiling_stats().refused[static_cast<std::size_t>(CeilingKind::series_per_job)] == 3);
  CHECK(head.ceiling_stats().last_refused_job == "b");
}

TEST_CASE("ceilings: memory counts with what was measured, and between two looks by the series made since") {
  Head head({.ceilings = {.memory_bytes = 100'000'000}}, nullptr);
  head.measure_memory();
  CHECK(append(head, pods("a", 0, 10), kStart) == 0);
  Head small({.ceilings = {.memory_bytes = 1}}, nullptr);
  small.measure_memory();
  CHECK(append(small, pods("a", 0, 10), kStart) == 10);
  CHECK(small.ceiling_stats().refused[static_cast<std::size_t>(CeilingKind::memory)] == 10);

  const std::uint64_t empty = Head({}, nullptr).stats().memory.total();
  Head between({.ceilings = {.memory_bytes = empty + 600 * 5 - 300}}, nullptr);
  between.measure_memory();
  CHECK(append(between, pods("a", 0, 20), kStart) == 15);
}

TEST_CASE("ceilings: the label with most new values is named, refused ones among them") {
  Head head({.ceilings = {.series = 25}}, nullptr);
  std::vector<Labels> all = pods("a", 0, 20);
  for (int i = 0; i < 3; ++i) all.push_back(Labels{{"__name__", "up"}, {"zone", numbered("z", i)}});
  append(head, all, kStart);
  CHECK(head.ceiling_stats().fastest_label == "pod");
  CHECK(head.ceiling_stats().fastest_label_values == 20);
  // What was there when windows began, as after a replay, has not grown.
  head.turn_growth_window();
  CHECK(head.ceiling_stats().fastest_label.empty());
  append(head, pods("a", 20, 21), kStart);
  CHECK(head.ceiling_stats().fastest_label_values == 1);
  head.turn_growth_window();
  CHECK(head.ceiling_stats().fastest_label_values == 1);
  head.turn_growth_window();
  CHECK(head.ceiling_stats().fastest_label.empty());
  // Only one of these fits, but all of them press.
  std::vector<Labels> paths;
  for (int i = 0; i < 30; ++i)
    paths.push_back(Labels{{"__name__", "http"}, {"job", "a"}, {"path", numbered("/", i)}});
  CHECK(append(head, paths, kStart) == 29);
  CHECK(head.ceiling_stats().fastest_label == "path");
  CHECK(head.ceiling_stats().fastest_label_values == 30);
  // A label that no series has.
  for (int i = 0; i < 40; ++i)
    CHECK(append(head, {Labels{{"__name__", "http"}, {"user", std::to_string(i)}}}, kStart) == 1);
  CHECK(head.ceiling_stats().fastest_label == "user");
}

TEST_CASE("ceilings: what the log holds is all taken back, even above the ceiling") {
  io::FaultFileSystem fs;
  REQUIRE(fs.make_directories("/data/wal"));
  {
    auto wal = Wal::open(fs, "/data/wal", {}, nullptr);
    REQUIRE(wal);
    Head head({}, nullptr);
    head.start_logging(**wal);
    append(head, pods("a", 0, 10), kStart);
  }
  Head head({.ceilings = {.series = 5, .series_per_job = 5, .memory_bytes = 1}}, nullptr);
  REQUIRE(replay_wal(fs, "/data/wal", head));
  CHECK(head.stats().series == 10);
  CHECK(append(head, pods("a", 0, 12), kStart + 1) == 2);
  CHECK(head.ceiling_stats().fastest_label == "pod");
}

TEST_CASE("read-only: nothing is appended, and what there is can be read; afterwards it goes on") {
  Head head({}, nullptr);
  append(head, pods("a", 0, 2), kStart);
  head.set_read_only(true);
  {
    auto appender = head.appender();
    const auto ref = appender->series(pod("a", 7));
    REQUIRE(ref);
    appender->append(*ref, kStart + 1, 1);
    const auto refused = appender->commit();
    REQUIRE(!refused);
    CHECK(refused.error().code == Code::unavailable);
    CHECK(refused.error().text.contains("read-only"));
  }
  CHECK(read(*head.querier({}), {everything()}).size() == 2);
  CHECK(head.stats().series == 2);
  head.set_read_only(false);
  CHECK(append(head, pods("a", 0, 3), kStart + 2) == 0);
}

}  // namespace
}  // namespace narthex::tsdb

// Exemplars and metadata on their way through the head, its log and back.
#include <doctest/doctest.h>

#include "io/fault_file_system.h"
#include "tests/tsdb/head/head_fixture.h"
#include "tsdb/head/head.h"
#include "tsdb/wal/wal.h"
#include "tsdb/wal_replay.h"

namespace narthex::tsdb {
namespace {

using storage::Exemplar;
using storage::ExemplarFault;
using storage::SeriesRef;

constexpr Timestamp kStart = 1'700'000'000'000;

HeadOptions with_exemplars() {
  HeadOptions options;
  options.max_exemplars = 10;
  return options;
}

std::unique_ptr<Wal> open_wal(io::FileSystem& fs) {
  REQUIRE(fs.make_directories("/data/wal"));
  auto wal = Wal::open(fs, "/data/wal", {}, nullptr);
  REQUIRE(wal);
  return std::move(*wal);
}

Exemplar exemplar(Timestamp t, double v) {
  return {Labels{{"trace_id", "abc"}}, v, t, true};
}

std::vector<storage::SeriesExemplars> exemplars_of(Head& head) {
  const std::vector<std::vector<Matcher>> all = {{everything()}};
  return head.state().exemplars.select({}, all);
}

const storage::Metadata* metadata_of(Head& head, const Labels& labels) {
  HeadState& state = head.state();
  const sync::MutexLock index_lock(state.index_mutex);
  const Ordinal o = state.index.find(labels);
  const HeadShard& shard = state.shard(o);
  const sync::MutexLock lock(shard.mutex);
  return shard.metadata.find(o);
}

TEST_CASE("exemplars become visible with their batch") {
  Head head(with_exemplars(), nullptr);
  auto appender = head.appender();
  const SeriesRef ref = *appender->series(series_labels(1));
  appender->append(ref, kStart, 1);
  REQUIRE(appender->append_exemplar(ref, exemplar(kStart, 0.5)));
  CHECK(exemplars_of(head).empty());
  REQUIRE(appender->commit());
  const auto found = exemplars_of(head);
  REQUIRE(found.size() == 1);
  CHECK(found[0].series == series_labels(1));
  CHECK(found[0].exemplars == std::vector<Exemplar>{exemplar(kStart, 0.5)});

  CHECK(appender->append_exemplar(ref, exemplar(kStart, 0.5)).error() == ExemplarFault::duplicate);
  CHECK(appender->append_exemplar(ref, exemplar(kStart - 1, 0.5)).error() == ExemplarFault::out_of_order);
  REQUIRE(appender->append_exemplar(ref, exemplar(kStart + 1, 0.5)));
  appender->rollback();
  CHECK(exemplars_of(head)[0].exemplars.size() == 1);
}

TEST_CASE("exemplars are refused where there is no room for any, or no such series") {
  Head without({}, nullptr);
  auto appender = without.appender();
  const SeriesRef ref = *appender->series(series_labels(1));
  CHECK(appender->append_exemplar(ref, exemplar(1, 1)).error() == ExemplarFault::disabled);
  Head head(with_exemplars(), nullptr);
  CHECK(head.appender()->append_exemplar(ref, exemplar(1, 1)).error() == ExemplarFault::unknown_series);
}

TEST_CASE("metadata is logged when it is not what was known") {
  io::FaultFileSystem fs;
  auto wal = open_wal(fs);
  Head head({}, nullptr);
  head.start_logging(*wal);
  auto appender = head.appender();
  const SeriesRef ref = *appender->series(series_labels(1));
  const storage::Metadata counter{"counter", "seconds", "Help."};
  appender->set_metadata(ref, counter);
  REQUIRE(appender->commit());
  REQUIRE(metadata_of(head, series_labels(1)) != nullptr);
  CHECK(*metadata_of(head, series_labels(1)) == counter);
  const std::uint64_t logged = wal->size_bytes();
  appender->set_metadata(ref, counter);
  REQUIRE(appender->commit());
  CHECK(wal->size_bytes() == logged);
  appender->set_metadata(ref, {"gauge", "", "Help."});
  REQUIRE(appender->commit());
  CHECK(wal->size_bytes() > logged);
}

TEST_CASE("exemplars and metadata come back from the log") {
  io::FaultFileSystem fs;
  const storage::Metadata last{"gauge", "", "Another text."};
  {
    auto wal = open_wal(fs);
    Head head(with_exemplars(), nullptr);
    head.start_logging(*wal);
    auto appender = head.appender();
    for (std::size_t i = 0; i < 3; ++i) {
      const SeriesRef ref = *appender->series(series_labels(i));
      appender->append(ref, kStart, 1);
      REQUIRE(appender->append_exemplar(ref, exemplar(kStart + static_cast<Timestamp>(i), 0.5)));
      appender->set_metadata(ref, {"counter", "seconds", "Help."});
    }
    REQUIRE(appender->commit());
    appender->set_metadata(*appender->series(series_labels(1)), last);
    REQUIRE(appender->commit());
  }
  for (const bool kept : {true, false}) {
    CAPTURE(kept);
    Head head(kept ? with_exemplars() : HeadOptions{}, nullptr);
    const auto report = replay_wal(fs, "/data/wal", head);
    REQUIRE(report);
    CHECK(report->damaged == 0);
    CHECK(report->unknown_refs == 0);
    CHECK(report->skipped_records == 0);
    CHECK(*metadata_of(head, series_labels(0)) == storage::Metadata{"counter", "seconds", "Help."});
    CHECK(*metadata_of(head, series_labels(1)) == last);
    CHECK(exemplars_of(head).size() == (kept ? 3 : 0));
    if (!kept) continue;
    Exemplar want = exemplar(kStart + 2, 0.5);
    want.has_own_time = false;
    const std::vector<std::vector<Matcher>> all = {{everything()}};
    const auto found = head.state().exemplars.select({kStart + 2, kStart + 2}, all);
    CHECK(found[0].exemplars == std::vector{want});
  }
}

TEST_CASE("a batch that cannot be logged leaves no exemplars and no metadata") {
  io::FaultFileSystem fs;
  auto wal = open_wal(fs);
  Head head(with_exemplars(), nullptr);
  head.start_logging(*wal);
  fs.set_judge([](io::Operation op, const std::string&) -> std::optional<Error> {
    if (op == io::Operation::append) return Error{Code::io, "no space left on device", {}};
    return std::nullopt;
  });
  auto appender = head.appender();
  const SeriesRef ref = *appender->series(series_labels(1));
  appender->append(ref, kStart, 1);
  REQUIRE(appender->append_exemplar(ref, exemplar(kStart, 1)));
  appender->set_metadata(ref, {"counter", "", ""});
  CHECK_FALSE(appender->commit());
  CHECK(exemplars_of(head).empty());
  CHECK(metadata_of(head, series_labels(1)) == nullptr);
  fs.set_judge(nullptr);
}

TEST_CASE("what a series measures is forgotten with it, and texts are kept once") {
  SeriesMetadata metadata;
  const storage::Metadata a{"counter", "", std::string(1000, 'a')};
  const storage::Metadata b{"gauge", "", "b"};
  for (std::uint32_t i = 0; i < 100; ++i) metadata.set(i, a);
  CHECK(metadata.size_bytes() < 20'000);
  metadata.set(7, b);
  metadata.set(7, b);
  CHECK(*metadata.find(7) == b);
  CHECK(*metadata.find(8) == a);
  for (std::uint32_t i = 0; i < 100; ++i) metadata.forget(i);
  metadata.forget(5);
  CHECK(metadata.find(7) == nullptr);
  CHECK(metadata.size_bytes() == 0);
}

}  // namespace
}  // namespace narthex::tsdb

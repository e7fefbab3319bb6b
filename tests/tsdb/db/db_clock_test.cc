#include <doctest/doctest.h>

#include "tests/tsdb/db/db_fixture.h"
#include "tests/tsdb/why.h"

namespace narthex::tsdb {
namespace {

constexpr DurationMs kDay = 24 * 3600 * 1000;

/// One sample of one series. @return  why it was refused, if it was
std::optional<storage::AppendFault> append(Db& db, const Labels& labels, Timestamp t, double v) {
  auto appender = db.appender();
  const auto ref = appender->series(labels);
  REQUIRE(ref);
  appender->append(*ref, t, v);
  const auto stats = appender->commit();
  REQUIRE_MESSAGE(stats, why(stats));
  if (stats->refused.empty()) return std::nullopt;
  return stats->refused.front().fault;
}

Points points_of(Db& db, const Labels& labels) {
  return read_all(db)[labels.to_string()];
}

TEST_CASE("clock: when it was a day ahead, what comes after it was set right is kept and seen") {
  io::FaultFileSystem fs;
  ManualClock clock(kNow + kDay);
  const Labels old_series = series_labels(1);
  const Labels new_series = series_labels(2);
  Points want;
  {
    auto db = open_db(fs, clock);
    for (int i = 0; i < 5; ++i) CHECK(!append(*db, old_series, kNow + kDay + i * kStep, i));
    clock.set(kNow);
    REQUIRE(db->run_mapping_once());
    for (int i = 0; i < 200; ++i, clock.advance(kStep)) {
      CHECK(!append(*db, old_series, clock.now(), i));
      CHECK(!append(*db, new_series, clock.now(), i));
      want.emplace_back(clock.now(), i);
    }
    // As old as what would be in order, and no older.
    CHECK(!append(*db, series_labels(3), clock.now() - kRange / 4, 1));
    CHECK(append(*db, series_labels(3), clock.now() - kDay, 1) == storage::AppendFault::too_old);
    CHECK(points_of(*db, new_series) == want);
    CHECK(points_of(*db, old_series).size() == want.size() + 5);
  }
  auto db = open_db(fs, clock);
  CHECK(points_of(*db, new_series) == want);
  CHECK(points_of(*db, old_series).size() == want.size() + 5);
  CHECK(!append(*db, new_series, clock.now(), -1));

  // Time catches up: the rules are as before.
  clock.set(kNow + kDay + 10 * kStep);
  REQUIRE(db->run_mapping_once());
  CHECK(!append(*db, old_series, clock.now(), 1));
  CHECK(append(*db, old_series, clock.now() - kStep, 1) == storage::AppendFault::out_of_order);
}

TEST_CASE("clock: a block from the future keeps nothing out that comes before it") {
  io::FaultFileSystem fs;
  ManualClock clock(kNow + kDay);
  {
    auto db = open_db(fs, clock);
    for (int i = 0; i < 5 * 60; ++i) CHECK(!append(*db, series_labels(1), kNow + kDay + i * kStep, i));
    REQUIRE(db->run_background_once());
    REQUIRE(!db->blocks().empty());
  }
  // Only the blocks are left, as if they had been copied here.
  REQUIRE(fs.remove_tree("/data/wal"));
  REQUIRE(fs.remove_tree("/data/chunks_head"));
  REQUIRE(fs.remove_tree("/data/narthex"));
  clock.set(kNow);
  auto db = open_db(fs, clock);
  for (int i = 0; i < 10; ++i) CHECK(!append(*db, series_labels(1), kNow + i * kStep, 7));
  const std::size_t of_blocks = db->blocks().size() * 2 * 60;
  CHECK(points_of(*db, series_labels(1)).size() == 10 + of_blocks);
}

TEST_CASE("clock: a jump backward leaves what is there, and goes on when time has come back") {
  io::FaultFileSystem fs;
  ManualClock clock(kNow);
  auto db = open_db(fs, clock);
  for (int i = 0; i < 10; ++i, clock.advance(kStep)) CHECK(!append(*db, series_labels(1), clock.now(), i));
  clock.set(kNow - kDay);
  REQUIRE(db->run_mapping_once());
  CHECK(!append(*db, series_labels(1), clock.now(), -1));
  clock.set(kNow + 20 * kStep);
  REQUIRE(db->run_mapping_once());
  CHECK(!append(*db, series_labels(1), clock.now(), 20));
  CHECK(points_of(*db, series_labels(1)).size() == 12);
}

}  // namespace
}  // namespace narthex::tsdb

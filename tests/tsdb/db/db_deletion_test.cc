// Deleted samples: gone from every query at once, after a crash, a cut, a merge; and from the disk.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/tsdb/db/block_disk.h"
#include "tests/tsdb/directory_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/block/tombstones.h"
#include "tsdb/db.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {
namespace {

/// What a deletion leaves of `model`.
Contents without(const Contents& model, TimeRange range, std::string_view label) {
  Contents left;
  for (const auto& [labels, points] : model) {
    Points kept = points;
    if (labels.contains(label))
      std::erase_if(kept, [&](const auto& point) { return range.contains(point.first); });
    if (!kept.empty()) left.emplace(labels, std::move(kept));
  }
  return left;
}

std::vector<Matcher> api_job() {
  return {match(MatchOp::equal, "job", "api")};
}
constexpr std::string_view kApiJob = "job=\"api\"";

Timestamp at(int step) {
  return kStart + step * kStep;
}

Tombstones tombstones_of(io::FileSystem& fs, const std::string& ulid) {
  auto text = fs.read_file("/data/" + ulid + "/tombstones");
  REQUIRE_MESSAGE(text, why(text));
  auto stones = read_tombstones(io::as_bytes(*text));
  REQUIRE_MESSAGE(stones, why(stones));
  return *std::move(stones);
}

std::size_t count_series(storage::Queryable& store, TimeRange range) {
  auto querier = store.querier(range);
  REQUIRE(querier);
  LabelPool pool;
  const std::vector<Matcher> matchers = {everything()};
  auto set = (*querier)->select(range, matchers, pool, {});
  REQUIRE(set);
  return (*set)->size();
}

TEST_CASE("deletion: in block and head at once, over a kill, and in the block that is cut later") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  auto db = open_db(fs, clock);
  Contents model;
  for (int step = 0; step < 200; ++step) REQUIRE(scrape(*db, 6, step, model));
  REQUIRE(db->run_background_once());
  REQUIRE(db->blocks().size() == 1);

  const TimeRange range{at(60), at(150)};
  REQUIRE(db->delete_series(range, api_job()));
  Contents left = without(model, range, kApiJob);
  CHECK(!same(left, model));
  CHECK(same(read_all(*db), left));
  CHECK(db->blocks().front().num_tombstones == 2);

  // As after a kill -9: nothing was closed.
  DbOptions unlocked = quiet_options();
  unlocked.no_lockfile = true;
  auto again = open_db(fs, clock, unlocked);
  CHECK(same(read_all(*again), left));
  for (int step = 200; step < 330; ++step) REQUIRE(scrape(*again, 6, step, left));
  REQUIRE(again->run_background_once());
  REQUIRE(again->blocks().size() == 2);
  CHECK(same(read_all(*again), left));
  CHECK(again->blocks().back().num_tombstones == 0);
}

TEST_CASE("deletion: what comes afterwards stays, also at times that a second deletion names") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  auto db = open_db(fs, clock);
  Contents model;
  for (int step = 0; step < 10; ++step) REQUIRE(scrape(*db, 3, step, model));
  REQUIRE(db->delete_series({}, {{everything()}}));
  CHECK(read_all(*db).empty());
  CHECK(count_series(*db, {}) == 0);
  Contents left;
  for (int step = 10; step < 20; ++step) REQUIRE(scrape(*db, 3, step, left));
  CHECK(same(read_all(*db), left));
  CHECK(count_series(*db, {kMinTime, at(9)}) == 0);
  REQUIRE(db->delete_series({at(5), at(12)}, {{everything()}}));
  left = without(left, {at(5), at(12)}, "");
  CHECK(same(read_all(*db), left));
  // Before and behind all that there is.
  REQUIRE(db->delete_series({kMinTime, at(0) - 1}, {{everything()}}));
  REQUIRE(db->delete_series({at(20), kMaxTime}, {{everything()}}));
  CHECK(same(read_all(*db), left));
  db.reset();
  CHECK(same(read_all(*open_db(fs, clock)), left));
}

TEST_CASE("deletion: a block's tombstones reach from a series' first to its last sample, and join") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  const std::string ulid = put_block(fs, kBegin, kBegin + kRange, 3, model, 1, kStep);
  auto db = open_db(fs, clock);
  const Timestamp last = kBegin + kRange - kStep;
  const struct {
    TimeRange range;
    std::vector<TimeRange> of_each;
  } rows[] = {
      {{kBegin - 5, kBegin + 10}, {{kBegin, kBegin + 10}}},
      {{kBegin + 20, kBegin + 30}, {{kBegin, kBegin + 10}, {kBegin + 20, kBegin + 30}}},
      {{kBegin + 11, kBegin + 19}, {{kBegin, kBegin + 30}}},
      {{last, kMaxTime}, {{kBegin, kBegin + 30}, {last, last}}},
      // Inside a chunk's time, though no sample is there: so does Prometheus.
      {{last - 2, last - 2}, {{kBegin, kBegin + 30}, {last - 2, last - 2}, {last, last}}},
      {{kMinTime, kMaxTime}, {{kBegin, last}}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.range.mint);
    REQUIRE(db->delete_series(row.range, {{everything()}}));
    model = without(model, row.range, "");
    CHECK(same(read_all(*db), model));
    const Tombstones stones = tombstones_of(fs, ulid);
    CHECK(stones.size() == 3 * row.of_each.size());
    CHECK(db->blocks().front().num_tombstones == stones.size());
    for (const Stone& s : stones.all()) CHECK(std::ranges::find(row.of_each, s.range) != row.of_each.end());
  }
  CHECK(model.empty());
  CHECK(count_series(*db, {}) == 0);
}

TEST_CASE("deletion: a selector without a match and an empty range change no file") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  put_block(fs, kBegin, kBegin + kRange, 3, model);
  auto db = open_db(fs, clock);
  REQUIRE(scrape(*db, 3, 0, model));
  Files before;
  collect_files(fs, "/data", before);
  REQUIRE(db->delete_series({}, {{match(MatchOp::equal, "job", "nobody's")}}));
  REQUIRE(db->delete_series({at(5), at(4)}, {{everything()}}));
  REQUIRE(db->delete_series({kBegin + kRange, kStart - 1}, {{everything()}}));
  Files after;
  collect_files(fs, "/data", after);
  CHECK(before == after);
}

TEST_CASE("deletion: checkpoints keep it for as long as they keep the samples") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  auto db = open_db(fs, clock);
  Contents left;
  // 240 is inside what the head still holds when the log is cut.
  for (int step = 0; step < 900; ++step) {
    REQUIRE(scrape(*db, 12, step, left));
    if (step % 60 == 59) REQUIRE(db->run_background_once());
    if (step % 50 == 49) {
      const TimeRange range{at(step - 30), at(step - 3)};
      REQUIRE(db->delete_series(range, api_job()));
      left = without(left, range, kApiJob);
    }
  }
  REQUIRE(last_checkpoint(fs, "/data/wal")->has_value());
  CHECK(same(read_all(*db), left));
  db.reset();
  db = open_db(fs, clock);
  CHECK(same(read_all(*db), left));
}

TEST_CASE("deletion: one that cannot be logged or written is an error, and the rest is done") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  const std::string ulid = put_block(fs, kBegin, kBegin + kRange, 3, model);
  auto db = open_db(fs, clock);
  REQUIRE(scrape(*db, 3, 0, model));
  std::string bad = "/data/wal";
  fs.set_judge([&](io::Operation op, const std::string& path) -> std::optional<Error> {
    if ((op == io::Operation::append || op == io::Operation::open) && path.starts_with(bad))
      return Error{Code::io, path + ": Input/output error", {}};
    return std::nullopt;
  });
  const auto not_logged = db->delete_series({}, api_job());
  REQUIRE(!not_logged);
  CHECK(not_logged.error().text.contains("/data/wal"));
  Contents left = without(model, {kBegin, kBegin + kRange}, kApiJob);
  CHECK(same(read_all(*db), left));
  bad = "/data/" + ulid;
  const auto not_written = db->delete_series({}, {{everything()}});
  REQUIRE(!not_written);
  CHECK(not_written.error().text.contains(ulid));
  CHECK(same(read_all(*db), without(left, {kStart, kMaxTime}, "")));
}

/// One series, a block and a head, a deletion that was acknowledged or not, killed at an operation.
TEST_CASE("deletion: killed or without power at any operation, an acknowledged one holds, another is none") {
  const TimeRange range{kBegin, at(3)};
  const auto run = [&](io::FaultFileSystem& fs, std::int64_t operations, Contents& model) {
    std::int64_t left = operations;
    put_block(fs, kBegin, kBegin + kRange, 3, model);
    const ManualClock clock(kNow);
    auto db = open_db(fs, clock);
    for (int step = 0; step < 6; ++step) REQUIRE(scrape(*db, 3, step, model));
    fs.set_judge([left](io::Operation, const std::string& path) mutable -> std::optional<Error> {
      if (left-- > 0) return std::nullopt;
      return Error{Code::io, path + ": killed", {}};
    });
    const bool done = db->delete_series(range, api_job()).has_value();
    if (!done) CHECK(operations < 100);
    db.reset();
    fs.set_judge(nullptr);
    return done;
  };
  for (const bool power_cut : {false, true}) {
    CAPTURE(power_cut);
    bool done = false;
    for (std::int64_t n = 0; !done; ++n) {
      CAPTURE(n);
      io::FaultFileSystem fs;
      Contents model;
      done = run(fs, n, model);
      if (power_cut) fs.crash();
      const ManualClock clock(kNow);
      auto db = open_db(fs, clock);
      const Contents after = read_all(*db);
      if (done) {
        CHECK(same(after, without(model, range, kApiJob)));
        continue;
      }
      // Nothing but what was to go may be missing.
      CHECK(same(without(after, range, kApiJob), without(power_cut ? after : model, range, kApiJob)));
    }
  }
}

TEST_CASE("deletion: cut short between a block's two files, it is counted by the next start") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  {
    auto db = open_db(fs, clock);
    for (int step = 0; step < 200; ++step) REQUIRE(scrape(*db, 6, step, model));
    REQUIRE(db->run_background_once());
    fs.set_judge([](io::Operation op, const std::string& path) -> std::optional<Error> {
      if (op == io::Operation::rename && path.find("/meta.json") != std::string::npos)
        return Error{Code::io, "Input/output error", {}};
      return std::nullopt;
    });
    CHECK_FALSE(db->delete_series({at(60), at(100)}, api_job()));
    fs.set_judge(nullptr);
    CHECK(db->blocks().front().num_tombstones == 0);
    REQUIRE(db->close());
  }
  const auto db = open_db(fs, clock);
  CHECK(db->blocks().front().num_tombstones == 2);
  CHECK(tombstones_of(fs, db->blocks().front().ulid).size() == 2);
  CHECK(same(read_all(*db), without(model, {at(60), at(100)}, kApiJob)));
}

TEST_CASE("deletion: scrapes and queries go on meanwhile, and none of them sees half of it") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  auto db = open_db(fs, clock);
  Contents model;
  std::atomic<int> newest{0};
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::thread deleting([&] {
    int from = 0;
    while (!done.load()) {
      const int to = newest.load() - 1;
      if (to < from) continue;
      // Everything but each seventh step.
      for (; from <= to; ++from) {
        if (from % 7 != 0 && !db->delete_series({at(from), at(from)}, {{everything()}})) ++wrong;
      }
    }
    for (; from <= newest.load(); ++from) {
      if (from % 7 != 0 && !db->delete_series({at(from), at(from)}, {{everything()}})) ++wrong;
    }
  });
  std::thread reading([&] {
    while (!done.load()) {
      for (const auto& [labels, points] : read_all(*db)) {
        for (std::size_t i = 1; i < points.size(); ++i)
          wrong += points[i - 1].first < points[i].first ? 0 : 1;
      }
    }
  });
  for (int step = 0; step < 400; ++step) {
    REQUIRE(scrape(*db, 5, step, model));
    newest = step;
    if (step % 100 == 99) REQUIRE(db->run_background_once());
  }
  done = true;
  deleting.join();
  reading.join();
  CHECK(wrong == 0);
  for (auto& [labels, points] : model)
    std::erase_if(points, [](const auto& p) { return (p.first - kStart) / kStep % 7 != 0; });
  CHECK(same(read_all(*db), model));
  db.reset();
  CHECK(same(read_all(*open_db(fs, clock)), model));
}

TEST_CASE("clean tombstones: blocks with deletions are written anew with one parent, others are left alone") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  const std::string first = put_block(fs, kBegin, kBegin + kRange, 6, model, 1);
  const std::string second = put_block(fs, kBegin + kRange, kBegin + 2 * kRange, 6, model, 2);
  put_block(fs, kBegin + 2 * kRange, kBegin + 3 * kRange, 6, model, 3);
  auto db = open_db(fs, clock);
  REQUIRE(db->delete_series({kMinTime, kBegin + kRange / 2}, api_job()));
  REQUIRE(db->delete_series({kBegin + 2 * kRange, kMaxTime}, {{everything()}}));
  const Contents left = read_all(*db);
  REQUIRE(db->clean_tombstones());
  CHECK(same(read_all(*db), left));
  const auto blocks = db->blocks();
  REQUIRE(blocks.size() == 2);
  CHECK(block_directories(fs) == ulids_of(blocks));
  CHECK(blocks[1].ulid == second);
  const BlockMeta& made = blocks[0];
  CHECK(made.ulid != first);
  CHECK(made.level == 1);
  CHECK(made.sources == std::vector{made.ulid});
  REQUIRE(made.parents.size() == 1);
  CHECK(made.parents[0].ulid == first);
  CHECK(made.parents[0].mint == kBegin);
  CHECK(made.mint == kBegin);
  CHECK(made.maxt == kBegin + kRange);
  CHECK(made.num_tombstones == 0);
  CHECK(tombstones_of(fs, made.ulid).empty());
  // Nothing is left to be done.
  REQUIRE(db->clean_tombstones());
  CHECK(ulids_of(db->blocks()) == ulids_of(blocks));
  db.reset();
  CHECK(same(read_all(*open_db(fs, clock)), left));
}

TEST_CASE("clean tombstones: a full disk leaves the old block in place, and later it works") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  const std::string ulid = put_block(fs, kBegin, kBegin + kRange, 6, model, 1);
  auto db = open_db(fs, clock);
  REQUIRE(db->delete_series({}, api_job()));
  const Contents left = read_all(*db);
  fs.set_free_bytes(10);
  const auto cleaned = db->clean_tombstones();
  REQUIRE(!cleaned);
  CHECK(cleaned.error().text.starts_with("clean tombstones: /data/" + ulid));
  CHECK(same(read_all(*db), left));
  fs.set_free_bytes(-1);
  REQUIRE(db->clean_tombstones());
  CHECK(same(read_all(*db), left));
  CHECK(!db->blocks().empty());
  CHECK(db->blocks()[0].ulid != ulid);
}

}  // namespace
}  // namespace narthex::tsdb

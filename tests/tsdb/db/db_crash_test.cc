// The process or the machine dies at every single operation on the disk.
#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "tests/tsdb/db/db_fixture.h"
#include "tsdb/db.h"

namespace narthex::tsdb {
namespace {

/// Lets `allowed` changing operations through and fails every later one: the process is dead.
class Reaper {
 public:
  Reaper(io::FaultFileSystem& fs, std::int64_t allowed) : fs_(fs), left_(allowed) {
    fs.set_judge([this](io::Operation op, const std::string&) -> std::optional<Error> {
      if (op == io::Operation::read || op == io::Operation::map || op == io::Operation::list) {
        return std::nullopt;
      }
      if (left_-- > 0) return std::nullopt;
      dead_ = true;
      return Error{Code::io, "the process is dead", {}};
    });
  }
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;
  ~Reaper() { fs_.set_judge(nullptr); }
  [[nodiscard]] bool dead() const { return dead_; }

 private:
  io::FaultFileSystem& fs_;
  std::int64_t left_;
  bool dead_ = false;
};

struct Outcome {
  Contents committed;
  /// What was committed when the log was last synced as a whole.
  Contents synced;
  bool finished = false;
};

DbOptions crash_options(bool snapshots) {
  DbOptions options = quiet_options();
  options.snapshots.enabled = snapshots;
  return options;
}

/// Scrapes over two block cuts, with maintenance in between, and snapshots of the head.
Outcome live(io::FaultFileSystem& fs, std::int64_t operations, bool snapshots) {
  Outcome out;
  const ManualClock clock(kStart);
  const Reaper reaper(fs, operations);
  auto opened = try_open(fs, clock, crash_options(snapshots));
  if (!opened) return out;
  auto& db = **opened;
  for (int step = 0; step < 330 && !reaper.dead(); ++step) {
    if (!scrape(db, 4, step * 2, out.committed)) break;
    // One that fails costs nothing.
    if (snapshots && step % 40 == 15) std::ignore = db.run_snapshot_once();
    if (step % 55 == 54) {
      const Contents before = out.committed;
      if (db.run_background_once() && !reaper.dead()) out.synced = before;
    }
  }
  out.finished = !reaper.dead();
  return out;
}

/// Every point of `part` is in `whole`, and `whole` has no other than those of `most`.
bool lies_between(const Contents& part, const Contents& whole, const Contents& most) {
  for (const auto& [labels, points] : part) {
    const auto at = whole.find(labels);
    if (at == whole.end()) return false;
    if (at->second.size() < points.size()) return false;
    if (!std::equal(points.begin(), points.end(), at->second.begin())) return false;
  }
  for (const auto& [labels, points] : whole) {
    const auto at = most.find(labels);
    if (at == most.end() || points.size() > at->second.size()) return false;
    if (!std::equal(points.begin(), points.end(), at->second.begin())) return false;
  }
  return true;
}

std::int64_t count_operations(bool snapshots) {
  std::int64_t low = 1;
  std::int64_t high = 1;
  const auto finishes = [snapshots](std::int64_t n) {
    io::FaultFileSystem disk;
    return live(disk, n, snapshots).finished;
  };
  while (!finishes(high)) low = std::exchange(high, high * 2);
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    if (finishes(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

void kill_everywhere(bool snapshots) {
  const DbOptions options = crash_options(snapshots);
  const std::int64_t all = count_operations(snapshots);
  REQUIRE(all > 300);
  for (std::int64_t n = 0; n < all; ++n) {
    CAPTURE(n);
    for (const bool short_writes : {false, true}) {
      CAPTURE(short_writes);
      io::FaultFileSystem fs;
      fs.set_short_write(short_writes);
      Outcome before = live(fs, n, snapshots);
      const ManualClock clock(kStart);
      auto db = try_open(fs, clock, options);
      REQUIRE(db);
      const Contents after = read_all(**db);
      REQUIRE(same(after, before.committed));
      // It goes on from there.
      Contents more = before.committed;
      REQUIRE(scrape(**db, 4, 700, more));
      REQUIRE((*db)->run_background_once());
      REQUIRE(same(read_all(**db), more));
    }
  }
}

TEST_CASE("crash: killed at any operation, all that was committed is there") {
  kill_everywhere(false);
}

TEST_CASE("crash: the same with snapshots of the head") {
  kill_everywhere(true);
}

void cut_power_everywhere(bool snapshots) {
  const std::int64_t all = count_operations(snapshots);
  for (std::int64_t n = 0; n < all; ++n) {
    CAPTURE(n);
    io::FaultFileSystem fs;
    REQUIRE(fs.make_directories("/data"));
    REQUIRE(fs.sync_directory("/"));
    const Outcome before = live(fs, n, snapshots);
    fs.crash();
    const ManualClock clock(kStart);
    auto db = try_open(fs, clock, crash_options(snapshots));
    REQUIRE(db);
    REQUIRE(lies_between(before.synced, read_all(**db), before.committed));
    Contents more = before.committed;
    REQUIRE(scrape(**db, 4, 700, more));
  }
}

TEST_CASE("crash: after a power cut at any operation, all that was synced is there and nothing is made up") {
  cut_power_everywhere(false);
}

TEST_CASE("crash: the same of a power cut with snapshots of the head") {
  cut_power_everywhere(true);
}

TEST_CASE("crash: a full disk refuses appends with an error, loses nothing, and heals") {
  io::FaultFileSystem fs;
  fs.set_short_write(true);
  const ManualClock clock(kStart);
  Contents model;
  auto db = open_db(fs, clock);
  for (int step = 0; step < 20; ++step) REQUIRE(scrape(*db, 5, step, model));
  fs.set_free_bytes(700);
  int refused = 0;
  for (int step = 20; step < 40; ++step) refused += scrape(*db, 5, step, model) ? 0 : 1;
  CHECK(refused > 0);
  CHECK(same(read_all(*db), model));
  fs.set_free_bytes(-1);
  for (int step = 40; step < 60; ++step) REQUIRE(scrape(*db, 5, step, model));
  CHECK(same(read_all(*db), model));
  db.reset();
  db = open_db(fs, clock);
  CHECK(same(read_all(*db), model));
}

}  // namespace
}  // namespace narthex::tsdb

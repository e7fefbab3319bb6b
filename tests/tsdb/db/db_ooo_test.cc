// Samples that come late, through the whole life of a database: against a sorted map, with restarts, files
// and blocks in between, and with the process or the machine dying at any operation on the disk.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>

#include "tests/tsdb/db/db_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/read_only.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {
namespace {

constexpr DurationMs kWindow = 4 * 3600 * 1000;

DbOptions with_window(DurationMs window = kWindow) {
  DbOptions options = quiet_options();
  options.out_of_order_window = window;
  return options;
}

DbOptions without_merging(DurationMs window = kWindow) {
  DbOptions options = with_window(window);
  options.merge_overlapping_blocks = false;
  return options;
}

double value_of(std::size_t series, Timestamp t) {
  return static_cast<double>((static_cast<std::size_t>(t / 1000) * 7919 + series * 31) % 10'007);
}

using Model = std::map<std::string, std::map<Timestamp, double>>;

Contents contents(const Model& model, TimeRange range = {}) {
  Contents out;
  for (const auto& [name, samples] : model) {
    Points points;
    for (const auto& [t, v] : samples) {
      if (range.contains(t)) points.emplace_back(t, v);
    }
    if (!points.empty()) out[name] = std::move(points);
  }
  return out;
}

struct Sample {
  std::size_t series;
  Timestamp t;
};

std::optional<storage::CommitStats> append(Db& db, const std::vector<Sample>& samples) {
  auto appender = db.appender();
  for (const Sample& s : samples) {
    const auto ref = appender->series(series_labels(s.series));
    REQUIRE(ref);
    appender->append(*ref, s.t, value_of(s.series, s.t));
  }
  auto stats = appender->commit();
  if (!stats) return std::nullopt;
  return std::move(*stats);
}

void remember(Model& model, const std::vector<Sample>& samples) {
  for (const Sample& s : samples)
    model[series_labels(s.series).to_string()].emplace(s.t, value_of(s.series, s.t));
}

std::size_t count_ooo_blocks(const Db& db) {
  return static_cast<std::size_t>(std::ranges::count_if(
      db.blocks(), [](const BlockMeta& meta) { return has_hint(meta, kFromOutOfOrder); }));
}

/// What a tool sees of the directory.
Contents read_only(io::FileSystem& fs) {
  Contents out;
  auto db = ReadOnlyDb::open(fs, "/data");
  REQUIRE(db);
  const std::vector<std::vector<Matcher>> selectors = {{everything()}};
  auto series = db->series({}, selectors);
  REQUIRE_MESSAGE(series, why(series));
  StoredSeries one;
  for (;;) {
    auto more = (*series)->next(one);
    REQUIRE_MESSAGE(more, why(more));
    if (!*more) return out;
    Points& points = out[one.labels.to_string()];
    for (const ChunkSamples& run : one.runs) {
      for (std::size_t i = 0; i < run.size(); ++i) points.emplace_back(run.t[i], run.v[i]);
    }
  }
}

TEST_CASE("out of order: the database holds what a sorted map holds, over restarts, files and blocks") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    io::FaultFileSystem fs;
    const ManualClock clock(kNow);
    auto db = open_db(fs, clock, with_window());
    Model model;
    Timestamp now = kStart;
    std::size_t most_blocks = 0;
    for (int step = 0; step < 700; ++step) {
      CAPTURE(step);
      now += 60'000;
      std::vector<Sample> batch;
      for (std::size_t s = 0; s < 6; ++s) {
        // Series 5 has late samples only.
        if (s != 5 && random() % 10 != 0) batch.push_back({s, now});
        const std::size_t late = random() % 8 == 0 ? random() % 50 : random() % 3;
        for (std::size_t k = 0; k < late; ++k)
          batch.push_back({s, now - static_cast<Timestamp>(random() % (5 * 3600)) * 1000});
      }
      Timestamp maxt = db->head_stats().maxt;
      if (maxt == kMinTime && !batch.empty()) maxt = batch.front().t;
      const auto stats = append(*db, batch);
      REQUIRE(stats);
      std::vector<Sample> kept;
      std::size_t refused = 0;
      for (std::size_t i = 0; i < batch.size(); ++i) {
        if (batch[i].t < maxt - kWindow) {
          REQUIRE(refused < stats->refused.size());
          CHECK(stats->refused[refused].index == i);
          CHECK(stats->refused[refused++].fault == storage::AppendFault::too_old);
        } else {
          kept.push_back(batch[i]);
        }
      }
      CHECK(stats->refused.size() == refused);
      CHECK(stats->appended == kept.size());
      remember(model, kept);
      const auto dice = random() % 40;
      if (dice == 0) {
        db.reset();
        db = open_db(fs, clock, with_window());
      }
      if (dice < 4) REQUIRE(db->run_mapping_once());
      if (dice < 3) REQUIRE(db->run_background_once());
      if (dice < 6) {
        most_blocks = std::max(most_blocks, count_ooo_blocks(*db));
        TimeRange asked;
        if (dice % 2 == 0) asked = {now - static_cast<Timestamp>(random() % 30'000'000), now - 600'000};
        REQUIRE(same(read_all(*db, asked), contents(model, asked)));
      }
    }
    CHECK(most_blocks > 0);
    REQUIRE(same(read_only(fs), contents(model)));
  }
}

TEST_CASE("out of order: late samples become blocks, and their log and chunks go") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  auto db = open_db(fs, clock, without_merging());
  Model model;
  const auto take = [&](const std::vector<Sample>& batch) {
    const auto stats = append(*db, batch);
    REQUIRE(stats);
    REQUIRE(stats->refused.empty());
    remember(model, batch);
  };
  take({{0, kStart}});
  take({{0, kStart + kRange + 1000}});
  std::vector<Sample> late;
  for (int i = 0; i < 100; ++i) late.push_back({1, kStart - 3'600'000 + i * 60'000});
  take(late);
  CHECK(db->lowest_timestamp() == kStart - 3'600'000);
  REQUIRE(db->run_background_once());
  CHECK(db->blocks().empty());
  // The head is due.
  take({{0, kStart + kRange + kRange / 2 + 1}});
  REQUIRE(db->run_background_once());
  CHECK(count_ooo_blocks(*db) == 2);
  CHECK(same(read_all(*db), contents(model)));
  // A query from before the floor of the head.
  const TimeRange before{kStart - kRange, kStart - 1};
  CHECK(same(read_all(*db, before), contents(model, before)));
  const auto log = list_segments(fs, "/data/wbl");
  REQUIRE(log);
  CHECK(log->size() == 1);
  // The series that had late samples only is gone from the head.
  CHECK(db->head_stats().series == 1);
  // Once more from the disk: nothing is there twice.
  db.reset();
  db = open_db(fs, clock, without_merging());
  CHECK(same(read_all(*db), contents(model)));
}

TEST_CASE("out of order: a log that is there is read and becomes blocks though the window is closed") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Model model;
  {
    auto db = open_db(fs, clock, without_merging());
    for (const std::vector<Sample>& batch :
         {std::vector<Sample>{{0, kStart + 600'000}}, {{0, kStart}, {1, kStart}}, {{1, kStart + 60'000}}}) {
      REQUIRE(append(*db, batch));
      remember(model, batch);
    }
  }
  auto db = open_db(fs, clock, without_merging(0));
  CHECK(same(read_all(*db), contents(model)));
  const auto refused = append(*db, {{0, kStart + 1000}});
  REQUIRE(refused);
  REQUIRE(refused->refused.size() == 1);
  CHECK(refused->refused[0].fault == storage::AppendFault::out_of_order);
  REQUIRE(append(*db, {{0, kStart + 2 * kRange}}));
  remember(model, {{0, kStart + 2 * kRange}});
  REQUIRE(db->run_background_once());
  CHECK(count_ooo_blocks(*db) == 1);
  CHECK(same(read_all(*db), contents(model)));
}

TEST_CASE("out of order: the window can be opened, changed and closed while the database runs") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  auto db = open_db(fs, clock);
  CHECK_FALSE(fs.exists("/data/wbl"));
  REQUIRE(append(*db, {{0, kStart + kRange}}));
  const auto fault = [&](Timestamp t) -> std::optional<storage::AppendFault> {
    const auto stats = append(*db, {{0, t}});
    REQUIRE(stats);
    if (stats->refused.empty()) return std::nullopt;
    return stats->refused.front().fault;
  };
  CHECK(fault(kStart + kRange - 1) == storage::AppendFault::out_of_order);
  CHECK(fault(kStart + kRange / 2 - 1) == storage::AppendFault::out_of_bounds);
  REQUIRE(db->set_out_of_order_window(kRange));
  CHECK(fs.exists("/data/wbl"));
  CHECK_FALSE(fault(kStart + kRange - 1));
  CHECK_FALSE(fault(kStart));
  CHECK(fault(kStart - 1) == storage::AppendFault::too_old);
  REQUIRE(db->set_out_of_order_window(600'000));
  CHECK_FALSE(fault(kStart + kRange - 600'000));
  CHECK(fault(kStart + kRange - 600'001) == storage::AppendFault::too_old);
  REQUIRE(db->set_out_of_order_window(0));
  CHECK(fault(kStart + kRange - 2) == storage::AppendFault::out_of_order);
}

// ---- Dying

/// Lets `allowed` changing operations through and fails every later one: the process is dead.
class Reaper {
 public:
  Reaper(io::FaultFileSystem& fs, std::int64_t allowed) : fs_(fs), left_(allowed) {
    fs.set_judge([this](io::Operation op, const std::string&) -> std::optional<Error> {
      if (op == io::Operation::read || op == io::Operation::map || op == io::Operation::list)
        return std::nullopt;
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
  Model committed;
  Model synced;     ///< committed when the logs were last synced as a whole
  Model attempted;  ///< `committed`, and the batch that was not
  bool finished = false;
};

/// Late samples over two block cuts, enough of them to fill chunks.
Outcome live(io::FaultFileSystem& fs, std::int64_t operations) {
  Outcome out;
  const ManualClock clock(kNow);
  const Reaper reaper(fs, operations);
  auto opened = try_open(fs, clock, with_window());
  if (!opened) return out;
  Db& db = **opened;
  for (int step = 0; step < 90 && !reaper.dead(); ++step) {
    const Timestamp now = kStart + step * 6 * 60'000;
    std::vector<Sample> batch = {{0, now}, {1, now}};
    for (int k = 1; k < 6; ++k) batch.push_back({0, now - k * 17 * 60'000 - 1000});
    batch.push_back({2, now - 40 * 60'000});
    remember(out.attempted, batch);
    if (!append(db, batch)) break;
    remember(out.committed, batch);
    if (step % 15 != 14) continue;
    const Model before = out.committed;
    if (db.run_background_once() && !reaper.dead()) out.synced = before;
  }
  out.finished = !reaper.dead();
  return out;
}

std::int64_t count_operations() {
  const auto finishes = [](std::int64_t n) {
    io::FaultFileSystem disk;
    return live(disk, n).finished;
  };
  std::int64_t low = 1;
  std::int64_t high = 1;
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

/// Everything of `part` is in `whole`, and everything of `whole` in `most`.
bool lies_between(const Contents& part, const Contents& whole, const Contents& most) {
  const auto is_part = [](const Contents& small, const Contents& large) {
    return std::ranges::all_of(small, [&](const auto& series) {
      const auto at = large.find(series.first);
      return at != large.end() && std::ranges::includes(at->second, series.second);
    });
  };
  return is_part(part, whole) && is_part(whole, most);
}

TEST_CASE("out of order: killed at any operation, all that was committed is there") {
  const std::int64_t all = count_operations();
  REQUIRE(all > 200);
  for (std::int64_t n = 0; n < all; ++n) {
    CAPTURE(n);
    io::FaultFileSystem fs;
    fs.set_short_write(n % 2 == 0);
    const Outcome before = live(fs, n);
    const ManualClock clock(kNow);
    auto db = try_open(fs, clock, with_window());
    REQUIRE_MESSAGE(db, why(db));
    REQUIRE(lies_between(contents(before.committed), read_all(**db), contents(before.attempted)));
    // It goes on from there.
    Model more = before.attempted;
    const std::vector<Sample> batch = {{0, kStart + 7 * kRange}, {0, kStart + 6 * kRange}};
    REQUIRE(append(**db, batch));
    remember(more, batch);
    REQUIRE((*db)->run_background_once());
    Model least = before.committed;
    remember(least, batch);
    REQUIRE(lies_between(contents(least), read_all(**db), contents(more)));
  }
}

TEST_CASE("out of order: after a power cut all that was synced is there and nothing is made up") {
  const std::int64_t all = count_operations();
  for (std::int64_t n = 0; n < all; ++n) {
    CAPTURE(n);
    io::FaultFileSystem fs;
    REQUIRE(fs.make_directories("/data"));
    REQUIRE(fs.sync_directory("/"));
    const Outcome before = live(fs, n);
    fs.crash();
    const ManualClock clock(kNow);
    auto db = try_open(fs, clock, with_window());
    REQUIRE_MESSAGE(db, why(db));
    REQUIRE(lies_between(contents(before.synced), read_all(**db), contents(before.attempted)));
  }
}

}  // namespace
}  // namespace narthex::tsdb

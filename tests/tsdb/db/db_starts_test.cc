// Start timestamps through the life of a directory: restarts, blocks, compaction, changed settings.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "tests/tsdb/db/db_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/block/block.h"
#include "tsdb/compact/chunk_source.h"

namespace narthex::tsdb {
namespace {

DbOptions with_starts() {
  DbOptions options = quiet_options();
  options.st_storage = true;
  options.xor2_floats = true;
  options.histograms_with_start = true;
  options.max_block_range = 3 * kRange;
  return options;
}

/// Labels -> `start>t` of each sample, in steps.
using Starts = std::map<std::string, std::vector<std::string>>;

std::string as_text(Timestamp st, Timestamp t) {
  return fmt::format("{}>{}", st == 0 ? -1 : st - kStart, t - kStart);
}

Starts read_starts(Db& db) {
  Starts out;
  LabelPool pool;
  const std::vector<Matcher> matchers = {everything()};
  const auto querier = db.querier({});
  REQUIRE(querier);
  const auto set = (*querier)->select({}, matchers, pool, {});
  REQUIRE(set);
  for (std::size_t i = 0; i < (*set)->size(); ++i) {
    storage::SampleColumns columns;
    REQUIRE((*set)->samples(i, {}, columns));
    auto& texts = out[pool.labels((*set)->labels(i)).to_string()];
    for (std::size_t k = 0; k < columns.t.size(); ++k)
      texts.push_back(as_text(columns.st.empty() ? 0 : columns.st[k], columns.t[k]));
  }
  return out;
}

/// Floats with start timestamps, floats without, and histograms with them.
void scrape_starts(Db& db, int step, Starts& model) {
  const Timestamp t = kStart + step * kStep;
  const Timestamp began = kStart + step / 50 * 50 * kStep + 1;
  auto appender = db.appender();
  std::vector<storage::RefSample> samples;
  std::vector<Timestamp> starts;
  for (std::size_t s = 0; s < 6; ++s) {
    const auto ref = appender->series(series_labels(s));
    REQUIRE(ref);
    const Timestamp st = s % 3 == 1 || t <= began ? 0 : began;
    model[series_labels(s).to_string()].push_back(as_text(st, t));
    if (s % 3 == 2) {
      Histogram h;
      h.schema = 1;
      h.count = h.zero_count = static_cast<std::uint64_t>(step) + 1;
      REQUIRE(appender->append_histogram(*ref, t, h, st));
      continue;
    }
    samples.push_back({*ref, t, static_cast<double>(step)});
    starts.push_back(st);
  }
  appender->append(samples, starts);
  const auto stats = appender->commit();
  REQUIRE(stats);
  CHECK(stats->refused.empty());
}

/// Chunks of all blocks by encoding.
std::map<int, int> encodings_of_blocks(io::FileSystem& fs, const Db& db) {
  std::map<int, int> encodings;
  for (const BlockMeta& meta : db.blocks()) {
    auto block = Block::open(fs, "/data/" + meta.ulid);
    REQUIRE_MESSAGE(block, why(block));
    const auto source = (*block)->chunk_source({meta.mint, meta.maxt - 1});
    SourceSeries series;
    for (auto more = source->next(series); more && *more; more = source->next(series)) {
      for (const ChunkToWrite& c : series.chunks) ++encodings[c.encoding];
    }
  }
  return encodings;
}

TEST_CASE("db: start timestamps survive restarts, blocks and their compaction") {
  for (const bool snapshots : {false, true}) {
    CAPTURE(snapshots);
    DbOptions options = with_starts();
    options.snapshots.enabled = snapshots;
    io::FaultFileSystem fs;
    const ManualClock clock(kNow);
    Starts model;
    int step = 0;
    for (const int until : {90, 400, 700, 1000, 1300}) {
      auto db = open_db(fs, clock, options);
      REQUIRE(read_starts(*db) == model);
      for (; step < until; ++step) {
        scrape_starts(*db, step, model);
        if (step % 60 == 30) REQUIRE(db->run_mapping_once());
      }
      REQUIRE(read_starts(*db) == model);
      REQUIRE(db->run_background_once());
      REQUIRE(read_starts(*db) == model);
      if (until == 1300) {
        CHECK(std::ranges::any_of(db->blocks(), [](const BlockMeta& b) { return b.level > 1; }));
        const auto encodings = encodings_of_blocks(fs, *db);
        CHECK(encodings.size() == 2);
        CHECK(encodings.contains(4));
        CHECK(encodings.contains(5));
      }
      REQUIRE(db->close());
    }
  }
}

TEST_CASE("db: by default start timestamps leave no trace") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  auto db = open_db(fs, clock);
  Starts model;
  for (int step = 0; step < 400; ++step) scrape_starts(*db, step, model);
  REQUIRE(db->run_background_once());
  for (const auto& [labels, texts] : read_starts(*db)) {
    CHECK(std::ranges::all_of(texts, [](const std::string& s) { return s.starts_with("-1>"); }));
  }
  const auto encodings = encodings_of_blocks(fs, *db);
  CHECK(encodings.size() == 2);
  CHECK(encodings.contains(1));
  CHECK(encodings.contains(2));
}

TEST_CASE("db: XOR chunks cannot keep start timestamps, which opening and reloading say") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  DbOptions options = quiet_options();
  options.st_storage = true;
  const auto refused = try_open(fs, clock, options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::invalid);
  CHECK(refused.error().text.find("float chunk encoding \"xor\" is incompatible") != std::string::npos);

  options.xor2_floats = true;
  auto db = open_db(fs, clock, options);
  const auto changed = db->use_xor2_floats(false);
  REQUIRE_FALSE(changed);
  CHECK(changed.error().code == Code::invalid);
  CHECK(db->use_xor2_floats(true));
}

TEST_CASE("db: the encoding of floats can be changed at any time") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  auto db = open_db(fs, clock);
  int step = 0;
  const auto run_until = [&](int end) {
    for (; step < end; ++step) REQUIRE(scrape(*db, 6, step, model));
    REQUIRE(db->run_background_once());
    REQUIRE(same(read_all(*db), model));
  };
  run_until(300);
  CHECK(encodings_of_blocks(fs, *db).size() == 1);
  REQUIRE(db->use_xor2_floats(true));
  run_until(900);
  CHECK(encodings_of_blocks(fs, *db).contains(1));
  CHECK(encodings_of_blocks(fs, *db).contains(4));
  REQUIRE(db->use_xor2_floats(false));
  run_until(1200);
  db.reset();
  db = open_db(fs, clock);
  CHECK(same(read_all(*db), model));
}

}  // namespace
}  // namespace narthex::tsdb

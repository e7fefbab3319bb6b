// Reading a directory without writing into it, with a database open on it or not.
#include "tsdb/read_only.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/tsdb/directory_fixture.h"
#include "tests/tsdb/why.h"

namespace narthex::tsdb {
namespace {

std::vector<std::vector<Matcher>> all_series() {
  return {{match(MatchOp::regex, "__name__", ".*")}};
}

ReadOnlyDb open_read_only(io::FileSystem& fs) {
  auto db = ReadOnlyDb::open(fs, "/data");
  REQUIRE_MESSAGE(db, why(db));
  return *std::move(db);
}

/// Floats by labels; series must come in order.
Contents read_floats(const ReadOnlyDb& db, TimeRange range = {},
                     const std::vector<std::vector<Matcher>>& selectors = all_series()) {
  const auto reader = db.series(range, selectors);
  REQUIRE_MESSAGE(reader, why(reader));
  Contents out;
  StoredSeries series;
  Labels last;
  for (;;) {
    const auto more = (*reader)->next(series);
    REQUIRE_MESSAGE(more, why(more));
    if (!*more) break;
    CHECK(last < series.labels);
    last = series.labels;
    for (const ChunkSamples& run : series.runs) {
      CHECK(run.size() > 0);
      if (run.kind != SampleKind::floats) continue;
      Points& points = out[series.labels.to_string()];
      for (std::size_t i = 0; i < run.size(); ++i) points.emplace_back(run.t[i], run.v[i]);
    }
  }
  CHECK((*reader)->damaged_places() == 0);
  return out;
}

bool writes(io::Operation op) {
  switch (op) {
    case io::Operation::open:
    case io::Operation::append:
    case io::Operation::write_at:
    case io::Operation::truncate:
    case io::Operation::sync:
    case io::Operation::rename:
    case io::Operation::remove:
    case io::Operation::make_directory:
    case io::Operation::sync_directory:
      return true;
    default:
      return false;
  }
}

TEST_CASE("read-only: blocks and log are read as one, and nothing is written") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  auto db = open_db(fs, clock);
  for (int step = 0; step < 5 * 60; ++step) REQUIRE(scrape(*db, 10, step, model));
  REQUIRE(db->run_background_once());
  for (int step = 5 * 60; step < 5 * 60 + 7; ++step) REQUIRE(scrape(*db, 10, step, model));
  fs.set_judge([](io::Operation op, const std::string& path) -> std::optional<Error> {
    if (!writes(op)) return std::nullopt;
    return Error{Code::io, "this test writes nothing: " + path, std::nullopt};
  });
  SUBCASE("while a database is open on it") {
    CHECK(same(read_floats(open_read_only(fs)), model));
  }
  SUBCASE("after it") {
    fs.set_judge({});
    REQUIRE(db->close());
    db.reset();
    CHECK(same(read_floats(open_read_only(fs)), model));
  }
  fs.set_judge({});
}

TEST_CASE("read-only: the log is left alone where blocks hold the whole range") {
  io::FaultFileSystem fs;
  Contents model;
  make_directory(fs, model);
  // What came late may be of any time.
  REQUIRE(fs.remove_file("/data/wbl/00000000"));
  bool read_log = false;
  fs.set_judge([&](io::Operation op, const std::string& path) -> std::optional<Error> {
    if ((op == io::Operation::map || op == io::Operation::read) && path.contains("/wal/")) read_log = true;
    return std::nullopt;
  });
  const ReadOnlyDb db = open_read_only(fs);
  const Timestamp end = end_of_blocks(*db.blocks());
  CHECK(end == kStart + kRange);
  const Contents part = read_floats(db, {kStart, end - 1}, {{match(MatchOp::regex, "__name__", "metric.*")}});
  CHECK(!read_log);
  CHECK(part.size() == model.size());
  for (const auto& [labels, points] : part) CHECK(points.size() == 120);
  CHECK(read_floats(db, {kStart, end}).size() == model.size());
  CHECK(read_log);
}

TEST_CASE("read-only: kinds come as they were written, deleted samples are gone") {
  io::FaultFileSystem fs;
  Contents model;
  make_directory(fs, model);
  const ReadOnlyDb db = open_read_only(fs);
  const std::vector<std::vector<Matcher>> mixed = {{match(MatchOp::equal, "kind", "mixed")}};
  const auto reader = db.series({kStart - kRange + 10 * kStep, kStart - 1}, mixed);
  REQUIRE_MESSAGE(reader, why(reader));
  StoredSeries series;
  REQUIRE((*reader)->next(series).value());
  CHECK(series.labels.get("__name__") == "a_float");
  CHECK(series.runs.front().t.front() == kStart - kRange + 10 * kStep);
  REQUIRE((*reader)->next(series).value());
  CHECK(series.runs.front().kind == SampleKind::histograms);
  Histogram want = histogram_at(59);
  want.hint = CounterResetHint::not_reset;
  CHECK(series.runs.back().histograms.back() == want);
  REQUIRE((*reader)->next(series).value());
  CHECK(series.runs.front().kind == SampleKind::float_histograms);
  CHECK(!(*reader)->next(series).value());
  const Contents whole = read_floats(db, {}, mixed);
  CHECK(whole.begin()->second.front().first == kStart - kRange + 3 * kStep);
}

TEST_CASE("read-only: a series that several selectors take comes once") {
  io::FaultFileSystem fs;
  Contents model;
  make_directory(fs, model);
  const Contents both = read_floats(
      open_read_only(fs), {},
      {{match(MatchOp::equal, "__name__", "metric_1")}, {match(MatchOp::regex, "__name__", "metric_[12]")}});
  CHECK(both.size() == 2);
  for (const auto& [labels, points] : both) CHECK(points == model.at(labels));
}

TEST_CASE("read-only: a block that is cut while the log is read is noticed") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  auto db = open_db(fs, clock);
  for (int step = 0; step < 5 * 60; ++step) REQUIRE(scrape(*db, 10, step, model));
  bool cut = false;
  fs.set_judge([&](io::Operation op, const std::string& path) -> std::optional<Error> {
    if (op == io::Operation::map && path.contains("/wal/0") && !std::exchange(cut, true)) {
      CHECK(db->run_background_once());
    }
    return std::nullopt;
  });
  CHECK(same(read_floats(open_read_only(fs)), model));
  CHECK(cut);
  fs.set_judge({});
}

TEST_CASE("read-only: a damaged block is an error that names it, unless another replaces it") {
  io::FaultFileSystem fs;
  Contents model;
  make_directory(fs, model);
  Files files;
  collect_files(fs, "/data", files);
  files.at(std::string("/data/") + kMixedBlock + "/index").back() ^= 1;
  SUBCASE("alone") {
    const auto disk = disk_with(files);
    const auto blocks = open_read_only(*disk).blocks();
    REQUIRE(!blocks);
    CHECK(blocks.error().text.starts_with(std::string("corrupted block ") + kMixedBlock + ": "));
  }
  SUBCASE("as the parent of another") {
    for (auto& [path, text] : files) {
      if (!path.ends_with("/meta.json") || path.contains(kMixedBlock)) continue;
      auto meta = parse_block_meta(text);
      REQUIRE(meta);
      meta->parents.push_back({kMixedBlock, 0, 1});
      text = write_block_meta(*meta);
    }
    const auto disk = disk_with(files);
    const auto blocks = open_read_only(*disk).blocks();
    REQUIRE_MESSAGE(blocks, why(blocks));
    CHECK(blocks->size() == 1);
  }
}

TEST_CASE("read-only: damage in the log is counted, and what can be read is given") {
  io::FaultFileSystem fs;
  Contents model;
  make_directory(fs, model);
  Files files;
  collect_files(fs, "/data", files);
  std::string last;
  for (const auto& [path, text] : files) {
    if (path.starts_with("/data/wal/0") && !text.empty()) last = path;
  }
  files.at(last).at(files.at(last).size() / 2) ^= 1;
  const auto disk = disk_with(files);
  const auto reader = open_read_only(*disk).series({}, all_series());
  REQUIRE_MESSAGE(reader, why(reader));
  CHECK((*reader)->damaged_places() == 1);
  StoredSeries series;
  CHECK((*reader)->next(series).value());
}

TEST_CASE("read-only: promtool's words for a missing directory and for no blocks") {
  io::FaultFileSystem fs;
  const auto missing = ReadOnlyDb::open(fs, "/nowhere");
  REQUIRE(!missing);
  CHECK(missing.error().text == "opening the db dir: stat /nowhere: no such file or directory");
  REQUIRE(fs.make_directories("/data"));
  const ReadOnlyDb db = open_read_only(fs);
  CHECK(db.last_block().error().text == "no blocks found");
  CHECK(db.block("x").error().text == "invalid block ID x");
  CHECK(db.blocks()->empty());
  CHECK(read_floats(db).empty());
}

}  // namespace
}  // namespace narthex::tsdb

// Opening, closing, cutting blocks, retention, adopting a directory.
#include "tsdb/db.h"

#include <doctest/doctest.h>
#include <prometheus/registry.h>

#include <algorithm>

#include "telemetry/metrics_text.h"
#include "tests/tsdb/db/db_fixture.h"

namespace narthex::tsdb {
namespace {

std::vector<std::string> names_in(io::FileSystem& fs, const std::string& directory) {
  std::vector<std::string> names;
  if (auto entries = fs.list(directory)) {
    for (const auto& e : *entries) names.push_back(e.name);
  }
  return names;
}

TEST_CASE("db: what was committed is there after closing and opening again") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  for (int run = 0; run < 3; ++run) {
    auto db = open_db(fs, clock);
    CHECK(same(read_all(*db), model));
    for (int step = run * 20; step < (run + 1) * 20; ++step) REQUIRE(scrape(*db, 10, step, model));
    CHECK(same(read_all(*db), model));
    REQUIRE(db->close());
    CHECK(!fs.exists("/data/lock"));
  }
}

TEST_CASE("db: a directory that is open is refused") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  auto db = open_db(fs, clock);
  const auto second = try_open(fs, clock);
  REQUIRE(!second);
  CHECK(second.error().code == Code::unavailable);
  DbOptions without = quiet_options();
  without.no_lockfile = true;
  CHECK(try_open(fs, clock, without));
}

TEST_CASE("db: a closed database says so") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  auto db = open_db(fs, clock);
  REQUIRE(db->close());
  REQUIRE(db->close());
  Contents model;
  CHECK(!scrape(*db, 1, 0, model));
  const auto querier = db->querier({});
  REQUIRE(!querier);
  CHECK(querier.error().code == Code::unavailable);
  CHECK(!db->run_background_once());
}

TEST_CASE("db: the head becomes aligned blocks, and queries see no difference") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  auto db = open_db(fs, clock);
  // Begins in the middle of a range; ends 7 hours later.
  for (int step = 45; step < 45 + 7 * 60; ++step) REQUIRE(scrape(*db, 12, step, model));
  CHECK(db->blocks().empty());
  REQUIRE(db->run_background_once());
  const auto blocks = db->blocks();
  REQUIRE(blocks.size() == 3);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    CHECK(blocks[i].mint == kStart + static_cast<Timestamp>(i) * kRange);
    CHECK(blocks[i].maxt == blocks[i].mint + kRange);
    CHECK(blocks[i].num_series == 12);
    CHECK(blocks[i].sources == std::vector<std::string>{blocks[i].ulid});
    CHECK(blocks[i].num_samples == 12 * (i == 0 ? 75 : 120));
  }
  CHECK(db->head_stats().mint == kStart + 3 * kRange);
  CHECK(same(read_all(*db), model));
  CHECK(db->lowest_timestamp() == kStart);
  const TimeRange across{kStart + kRange - 5 * kStep, kStart + 3 * kRange + 5 * kStep};
  Contents part;
  for (const auto& [labels, points] : model) {
    for (const auto& p : points) {
      if (across.contains(p.first)) part[labels].push_back(p);
    }
  }
  CHECK(same(read_all(*db, across), part));

  // And again from disk: what the blocks hold is not replayed twice.
  db.reset();
  db = open_db(fs, clock);
  CHECK(same(read_all(*db), model));
  CHECK(db->head_stats().mint == kStart + 3 * kRange);
  CHECK(db->count_corruptions() == 0);
}

TEST_CASE("db: an open query goes on over a block cut, and the head is truncated after it") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  auto db = open_db(fs, clock);
  for (int step = 0; step < 200; ++step) REQUIRE(scrape(*db, 5, step, model));
  auto before = db->querier({});
  REQUIRE(before);
  REQUIRE(db->run_background_once());
  CHECK(db->blocks().size() == 1);
  CHECK(same(read(**before, {everything()}), model));
  CHECK(same(read_all(*db), model));
  const auto chunks = db->head_stats().chunks;
  before->reset();
  REQUIRE(db->run_background_once());
  CHECK(db->head_stats().chunks < chunks);
  CHECK(same(read_all(*db), model));
}

TEST_CASE("db: samples of a range that became a block are out of bounds") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  auto db = open_db(fs, clock);
  for (int step = 0; step < 200; ++step) REQUIRE(scrape(*db, 5, step, model));
  REQUIRE(db->run_background_once());
  auto appender = db->appender();
  appender->append(*appender->series(series_labels(99)), kStart + kRange - 1, 1);
  const auto stats = appender->commit();
  REQUIRE(stats);
  REQUIRE(stats->refused.size() == 1);
  CHECK(stats->refused[0].fault == storage::AppendFault::out_of_bounds);
}

TEST_CASE("db: a silent stretch makes no empty blocks") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  auto db = open_db(fs, clock);
  for (int step = 0; step < 30; ++step) REQUIRE(scrape(*db, 5, step, model));
  for (int step = 6000; step < 6030; ++step) REQUIRE(scrape(*db, 5, step, model));
  REQUIRE(db->run_background_once());
  CHECK(db->blocks().size() == 1);
  CHECK(same(read_all(*db), model));
}

TEST_CASE("db: blocks older than the retention time are deleted, counted from the newest block") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  DbOptions options = quiet_options();
  options.retention.time = 2 * kRange;
  auto db = open_db(fs, clock, options);
  for (int step = 0; step < 12 * 60; ++step) REQUIRE(scrape(*db, 3, step, model));
  REQUIRE(db->run_background_once());
  const auto blocks = db->blocks();
  REQUIRE(blocks.size() == 2);
  CHECK(blocks[1].maxt - blocks[0].mint == 2 * kRange);
  for (const std::string& name : names_in(fs, "/data")) {
    CHECK(!name.ends_with(".tmp-for-deletion"));
    if (is_ulid(name)) CHECK((name == blocks[0].ulid || name == blocks[1].ulid));
  }
}

TEST_CASE("db: a damaged block is set aside and the rest opens") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  auto db = open_db(fs, clock);
  for (int step = 0; step < 8 * 60; ++step) REQUIRE(scrape(*db, 3, step, model));
  REQUIRE(db->run_background_once());
  const auto blocks = db->blocks();
  REQUIRE(blocks.size() >= 2);
  REQUIRE(db->close());
  db.reset();
  const std::string index = "/data/" + blocks[0].ulid + "/index";
  {
    auto file = fs.open_writable(index, io::OpenMode::append);
    REQUIRE(file);
    REQUIRE((*file)->write_at((*file)->size() - 20, io::as_bytes("xxxxxxxx")));
  }
  db = open_db(fs, clock);
  CHECK(db->blocks().size() == blocks.size() - 1);
  CHECK(db->count_corruptions() == 1);
  CHECK(fs.exists("/data/narthex/quarantine/" + blocks[0].ulid + "/index"));
  CHECK(!fs.exists("/data/" + blocks[0].ulid));
}

TEST_CASE("db: a block that cannot be read now stays, and is there when it can be") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  auto db = open_db(fs, clock);
  for (int step = 0; step < 4 * 60; ++step) REQUIRE(scrape(*db, 3, step, model));
  REQUIRE(db->run_background_once());
  REQUIRE(db->blocks().size() == 1);
  const std::string ulid = db->blocks()[0].ulid;
  db.reset();
  fs.set_judge([&](io::Operation op, const std::string& path) -> std::optional<Error> {
    if (op == io::Operation::map && path.find(ulid) != std::string::npos) {
      return Error{Code::io, "mapping " + path + ": Too many open files", {}};
    }
    return std::nullopt;
  });
  db = open_db(fs, clock);
  CHECK(db->blocks().empty());
  CHECK(fs.exists("/data/" + ulid));
  fs.set_judge(nullptr);
  REQUIRE(db->run_background_once());
  CHECK(db->blocks().size() == 1);
  CHECK(same(read_all(*db), model));
}

TEST_CASE("db: what interrupted runs and Prometheus leave behind is cleared away") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  const std::string ulid = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  for (const std::string& dir : {ulid + ".tmp-for-creation", ulid + ".tmp-for-deletion",
                                 std::string("chunk_snapshot.000003.0000000100"), std::string("lost+found"),
                                 std::string("wal"), std::string("chunks_head")}) {
    REQUIRE(fs.make_directories("/data/" + dir));
    REQUIRE(fs.open_writable("/data/" + dir + "/000001", io::OpenMode::create_new));
  }
  REQUIRE(fs.remove_file("/data/wal/000001"));
  REQUIRE(fs.open_writable("/data/wal/series_state.json", io::OpenMode::create_new));
  Contents model;
  auto db = open_db(fs, clock);
  CHECK(names_in(fs, "/data") == std::vector<std::string>{"chunks_head", "lock", "lost+found", "wal"});
  CHECK(!fs.exists("/data/wal/series_state.json"));
  // Begun, and nothing in it.
  CHECK(!fs.exists("/data/chunks_head/000001"));
}

TEST_CASE("db: head chunks lie in files, survive restarts, and go when a block holds them") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  auto db = open_db(fs, clock);
  for (int step = 0; step < 12 * 60; ++step) {
    REQUIRE(scrape(*db, 6, step, model));
    if (step % 50 == 0) REQUIRE(db->run_background_once());
    if (step % 100 == 99) {
      CHECK(same(read_all(*db), model));
      db.reset();
      db = open_db(fs, clock);
      CHECK(same(read_all(*db), model));
    }
  }
  REQUIRE(db->run_background_once());
  const auto files = names_in(fs, "/data/chunks_head");
  REQUIRE(!files.empty());
  // Two blocks' worth of restarts, and not all there ever were.
  CHECK(files.size() < 8);
  CHECK(files.front() != "000001");
}

TEST_CASE("db: the log does not grow for ever, and what is left of it replays whole") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  DbOptions options = quiet_options();
  options.wal.segment_bytes = 32 * 1024;
  auto db = open_db(fs, clock, options);
  std::size_t most = 0;
  for (int step = 0; step < 24 * 60; ++step) {
    // Series come and go: one generation every three hours.
    auto appender = db->appender();
    const Timestamp t = kStart + step * kStep;
    for (std::size_t s = 0; s < 30; ++s) {
      const Labels labels = series_labels(s < 15 ? s : s + 1000 * (static_cast<std::size_t>(step) / 180));
      appender->append(*appender->series(labels), t, value_at(s, step));
      model[labels.to_string()].emplace_back(t, value_at(s, step));
    }
    REQUIRE(appender->commit());
    if (step % 60 == 59) {
      REQUIRE(db->run_background_once());
      std::size_t bytes = 0;
      const auto files = fs.list("/data/wal");
      REQUIRE(files);
      for (const auto& e : *files) bytes += e.size_bytes;
      if (step > 600) CHECK(bytes < 2 * most);
      if (step <= 600) most = std::max(most, bytes);
    }
    if (step % 400 == 399) {
      db.reset();
      db = open_db(fs, clock, options);
      REQUIRE(same(read_all(*db), model));
      CHECK(db->count_corruptions() == 0);
    }
  }
  const auto in_wal = names_in(fs, "/data/wal");
  CHECK(std::ranges::count_if(in_wal, [](const std::string& n) { return n.starts_with("checkpoint."); }) ==
        1);
  CHECK(!fs.exists("/data/wal/00000000"));
  CHECK(same(read_all(*db), model));
  CHECK(db->head_stats().series < 100);
}

TEST_CASE("db: metrics carry Prometheus' names") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  prometheus::Registry registry;
  auto db = Db::open(fs, "/data", quiet_options(), clock, &registry);
  REQUIRE(db);
  Contents model;
  for (int step = 0; step < 4 * 60; ++step) REQUIRE(scrape(**db, 3, step, model));
  // Without waiting for maintenance.
  CHECK(telemetry::metrics_text(registry).find("prometheus_tsdb_head_series 3\n") != std::string::npos);
  CHECK(telemetry::metrics_text(registry).find("prometheus_tsdb_head_active_appenders 0\n") !=
        std::string::npos);
  REQUIRE((*db)->run_background_once());
  const std::string text = telemetry::metrics_text(registry);
  for (const char* line : {"prometheus_tsdb_head_series 3\n",
                           "prometheus_tsdb_head_samples_appended_total{type=\"float\"} 720\n",
                           "prometheus_tsdb_head_series_created_total 3\n",
                           "prometheus_tsdb_blocks_loaded 1\n", "prometheus_tsdb_compactions_total 1\n",
                           "prometheus_tsdb_wal_replay_unknown_refs_total{type=\"samples\"} 0\n",
                           "narthex_memory_bytes{part=\"head_open_chunks\"}"}) {
    CAPTURE(line);
    CHECK(text.find(line) != std::string::npos);
  }
}

TEST_CASE(
    "db: what a start reads back has not grown; what is refused is in metrics, with the label that grew") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  DbOptions options = quiet_options();
  options.ceilings = {.series = 20};
  Contents model;
  {
    auto db = open_db(fs, clock, options);
    REQUIRE(scrape(*db, 16, 0, model));
    CHECK(db->ceiling_stats().fastest_label == "__name__");
    CHECK(db->ceiling_stats().fastest_label_values == 8);
  }
  prometheus::Registry registry;
  auto db = Db::open(fs, "/data", options, clock, &registry);
  REQUIRE(db);
  CHECK((*db)->ceiling_stats().fastest_label.empty());
  auto appender = (*db)->appender();
  for (int i = 0; i < 9; ++i) {
    LabelsBuilder labels;
    labels.set("__name__", "metric_0");
    labels.set("user", std::to_string(i));
    const auto ref = appender->series(labels.labels());
    CHECK(ref.has_value() == (i < 4));
  }
  REQUIRE(appender->commit());
  (*db)->refresh_metrics();
  const std::string text = telemetry::metrics_text(registry);
  for (const char* line :
       {"narthex_head_ceiling{ceiling=\"series\"} 20\n",
        "narthex_head_series_refused_total{ceiling=\"series\"} 5\n",
        "narthex_head_series_refused_total{ceiling=\"memory\"} 0\n",
        "narthex_head_fastest_growing_label_values{label=\"user\"} 9\n", "narthex_disk_read_only 0\n"}) {
    CAPTURE(line);
    CHECK(text.contains(line));
  }
}

}  // namespace
}  // namespace narthex::tsdb

// Starts from a snapshot of the head: what is served, and when all of the log is read instead.
#include <doctest/doctest.h>

#include <functional>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/tsdb/db/db_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/db.h"
#include "tsdb/head/snapshot_file.h"
#include "tsdb/wal/record.h"
#include "tsdb/wal/segments.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {
namespace {

DbOptions with_snapshots() {
  DbOptions options = quiet_options();
  options.snapshots.enabled = true;
  options.snapshots.at_close = false;
  return options;
}

std::vector<std::string> snapshots_in(io::FileSystem& fs) {
  std::vector<std::string> names;
  const auto entries = fs.list("/data/narthex");
  if (!entries) return names;
  for (const io::DirEntry& e : *entries) {
    if (e.name.starts_with("head.")) names.push_back(e.name);
  }
  return names;
}

/// Makes reads of the log's segments below `first` fail: whoever needs them does not open.
void forbid_old_segments(io::FaultFileSystem& fs, std::uint32_t first) {
  fs.set_judge([first](io::Operation op, const std::string& path) -> std::optional<Error> {
    if (op != io::Operation::map || !path.starts_with("/data/wal/0")) return std::nullopt;
    const auto number = parse_segment_name(path.substr(std::string_view("/data/wal/").size()));
    if (!number || *number >= first) return std::nullopt;
    return Error{Code::io, "an old segment was read", {}};
  });
}

TEST_CASE("snapshot: a start reads only the log behind it") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  std::uint32_t last = 0;
  {
    auto db = open_db(fs, clock, with_snapshots());
    for (int step = 0; step < 60; ++step) REQUIRE(scrape(*db, 200, step, model));
    REQUIRE(db->run_snapshot_once());
    last = list_segments(fs, "/data/wal")->back();
    REQUIRE(last > 1);
    for (int step = 60; step < 70; ++step) REQUIRE(scrape(*db, 200, step, model));
  }
  forbid_old_segments(fs, last);
  CHECK_FALSE(try_open(fs, clock));
  auto db = try_open(fs, clock, with_snapshots());
  REQUIRE_MESSAGE(db, why(db));
  CHECK(same(read_all(**db), model));
  CHECK(scrape(**db, 200, 71, model));
  CHECK(same(read_all(**db), model));
}

TEST_CASE("snapshot: closing writes one, two stay") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  DbOptions options = with_snapshots();
  options.snapshots.at_close = true;
  for (int run = 0; run < 4; ++run) {
    auto db = open_db(fs, clock, options);
    CHECK(same(read_all(*db), model));
    REQUIRE(scrape(*db, 20, run, model));
    REQUIRE(db->close());
  }
  CHECK(snapshots_in(fs) == std::vector<std::string>{"head.00000003", "head.00000004"});
  // Nothing came in: nothing to write.
  REQUIRE(open_db(fs, clock, options)->close());
  CHECK(snapshots_in(fs) == std::vector<std::string>{"head.00000003", "head.00000004"});
}

/// A directory with two snapshots and a log behind them.
void make_directory(io::FaultFileSystem& fs, const Clock& clock, Contents& model) {
  auto db = open_db(fs, clock, with_snapshots());
  for (int step = 0; step < 60; ++step) {
    REQUIRE(scrape(*db, 50, step, model));
    if (step % 10 == 5) REQUIRE(db->run_mapping_once());
    if (step == 20 || step == 50) REQUIRE(db->run_snapshot_once());
  }
}

void flip(io::FaultFileSystem& fs, const std::string& path, std::size_t at) {
  std::string content = *fs.read_file(path);
  content[at] = static_cast<char>(content[at] ^ 0x10);
  REQUIRE(io::replace_file(fs, path, io::as_bytes(content)));
}

void add_segment(io::FaultFileSystem& fs) {
  const auto segments = list_segments(fs, "/data/wal");
  auto file = fs.open_writable(segment_path("/data/wal", segments->back() + 1), io::OpenMode::create_new);
  REQUIRE(file);
}

TEST_CASE("snapshot: what is not as we left it is not trusted, and nothing is lost by that") {
  struct Row {
    std::string what;
    std::function<void(io::FaultFileSystem&)> change;
    std::size_t left;  ///< snapshots
  };
  const Row rows[] = {
      {"nothing", [](io::FaultFileSystem&) {}, 2},
      {"another server wrote the log", add_segment, 0},
      {"a finished segment is another",
       [](io::FaultFileSystem& fs) {
         auto file = fs.open_writable(segment_path("/data/wal", 0), io::OpenMode::append);
         REQUIRE((*file)->append(io::Bytes(std::vector<std::byte>(8))));
       },
       0},
      {"the manifest is gone",
       [](io::FaultFileSystem& fs) { REQUIRE(fs.remove_file("/data/narthex/manifest")); }, 0},
      {"the manifest is damaged", [](io::FaultFileSystem& fs) { flip(fs, "/data/narthex/manifest", 20); }, 0},
      {"a snapshot's header is damaged",
       [](io::FaultFileSystem& fs) { flip(fs, "/data/narthex/head.00000002", 17); }, 1},
      {"a snapshot is of another version",
       [](io::FaultFileSystem& fs) { flip(fs, "/data/narthex/head.00000002", 9); }, 1},
      {"a snapshot's labels are damaged",
       [](io::FaultFileSystem& fs) { flip(fs, "/data/narthex/head.00000002", 90); }, 1},
      {"a snapshot ends early",
       [](io::FaultFileSystem& fs) {
         auto file = fs.open_writable("/data/narthex/head.00000002", io::OpenMode::append);
         REQUIRE((*file)->truncate((*file)->size() - 30));
       },
       1},
      {"both are damaged",
       [](io::FaultFileSystem& fs) {
         flip(fs, "/data/narthex/head.00000001", 90);
         flip(fs, "/data/narthex/head.00000002", 90);
       },
       0},
      {"files of chunks are gone",
       [](io::FaultFileSystem& fs) {
         auto file = fs.open_writable("/data/chunks_head/000001", io::OpenMode::append);
         REQUIRE((*file)->truncate(9));
       },
       // The first one is from before there was a file.
       1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    io::FaultFileSystem fs;
    const ManualClock clock(kNow);
    Contents model;
    make_directory(fs, clock, model);
    REQUIRE(snapshots_in(fs).size() == 2);
    row.change(fs);
    auto db = try_open(fs, clock, with_snapshots());
    REQUIRE_MESSAGE(db, why(db));
    CHECK(same(read_all(**db), model));
    CHECK(snapshots_in(fs).size() == row.left);
    REQUIRE(scrape(**db, 50, 61, model));
    CHECK(same(read_all(**db), model));
  }
}

TEST_CASE("snapshot: a server without them in between makes them void") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  make_directory(fs, clock, model);
  {
    auto db = open_db(fs, clock);
    REQUIRE(scrape(*db, 50, 60, model));
  }
  auto db = open_db(fs, clock, with_snapshots());
  CHECK(same(read_all(*db), model));
  CHECK(snapshots_in(fs).empty());
}

TEST_CASE("snapshot: blocks, checkpoints and truncation of our own leave it in force") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  int step = 0;
  std::uint32_t first = 0;
  {
    auto db = open_db(fs, clock, with_snapshots());
    for (; step < 175; ++step) REQUIRE(scrape(*db, 200, step, model));
    REQUIRE(db->run_mapping_once());
    REQUIRE(db->run_snapshot_once());
    first = list_segments(fs, "/data/wal")->back();
    for (; step < 200; ++step) REQUIRE(scrape(*db, 200, step, model));
    REQUIRE(db->run_background_once());
    REQUIRE(db->blocks().size() == 1);
    for (; step < 210; ++step) REQUIRE(scrape(*db, 200, step, model));
  }
  CHECK(list_segments(fs, "/data/wal")->front() > 0);
  forbid_old_segments(fs, first);
  auto db = try_open(fs, clock, with_snapshots());
  REQUIRE_MESSAGE(db, why(db));
  CHECK(same(read_all(**db), model));
  fs.set_judge(nullptr);
  REQUIRE((*db)->run_snapshot_once());
  for (; step < 400; ++step) {
    REQUIRE(scrape(**db, 200, step, model));
    if (step % 50 == 0) REQUIRE((*db)->run_background_once());
  }
  CHECK(same(read_all(**db), model));
}

TEST_CASE("snapshot: it is not trusted when the block is gone that took samples out of it") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  {
    auto db = open_db(fs, clock, with_snapshots());
    for (int step = 0; step < 200; ++step) REQUIRE(scrape(*db, 50, step, model));
    REQUIRE(db->run_background_once());
    REQUIRE(db->blocks().size() == 1);
    REQUIRE(db->run_snapshot_once());
    REQUIRE(fs.remove_tree("/data/" + db->blocks().front().ulid));
  }
  auto db = open_db(fs, clock, with_snapshots());
  CHECK(snapshots_in(fs).empty());
  Contents without;
  {
    io::FaultFileSystem other;
    Contents unused;
    auto fresh = open_db(other, clock);
    for (int step = 0; step < 200; ++step) REQUIRE(scrape(*fresh, 50, step, without));
  }
  // What the log and the files of chunks still have is back.
  const Contents after = read_all(*db);
  CHECK(after.size() == without.size());
  CHECK(after.begin()->second.front().first < kStart + kRange);
}

/// Flips a bit in the first record of a segment.
void damage_first_record(io::FaultFileSystem& fs, const std::string& segment) {
  flip(fs, segment, 12);
}

std::vector<std::string> damage_in_log(io::FaultFileSystem& fs) {
  std::vector<std::string> damaged;
  const auto segments = list_segments(fs, "/data/wal");
  REQUIRE(segments);
  for (const std::uint32_t segment : *segments) {
    const std::string path = segment_path("/data/wal", segment);
    const std::string bytes = *fs.read_file(path);
    verify_segment(io::as_bytes(bytes), [&](std::uint64_t, std::uint64_t, const std::string& why) {
      damaged.push_back(path + ": " + why);
    });
  }
  return damaged;
}

TEST_CASE(
    "snapshot: damage where the start did not read is repaired behind it, with the names that were lost") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  make_directory(fs, clock, model);
  // The record that names all series.
  damage_first_record(fs, "/data/wal/00000000");
  REQUIRE(damage_in_log(fs).size() == 1);
  {
    auto db = open_db(fs, clock, with_snapshots());
    CHECK(same(read_all(*db), model));
    CHECK(db->count_corruptions() == 0);
    REQUIRE(db->run_background_once());
    CHECK(db->count_corruptions() == 1);
  }
  CHECK(damage_in_log(fs).empty());
  CHECK(fs.exists("/data/narthex/quarantine/wal-00000000"));
  {
    // The repair did not make the snapshots void.
    auto db = open_db(fs, clock, with_snapshots());
    CHECK(snapshots_in(fs).size() == 2);
    CHECK(same(read_all(*db), model));
  }
  // And without them nothing is missing.
  auto db = open_db(fs, clock);
  CHECK(same(read_all(*db), model));
}

/// Of the first segment from `from` on that begins with samples, the first record.
void damage_first_samples(io::FaultFileSystem& fs, std::uint32_t from) {
  const auto segments = list_segments(fs, "/data/wal");
  REQUIRE(segments);
  for (const std::uint32_t segment : *segments) {
    if (segment < from) continue;
    auto reader = WalReader::open(fs, segment_path("/data/wal", segment), segment, {});
    REQUIRE(reader);
    const auto record = reader->next();
    if (!record || record_type(*record) != RecordType::samples) continue;
    damage_first_record(fs, segment_path("/data/wal", segment));
    return;
  }
  FAIL("no segment begins with samples");
}

TEST_CASE("snapshot: samples that a damaged record has lost and it knows are there without it, too") {
  struct Row {
    std::string where;
    bool read_at_start;
  };
  const Row rows[] = {{"in front of it, where a start does not read", false},
                      {"behind it, of a commit that came while it was written", true}};
  for (const Row& row : rows) {
    CAPTURE(row.where);
    io::FaultFileSystem fs;
    const ManualClock clock(kNow);
    Contents model;
    // Several pages: that of the damaged record's series is copied after another was written.
    constexpr int kSeries = 20'000;
    std::uint32_t first_behind = 0;
    {
      auto db = open_db(fs, clock, with_snapshots());
      int step = 0;
      while (step < 4) REQUIRE(scrape(*db, kSeries, step++, model));
      bool scraped = false;
      fs.set_judge([&](io::Operation op, const std::string& path) -> std::optional<Error> {
        if (op != io::Operation::append || scraped || !path.starts_with("/data/narthex/head.")) return {};
        const std::uint32_t segment = list_segments(fs, "/data/wal")->back();
        // The header is written before the log begins a segment.
        if (std::exchange(first_behind, segment) == 0) return {};
        scraped = true;
        REQUIRE(scrape(*db, kSeries, step++, model));
        return {};
      });
      REQUIRE(db->run_snapshot_once());
      fs.set_judge({});
      REQUIRE(scraped);
      for (int more = 0; more < 3; ++more) REQUIRE(scrape(*db, kSeries, step++, model));
    }
    damage_first_samples(fs, row.read_at_start ? first_behind : 1);
    {
      auto db = open_db(fs, clock, with_snapshots());
      REQUIRE(db->run_background_once());
      CHECK(db->count_corruptions() == 1);
      CHECK(same(read_all(*db), model));
    }
    CHECK(damage_in_log(fs).empty());
    CHECK(same(read_all(*open_db(fs, clock, with_snapshots())), model));
    CHECK(same(read_all(*open_db(fs, clock)), model));
  }
}

TEST_CASE("snapshot: an end of the log that a power cut has taken makes no head chunks") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents before;
  {
    auto db = open_db(fs, clock, with_snapshots());
    int step = 0;
    while (step < 4) REQUIRE(scrape(*db, 50, step++, before));
    REQUIRE(db->run_snapshot_once());
    while (step < 6) REQUIRE(scrape(*db, 50, step++, before));
    Contents lost = before;
    REQUIRE(scrape(*db, 50, step, lost));
  }
  const std::string last = segment_path("/data/wal", list_segments(fs, "/data/wal")->back());
  const auto file = fs.open_writable(last, io::OpenMode::append);
  REQUIRE((*file)->truncate((*file)->size() - 3));
  for (int start = 0; start < 2; ++start) {
    CAPTURE(start);
    auto db = open_db(fs, clock, with_snapshots());
    CHECK(same(read_all(*db), before));
    CHECK(damage_in_log(fs).empty());
    CHECK(db->count_corruptions() == (start == 0 ? 1 : 0));
    const auto files = fs.list("/data/chunks_head");
    REQUIRE(files);
    CHECK(files->empty());
  }
}

TEST_CASE("snapshot: a full replay takes names from it that the log has lost") {
  for (const bool with : {false, true}) {
    CAPTURE(with);
    io::FaultFileSystem fs;
    const ManualClock clock(kNow);
    Contents model;
    make_directory(fs, clock, model);
    damage_first_record(fs, "/data/wal/00000000");
    add_segment(fs);
    auto db = open_db(fs, clock, with ? with_snapshots() : quiet_options());
    CHECK(same(read_all(*db), model) == with);
    CHECK(db->count_corruptions() == 1);
    CHECK(damage_in_log(fs).empty());
    db.reset();
    CHECK(same(read_all(*open_db(fs, clock)), model) == with);
  }
}

/// Writes a snapshot anew with a byte of one of its sections changed, and checksums that hold.
void spoil_snapshot(io::FaultFileSystem& fs, const std::string& whole, const std::string& path,
                    std::mt19937& random) {
  REQUIRE(io::replace_file(fs, path, io::as_bytes(whole)));
  auto reader = SnapshotReader::open(fs, path);
  REQUIRE(reader);
  const std::size_t count = reader->sections().size();
  const std::size_t chosen = random() % count;
  auto out = SnapshotWriter::create(fs, path + ".new");
  REQUIRE(out);
  for (std::size_t i = 0; i < count; ++i) {
    const SnapshotReader::Section& section = reader->sections()[i];
    std::vector<std::byte> data(section.data.begin(), section.data.end());
    const bool is_origin = section.kind == SnapshotSection::origin;
    if (i == chosen && !data.empty() && !is_origin) {
      data[random() % data.size()] ^= static_cast<std::byte>(1U << random() % 8);
    }
    REQUIRE(out->add(section.kind, section.tag, data));
  }
  REQUIRE(out->finish());
  REQUIRE(fs.rename(path + ".new", path));
}

TEST_CASE("snapshot: one whose checksums hold, and whose contents do not, never brings the server down") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  make_directory(fs, clock, model);
  const std::string path = "/data/narthex/head.00000002";
  const std::string whole = *fs.read_file(path);
  std::mt19937 random(4);
  for (int n = 0; n < 400; ++n) {
    CAPTURE(n);
    spoil_snapshot(fs, whole, path, random);
    auto db = try_open(fs, clock, with_snapshots());
    REQUIRE_MESSAGE(db, why(db));
    // Whatever they say, queries and appends come to an end.
    auto querier = (*db)->querier({});
    REQUIRE(querier);
    LabelPool pool;
    const Matcher all = everything();
    auto set = (*querier)->select({}, {&all, 1}, pool, {});
    REQUIRE(set);
    for (std::size_t i = 0; i < (*set)->size(); ++i) {
      storage::SampleColumns columns;
      std::ignore = (*set)->samples(i, {}, columns);
    }
    auto appender = (*db)->appender();
    for (std::size_t s = 0; s < 50; ++s) {
      if (const auto ref = appender->series(series_labels(s))) appender->append(*ref, kStart + 2 * kRange, 1);
    }
    appender->rollback();
  }
}

}  // namespace
}  // namespace narthex::tsdb

// What may lie in a data directory that is taken over, from Prometheus, its tools, an interrupted
// run or by mistake: a case for each.
#include "tsdb/adoption.h"

#include <doctest/doctest.h>
#include <prometheus/registry.h>

#include <algorithm>

#include "telemetry/metrics_text.h"
#include "tests/tsdb/db/block_disk.h"
#include "tests/tsdb/db/scripted_life.h"
#include "tests/tsdb/directory_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/verify.h"
#include "tsdb/wal/compression.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kSeries = 5;
constexpr int kScrapes = 40;

/// A log of 40 scrapes of five series.
Files make_log(Contents& model, const DbOptions& options = quiet_options()) {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  auto db = open_db(fs, clock, options);
  for (int step = 0; step < kScrapes; ++step) REQUIRE(scrape(*db, kSeries, step, model));
  REQUIRE(db->close());
  Files files;
  collect_files(fs, "/data", files);
  return files;
}

struct Opened {
  Contents contents;
  std::uint64_t corruptions = 0;
};

Opened open_and_read(io::FileSystem& fs) {
  const ManualClock clock(kNow);
  auto db = try_open(fs, clock);
  REQUIRE_MESSAGE(db, why(db));
  Opened opened{read_all(**db), (*db)->count_corruptions()};
  REQUIRE((*db)->close());
  return opened;
}

class Findings final : public VerifyObserver {
 public:
  void found(const Finding& f) override {
    if (f.severity == Severity::damage) text += f.path + ": " + f.reason + "\n";
  }
  void progress(std::uint64_t, std::uint64_t) override {}
  std::string text;
};

std::string damage_in(io::FileSystem& fs) {
  Findings findings;
  const auto totals = verify_directory(fs, "/data", findings);
  REQUIRE_MESSAGE(totals, why(totals));
  return findings.text;
}

std::vector<std::string> names_in(io::FileSystem& fs, const std::string& directory) {
  std::vector<std::string> names;
  const auto entries = fs.list(directory);
  if (!entries) return names;
  for (const io::DirEntry& e : *entries) names.push_back(e.name);
  return names;
}

TEST_CASE("adoption: what Prometheus had put aside while it repaired a segment is read") {
  Contents model;
  Files files = make_log(model);
  // It had moved the segment away, and written the first record of it anew.
  const std::string segment = "/data/wal/00000000";
  files[segment + ".repair"] = files.at(segment);
  files[segment] = files.at(segment).substr(0, 200);
  const auto fs = disk_with(files);
  const Opened first = open_and_read(*fs);
  CHECK(same(first.contents, model));
  CHECK(first.corruptions == 0);
  CHECK(!fs->exists(segment + ".repair"));
  CHECK(same(open_and_read(*fs).contents, model));
}

TEST_CASE("adoption: unfinished files of the log are removed, what a tool left in the root stays") {
  Contents model;
  Files files = make_log(model);
  files["/data/wal/00000000.tmp"] = "half a segment";
  files["/data/wal/checkpoint.00000000.tmp/00000000"] = "half a checkpoint";
  files["/data/tmp_dbro_sandbox1234/wal/00000000"] = "promtool may be at work in it";
  files["/data/queries.active"] = std::string(20001, '\0');
  files["/data/notes.txt"] = "whatever";
  const auto fs = disk_with(files);
  const Opened opened = open_and_read(*fs);
  CHECK(same(opened.contents, model));
  CHECK(opened.corruptions == 0);
  for (const std::string& name : names_in(*fs, "/data/wal")) CHECK(!name.ends_with(".tmp"));
  for (const char* kept : {"tmp_dbro_sandbox1234/wal/00000000", "queries.active", "notes.txt"})
    CHECK(fs->exists(std::string("/data/") + kept));
}

TEST_CASE("adoption: a directory on which a Prometheus without a lock file runs is refused") {
  Contents model;
  Files files = make_log(model);
  files["/data/queries.active"] = "[";
  const auto fs = disk_with(files);
  fs->set_holder("/data/queries.active", 4711);
  const ManualClock clock(kNow);
  const auto db = try_open(*fs, clock);
  REQUIRE(!db);
  CHECK(db.error().code == Code::unavailable);
  CHECK(db.error().text.find("process 4711") != std::string::npos);
  DbOptions options = quiet_options();
  options.no_lockfile = true;
  CHECK(try_open(*fs, clock, options));
}

TEST_CASE("adoption: a directory that cannot be written is refused, with what to do about it") {
  Contents model;
  const Files files = make_log(model);
  for (const char* reason : {"Read-only file system", "Permission denied"}) {
    CAPTURE(reason);
    const auto fs = disk_with(files);
    fs->set_judge([&](io::Operation op, const std::string& path) -> std::optional<Error> {
      using enum io::Operation;
      // What is there can be read, and made again; so can the folder be synced.
      if (op == read || op == map || op == list || op == space || op == make_directory ||
          op == sync_directory)
        return std::nullopt;
      return Error{Code::io, "opening " + path + ": " + reason, {}};
    });
    const ManualClock clock(kNow);
    const auto db = try_open(*fs, clock);
    REQUIRE(!db);
    CHECK(db.error().text.find("must be writable by the user") != std::string::npos);
    CHECK(db.error().text.find("/data") != std::string::npos);
    CHECK(db.error().text.find(reason) != std::string::npos);
  }
}

TEST_CASE("adoption: the directory of an agent and one on NFS are pointed out, others are not") {
  Contents model;
  Files files = make_log(model);
  CHECK(look_over(*disk_with(files), "/data").empty() == files.contains("/data/chunks_head/000001"));
  CHECK(look_over(*disk_with({}), "/data").empty());

  const auto agent = disk_with({{"/data/wal/00000000", files.at("/data/wal/00000000")}});
  const auto notes = look_over(*agent, "/data");
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].find("agent") != std::string::npos);
  CHECK(same(open_and_read(*agent).contents, model));
  // From now on it is a server's.
  CHECK(look_over(*agent, "/data").empty());

  agent->set_nfs(true);
  const auto on_nfs = look_over(*agent, "/data");
  REQUIRE(on_nfs.size() == 1);
  CHECK(on_nfs[0].find("NFS") != std::string::npos);
}

TEST_CASE("adoption: numbers as names in wal are refused where they do not follow, folders are not") {
  Contents model;
  Files files = make_log(model);
  files["/data/wal/00000777/notes"] = "a folder";
  CHECK(same(open_and_read(*disk_with(files)).contents, model));
  files["/data/wal/20260101"] = "a copy of something";
  const auto fs = disk_with(files);
  const ManualClock clock(kNow);
  const auto db = try_open(*fs, clock);
  REQUIRE(!db);
  CHECK(db.error().code == Code::corruption);
  CHECK(db.error().text.find("20260101") != std::string::npos);
  CHECK(db.error().text.find("move away what does not belong there") != std::string::npos);
  CHECK(fs->exists("/data/wal/20260101"));
}

TEST_CASE("adoption: numbers as names in chunks_head cost nothing") {
  Contents model;
  for (const char* name : {"999999", "000002", "0000000000042", "000001/x"}) {
    CAPTURE(name);
    Contents own;
    Files files = make_log(own);
    files[std::string("/data/chunks_head/") + name] = "what is this?";
    const auto fs = disk_with(files);
    CHECK(same(open_and_read(*fs).contents, own));
    const Opened again = open_and_read(*fs);
    CHECK(same(again.contents, own));
    CHECK(again.corruptions == 0);
  }
}

TEST_CASE("adoption: a folder of a block without meta.json or index is set aside, and the rest opens") {
  for (const char* missing : {"meta.json", "index"}) {
    CAPTURE(missing);
    io::FaultFileSystem fs;
    Contents model;
    put_block(fs, kBegin, kBegin + kRange, 3, model);
    Contents lost;
    const std::string ulid = put_block(fs, kBegin + kRange, kBegin + 2 * kRange, 3, lost);
    REQUIRE(fs.remove_file("/data/" + ulid + "/" + missing));
    const Opened first = open_and_read(fs);
    CHECK(same(first.contents, model));
    CHECK(first.corruptions == 1);
    CHECK(!fs.exists("/data/" + ulid));
    CHECK(fs.exists("/data/narthex/quarantine/" + ulid));
    CHECK(open_and_read(fs).corruptions == 0);
  }
}

TEST_CASE("adoption: a block with a hint does not end the head, so what the log has before its end stays") {
  Contents model;
  const Files files = make_log(model);
  for (const std::string_view hint : {kFromOutOfOrder, kFromStaleSeries, kFromSelectedSeries}) {
    CAPTURE(hint);
    const auto fs = disk_with(files);
    PlainSeries other;
    const Labels labels{{"__name__", "late"}};
    other[labels] = {{kStart + 1, 1.0}, {kStart + 2, 2.0}};
    BlockMeta meta = make_meta(kStart, kStart + kRange);
    REQUIRE(write_block(*fs, "/data", other, meta));
    meta = *parse_block_meta(*fs->read_file("/data/" + meta.ulid + "/meta.json"));
    add_hint(meta, hint);
    write_file(*fs, "/data/" + meta.ulid + "/meta.json", io::as_bytes(write_block_meta(meta)));
    Contents want = model;
    want[labels.to_string()] = {{kStart + 1, 1.0}, {kStart + 2, 2.0}};
    CHECK(same(open_and_read(*fs).contents, want));
  }
}

TEST_CASE("adoption: overlapping blocks show each sample once") {
  io::FaultFileSystem fs;
  Contents model;
  put_block(fs, kBegin, kBegin + kRange, 4, model, 1);
  put_block(fs, kBegin + kRange / 2, kBegin + 2 * kRange, 6, model, 2);
  CHECK(same(open_and_read(fs).contents, model));
}

TEST_CASE("adoption: what tombstones of a block delete is not shown") {
  io::FaultFileSystem fs;
  REQUIRE(fs.make_directories("/data"));
  constexpr int kSteps = 20;
  write_mixed_block(fs, kMixedBlock, kStart, kSteps);
  const ManualClock clock(kNow);
  const auto db = open_db(fs, clock);
  auto querier = db->querier({});
  REQUIRE(querier);
  const Contents found = read(**querier, {match(MatchOp::equal, "__name__", "a_float")});
  REQUIRE(found.size() == 1);
  // The first three of them.
  CHECK(found.begin()->second.size() == kSteps - 3);
  CHECK(found.begin()->second.front().first == kStart + 3 * kStep);
}

TEST_CASE("adoption: a log compressed by zstd is read, and goes on as the options say") {
  DbOptions zstd = quiet_options();
  zstd.wal.compression = WalCompression::zstd;
  Contents model;
  const auto fs = disk_with(make_log(model, zstd));
  CHECK(same(open_and_read(*fs).contents, model));
}

/// Path of the first file whose path has `part` in it and that is not empty.
std::string path_with(const Files& files, std::string_view part) {
  for (const auto& [path, text] : files) {
    if (path.find(part) != std::string::npos && !text.empty()) return path;
  }
  FAIL("no file has ", part, " in its path");
  return "";
}

TextContents read_kinds_of(io::FileSystem& fs, const Clock& clock, std::uint64_t& corruptions) {
  auto db = try_open(fs, clock, life_options());
  REQUIRE_MESSAGE(db, why(db));
  corruptions = (*db)->count_corruptions();
  auto querier = (*db)->querier({});
  REQUIRE(querier);
  TextContents found = read_kinds(**querier);
  querier->reset();
  REQUIRE((*db)->close());
  return found;
}

TEST_CASE("adoption: a damaged checkpoint is written anew before anybody else sees it") {
  io::FaultFileSystem disk;
  Life life(disk);
  life.run([] { return false; });
  Files files;
  collect_files(disk, "/data", files);
  const std::string path = path_with(files, "/checkpoint.");
  const std::size_t size = files.at(path).size();
  for (std::size_t at = 3; at < size; at += size / 7) {
    CAPTURE(at);
    Files changed = files;
    changed.at(path)[at] = static_cast<char>(changed.at(path)[at] ^ 0x10);
    const auto fs = disk_with(changed);
    std::uint64_t corruptions = 0;
    const TextContents found = read_kinds_of(*fs, life.clock, corruptions);
    CHECK(corruptions > 0);
    // Nothing is made up; what is lost was in the damaged record.
    CHECK(compare(found, {}, life.possible, 0) == "");
    CHECK(damage_in(*fs) == "");
    CHECK(std::ranges::any_of(names_in(*fs, "/data/narthex/quarantine"),
                              [](const std::string& name) { return name.starts_with("checkpoint."); }));
    CHECK(read_kinds_of(*fs, life.clock, corruptions) == found);
    CHECK(corruptions == 0);
  }
}

/// Runs a life in which no file with `part` in its path can be removed, but for what is temporary.
Files run_without_removing(Life& life, std::string_view part) {
  life.fs.set_judge([part](io::Operation op, const std::string& path) -> std::optional<Error> {
    const bool stays = path.find(part) != std::string::npos && path.find(".tmp") == std::string::npos;
    if (op != io::Operation::remove || !stays) return std::nullopt;
    return Error{Code::io, "removing " + path + ": Input/output error", {}};
  });
  life.run([] { return false; });
  life.fs.set_judge(nullptr);
  Files files;
  collect_files(life.fs, "/data", files);
  return files;
}

TEST_CASE("adoption: a damaged checkpoint costs nothing while the log has what it was made from") {
  io::FaultFileSystem disk;
  Life life(disk);
  // Died before it could remove what the checkpoint replaces.
  Files files = run_without_removing(life, "/wal/");
  std::string newest;
  for (const auto& [path, text] : files) {
    if (path.find("/checkpoint.") != std::string::npos && !text.empty()) newest = path;
  }
  REQUIRE(!newest.empty());
  const std::string folder = newest.substr(0, newest.rfind('/'));
  const auto check_whole = [&](io::FileSystem& fs) {
    std::uint64_t corruptions = 0;
    const TextContents found = read_kinds_of(fs, life.clock, corruptions);
    CHECK(compare(found, life.acknowledged, life.possible, life.deleted_before()) == "");
    CHECK(!fs.exists(folder));
    CHECK(damage_in(fs) == "");
    CHECK(read_kinds_of(fs, life.clock, corruptions) == found);
    CHECK(corruptions == 0);
  };
  SUBCASE("a wrong bit") {
    files.at(newest)[100] = static_cast<char>(files.at(newest)[100] ^ 1);
    check_whole(*disk_with(files));
  }
  SUBCASE("cut off") {
    files.at(newest).resize(50);
    check_whole(*disk_with(files));
  }
  SUBCASE("empty") {
    files.erase(newest);
    const auto fs = disk_with(files);
    REQUIRE(fs->make_directories(folder));
    check_whole(*fs);
  }
}

TEST_CASE("adoption: series that a damaged checkpoint has lost are named by the one before it") {
  io::FaultFileSystem disk;
  Life life(disk);
  // Died as Prometheus may: segments are gone, the checkpoint before is not.
  Files files = run_without_removing(life, "/wal/checkpoint.");
  std::erase_if(files, [](const auto& file) { return file.first.starts_with("/data/narthex/"); });
  std::string newest;
  std::string oldest;
  for (const auto& [path, text] : files) {
    if (path.find("/checkpoint.") == std::string::npos || text.empty()) continue;
    if (oldest.empty()) oldest = path;
    newest = path;
  }
  REQUIRE(newest != oldest);
  // In the first record, which names series.
  files.at(newest)[20] = static_cast<char>(files.at(newest)[20] ^ 1);
  std::uint64_t corruptions = 0;
  const auto fs = disk_with(files);
  const TextContents found = read_kinds_of(*fs, life.clock, corruptions);
  CHECK(corruptions > 0);
  CHECK(compare(found, life.acknowledged, life.possible, life.deleted_before()) == "");
  CHECK(damage_in(*fs) == "");
  CHECK(read_kinds_of(*fs, life.clock, corruptions) == found);

  // Without those before it, the damage shows.
  const std::string folder = newest.substr(0, newest.rfind('/'));
  std::erase_if(files, [&](const auto& file) {
    return file.first.find("/checkpoint.") != std::string::npos && !file.first.starts_with(folder);
  });
  const TextContents lost = read_kinds_of(*disk_with(files), life.clock, corruptions);
  CHECK(lost != found);
}

TEST_CASE("adoption: without its series record a series' samples are lost, counted, and nothing else is") {
  Contents model;
  Files files = make_log(model);
  std::string& segment = files.at("/data/wal/00000000");
  // The first record names all series of the first scrape: it goes, and one that names four of them
  // comes in its place.
  std::vector<std::byte> bytes;
  std::uint64_t offset = 0;
  RecordScanner scanner(io::as_bytes(segment), nullptr);
  RecordDecompressor decompressor;
  bool is_first = true;
  while (const auto record = scanner.next()) {
    const auto whole = decompressor.decompress(record->flag, record->data);
    REQUIRE(whole);
    std::vector<std::byte> content(whole->begin(), whole->end());
    if (std::exchange(is_first, false)) {
      std::vector<SeriesRecord> series;
      REQUIRE(decode_series(content, series));
      REQUIRE(series.size() == kSeries);
      series.erase(series.begin() + 1);
      content.clear();
      encode_series(series, content);
    }
    offset = frame_record(offset, RecordFlag::plain, content, bytes);
  }
  segment.assign(io::as_text(bytes));
  const auto fs = disk_with(files);
  prometheus::Registry registry;
  const ManualClock clock(kNow);
  const auto db = Db::open(*fs, "/data", quiet_options(), clock, &registry);
  REQUIRE_MESSAGE(db, why(db));
  Contents want = model;
  want.erase(series_labels(1).to_string());
  CHECK(same(read_all(**db), want));
  CHECK(telemetry::metrics_text(registry).find(
            "prometheus_tsdb_wal_replay_unknown_refs_total{type=\"samples\"} 40\n") != std::string::npos);
  // The reference is not given to another series.
  Contents more = want;
  REQUIRE(scrape(**db, kSeries, kScrapes, more));
  REQUIRE((*db)->close());
  CHECK(same(open_and_read(*fs).contents, more));
}

}  // namespace
}  // namespace narthex::tsdb

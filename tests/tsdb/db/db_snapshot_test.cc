// Snapshots: a directory that opens with what was there, whole or not at all.
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>

#include "tests/tsdb/db/block_disk.h"
#include "tests/tsdb/directory_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/db.h"

namespace narthex::tsdb {
namespace {

std::unique_ptr<Db> open_snapshot(io::FileSystem& fs, const Clock& clock, const std::string& name) {
  auto db = Db::open(fs, "/data/snapshots/" + name, quiet_options(), clock, nullptr);
  REQUIRE_MESSAGE(db, why(db));
  return *std::move(db);
}

std::vector<std::string> names_in(io::FileSystem& fs, const std::string& directory) {
  std::vector<std::string> names;
  if (const auto entries = fs.list(directory)) {
    for (const io::DirEntry& e : *entries) names.push_back(e.name);
  }
  return names;
}

/// A block put there, one cut from the head, and a head.
std::unique_ptr<Db> make_db(io::FileSystem& fs, const Clock& clock, Contents& model) {
  put_block(fs, kBegin, kBegin + kRange, 3, model);
  auto db = open_db(fs, clock);
  for (int step = 0; step < 200; ++step) REQUIRE(scrape(*db, 6, step, model));
  REQUIRE(db->run_background_once());
  REQUIRE(db->blocks().size() == 2);
  return db;
}

TEST_CASE("snapshot: it holds blocks and head, and keeps what is deleted afterwards") {
  io::FaultFileSystem fs;
  const ManualClock clock(1'770'091'506'789);
  Contents model;
  auto db = make_db(fs, clock, model);
  REQUIRE(db->delete_series({kMinTime, kStart + 150 * kStep}, {{match(MatchOp::equal, "job", "api")}}));
  const Contents left = read_all(*db);
  auto name = db->snapshot(true);
  REQUIRE_MESSAGE(name, why(name));
  CHECK(name->size() == 33);
  CHECK(name->starts_with("20260203T040506Z-"));
  CHECK(std::all_of(name->begin() + 17, name->end(), [](unsigned char c) { return std::isxdigit(c) != 0; }));
  REQUIRE(db->delete_series({}, {{everything()}}));
  REQUIRE(db->clean_tombstones());
  CHECK(read_all(*db).empty());

  auto copy = open_snapshot(fs, clock, *name);
  CHECK(same(read_all(*copy), left));
  REQUIRE(copy->blocks().size() == 3);
  const BlockMeta head = copy->blocks().back();
  CHECK(head.level == 1);
  CHECK(head.maxt == kStart + 199 * kStep + 1);
  CHECK(head.sources == std::vector{head.ulid});
}

TEST_CASE("snapshot: without the head there are the blocks only; an empty database makes an empty one") {
  io::FaultFileSystem fs;
  const ManualClock clock(kStart);
  Contents model;
  auto db = make_db(fs, clock, model);
  auto name = db->snapshot(false);
  REQUIRE_MESSAGE(name, why(name));
  CHECK(names_in(fs, "/data/snapshots/" + *name).size() == 2);
  auto copy = open_snapshot(fs, clock, *name);
  CHECK(ulids_of(copy->blocks()) == ulids_of(db->blocks()));

  io::FaultFileSystem nothing;
  auto empty = open_db(nothing, clock)->snapshot(true);
  REQUIRE_MESSAGE(empty, why(empty));
  CHECK(names_in(nothing, "/data/snapshots/" + *empty).empty());
}

TEST_CASE("snapshot: what is not a block's own is not in it") {
  io::FaultFileSystem fs;
  const ManualClock clock(kStart);
  Contents model;
  auto db = make_db(fs, clock, model);
  const std::string ulid = db->blocks().front().ulid;
  for (const std::string name : {"/chunks/notes.txt", "/chunks/000001.bak", "/tombstones.tmp", "/notes"})
    write_file(fs, "/data/" + ulid + name, io::as_bytes("mine"));
  auto name = db->snapshot(true);
  REQUIRE_MESSAGE(name, why(name));
  const std::string copy = "/data/snapshots/" + *name + "/" + ulid;
  CHECK(names_in(fs, copy) == std::vector<std::string>{"chunks", "index", "meta.json", "tombstones"});
  CHECK(names_in(fs, copy + "/chunks") == std::vector<std::string>{"000001"});
}

TEST_CASE("snapshot: a block without a tombstones file has none in its copy either") {
  io::FaultFileSystem fs;
  const ManualClock clock(kStart);
  Contents model;
  const std::string ulid = put_block(fs, kBegin, kBegin + kRange, 3, model);
  REQUIRE(fs.remove_file("/data/" + ulid + "/tombstones"));
  auto name = open_db(fs, clock)->snapshot(true);
  REQUIRE_MESSAGE(name, why(name));
  CHECK(!fs.exists("/data/snapshots/" + *name + "/" + ulid + "/tombstones"));
  CHECK(same(read_all(*open_snapshot(fs, clock, *name)), model));
}

TEST_CASE("snapshot: one that fails at any operation leaves nothing, one that is killed nothing for long") {
  const ManualClock clock(kStart);
  Contents model;
  Files files;
  {
    io::FaultFileSystem fs;
    make_db(fs, clock, model).reset();
    collect_files(fs, "/data", files);
  }
  bool done = false;
  for (std::int64_t n = 0; !done; ++n) {
    CAPTURE(n);
    REQUIRE(n < 10'000);
    const auto fs = disk_with(files);
    auto db = open_db(*fs, clock);
    std::int64_t left = n;
    const bool for_good = n % 2 == 0;
    fs->set_judge([&](io::Operation, const std::string& path) -> std::optional<Error> {
      if (left-- > 0 || (!for_good && left < -1)) return std::nullopt;
      return Error{Code::io, path + ": Input/output error", {}};
    });
    const auto name = db->snapshot(true);
    fs->set_judge(nullptr);
    done = name.has_value() && left > 0;
    CHECK(same(read_all(*db), model));
    const auto names = names_in(*fs, "/data/snapshots");
    if (!name) {
      CHECK(name.error().text.contains("create snapshot"));
      // One whose name could not be synced is whole all the same.
      for (const std::string& left_over : names) {
        if (left_over.ends_with(".tmp")) {
          CHECK(for_good);
        } else {
          CHECK(same(read_all(*open_snapshot(*fs, clock, left_over)), model));
        }
      }
    }
    // The next one removes what is left of it.
    auto next = db->snapshot(true);
    REQUIRE_MESSAGE(next, why(next));
    for (const std::string& one : names_in(*fs, "/data/snapshots")) {
      CHECK(!one.ends_with(".tmp"));
      CHECK(same(read_all(*open_snapshot(*fs, clock, one)), model));
    }
  }
}

}  // namespace
}  // namespace narthex::tsdb

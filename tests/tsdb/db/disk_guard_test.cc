// A disk that fills up: nothing more is appended before it is full, room is made, and it heals.
#include <doctest/doctest.h>

#include "tests/tsdb/db/block_disk.h"
#include "tests/tsdb/directory_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/db.h"
#include "tsdb/disk_guard.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr const char* kFile = "/data/narthex/reserve";

TEST_CASE("disk guard: read-only below the reserve, writable again with a quarter more") {
  io::FaultFileSystem fs;
  REQUIRE(fs.make_directories("/data"));
  DiskGuard guard(fs, "/data", {.free_bytes = 100 * kMiB});
  const struct {
    std::uint64_t free;
    bool read_only;
    std::uint64_t missing;
  } rows[] = {{101 * kMiB, false, 0}, {100 * kMiB, false, 0},       {99 * kMiB, true, 26 * kMiB},
              {0, true, 125 * kMiB},  {124 * kMiB, true, 1 * kMiB}, {125 * kMiB, false, 0},
              {100 * kMiB, false, 0}};
  for (const auto& row : rows) {
    CAPTURE(row.free);
    fs.set_free_bytes(static_cast<std::int64_t>(row.free));
    const DiskState state = guard.check();
    CHECK(state.read_only == row.read_only);
    CHECK(state.free_bytes == row.free);
    CHECK(state.reserve_bytes == 100 * kMiB);
    CHECK(guard.missing_bytes() == row.missing);
  }
}

TEST_CASE("disk guard: a disk that says nothing of itself changes nothing, no reserve looks at none") {
  io::FaultFileSystem fs;
  REQUIRE(fs.make_directories("/data"));
  fs.set_free_bytes(0);
  DiskGuard none(fs, "/data", {});
  CHECK(!none.check().read_only);
  CHECK(none.has_room_for(1 << 30));
  DiskGuard guard(fs, "/data", {.free_bytes = kMiB});
  CHECK(guard.check().read_only);
  fs.set_free_bytes(-1);
  fs.set_judge([](io::Operation op, const std::string& path) -> std::optional<Error> {
    if (op == io::Operation::space) return Error{Code::io, path + ": Input/output error", {}};
    return std::nullopt;
  });
  CHECK(guard.check().read_only);
  fs.set_judge(nullptr);
  CHECK(!guard.check().read_only);
}

TEST_CASE("disk guard: a block is written if it fits beside the reserve, or into half of what is free") {
  io::FaultFileSystem fs;
  REQUIRE(fs.make_directories("/data"));
  DiskGuard guard(fs, "/data", {.free_bytes = 100 * kMiB});
  fs.set_free_bytes(500 * kMiB);
  guard.check();
  CHECK(guard.has_room_for(400 * kMiB));
  CHECK(!guard.has_room_for(401 * kMiB));
  fs.set_free_bytes(80 * kMiB);
  guard.check();
  CHECK(guard.has_room_for(40 * kMiB));
  CHECK(!guard.has_room_for(41 * kMiB));
}

TEST_CASE("disk guard: the reserve file is given up on a full disk and made again later") {
  io::FaultFileSystem fs;
  REQUIRE(fs.make_directories("/data"));
  DiskGuard guard(fs, "/data", {.free_bytes = 10 * kMiB, .file_bytes = kMiB});
  guard.check();
  REQUIRE(fs.exists(kFile));
  CHECK(fs.file_size(kFile) == kMiB);
  fs.set_free_bytes(5 * kMiB);
  guard.check();
  CHECK(fs.exists(kFile));
  fs.set_free_bytes(kMiB - 1);
  CHECK(guard.check().read_only);
  CHECK(!fs.exists(kFile));
  // Still read-only: not yet.
  fs.set_free_bytes(12 * kMiB);
  CHECK(guard.check().read_only);
  CHECK(!fs.exists(kFile));
  fs.set_free_bytes(20 * kMiB);
  CHECK(!guard.check().read_only);
  CHECK(fs.exists(kFile));
}

TEST_CASE("full disk: appends are refused with a reason, queries go on, and it heals by itself") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  DbOptions options = quiet_options();
  options.reserve = {.free_bytes = 10 * kMiB, .file_bytes = kMiB};
  auto db = open_db(fs, clock, options);
  Contents model;
  for (int step = 0; step < 5; ++step) REQUIRE(scrape(*db, 4, step, model));
  CHECK(!db->disk_state().read_only);

  fs.set_free_bytes(9 * kMiB);
  REQUIRE(db->run_mapping_once());
  CHECK(db->disk_state().read_only);
  CHECK(db->disk_state().free_bytes == 9 * kMiB);
  {
    auto appender = db->appender();
    appender->append(*appender->series(series_labels(0)), kStart + 10 * kStep, 1);
    const auto refused = appender->commit();
    REQUIRE(!refused);
    CHECK(refused.error().code == Code::unavailable);
    CHECK(refused.error().text.contains("read-only"));
  }
  CHECK(same(read_all(*db), model));
  // Deletion is not appending: it is how room is made.
  REQUIRE(db->delete_series({kMinTime, kStart}, {{everything()}}));

  fs.set_free_bytes(20 * kMiB);
  REQUIRE(db->run_mapping_once());
  CHECK(!db->disk_state().read_only);
  REQUIRE(scrape(*db, 4, 11, model));
}

TEST_CASE("full disk: a start finds it, and gives the reserve file up for what it has to write") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  DbOptions options = quiet_options();
  options.reserve = {.free_bytes = 10 * kMiB, .file_bytes = kMiB};
  Contents model;
  {
    auto db = open_db(fs, clock, options);
    REQUIRE(scrape(*db, 4, 0, model));
    REQUIRE(db->close());
  }
  REQUIRE(fs.exists(kFile));
  fs.set_free_bytes(100);
  auto db = open_db(fs, clock, options);
  CHECK(!fs.exists(kFile));
  CHECK(db->disk_state().read_only);
  CHECK(same(read_all(*db), model));
  Contents none;
  CHECK(!scrape(*db, 4, 1, none));
}

TEST_CASE("full disk: with a limit on size the oldest blocks go early, with one on time none does") {
  for (const bool by_size : {true, false}) {
    CAPTURE(by_size);
    io::FaultFileSystem fs;
    const ManualClock clock(kNow);
    Contents model;
    std::vector<std::string> ulids;
    for (int i = 0; i < 4; ++i)
      ulids.push_back(put_block(fs, kBegin + i * kRange, kBegin + (i + 1) * kRange, 50, model, i));
    DbOptions options = quiet_options();
    options.retention = by_size ? Retention{.size_bytes = 1 << 30} : Retention{.time = 365LL * 86'400'000};
    options.reserve = {.free_bytes = 8000};
    auto db = open_db(fs, clock, options);
    // 5,000 are missing to 10,000, and the two oldest have more than that together.
    fs.set_free_bytes(5000);
    REQUIRE(db->run_background_once());
    CHECK(db->disk_state().read_only);
    const std::size_t left = db->blocks().size();
    if (by_size) {
      CHECK(left < 4);
      CHECK(left >= 1);
      CHECK(db->blocks().back().ulid == ulids.back());
      CHECK(!fs.exists("/data/" + ulids.front()));
    } else {
      CHECK(left == 4);
    }
    fs.set_free_bytes(10'000);
    REQUIRE(db->run_background_once());
    CHECK(!db->disk_state().read_only);
    CHECK(db->blocks().size() == left);
  }
}

TEST_CASE("full disk: the head is cut all the same, and the log behind it goes") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  DbOptions options = quiet_options();
  options.wal.segment_bytes = 32 * 1024;
  options.reserve = {.free_bytes = 100 * kMiB};
  auto db = open_db(fs, clock, options);
  Contents model;
  for (int step = 0; step < 400; ++step) REQUIRE(scrape(*db, 40, step, model));
  fs.set_free_bytes(50 * kMiB);
  REQUIRE(db->run_background_once());
  CHECK(db->disk_state().read_only);
  CHECK(db->blocks().size() == 2);
  CHECK(last_checkpoint(fs, "/data/wal")->has_value());
  CHECK(same(read_all(*db), model));
}

TEST_CASE("full disk: a merge waits until its blocks fit") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  for (int i = 0; i < 4; ++i) put_block(fs, kBegin + i * kRange, kBegin + (i + 1) * kRange, 50, model, i);
  DbOptions options = quiet_options();
  options.max_block_range = 9 * kRange;
  options.reserve = {.free_bytes = 100 * kMiB};
  fs.set_free_bytes(20'000);
  auto db = open_db(fs, clock, options);
  REQUIRE(db->run_background_once());
  CHECK(db->blocks().size() == 4);
  CHECK(same(read_all(*db), model));
  fs.set_free_bytes(90 * kMiB);
  REQUIRE(db->run_background_once());
  CHECK(db->blocks().size() == 2);
  CHECK(same(read_all(*db), model));
}

}  // namespace
}  // namespace narthex::tsdb

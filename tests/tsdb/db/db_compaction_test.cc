// Blocks become larger blocks: what queries see meanwhile, and what is left when it fails.
#include <doctest/doctest.h>
#include <prometheus/registry.h>

#include <algorithm>

#include "telemetry/metrics_text.h"
#include "tests/tsdb/db/block_disk.h"
#include "tests/tsdb/why.h"
#include "tsdb/block/index_reader.h"
#include "tsdb/block/tombstones.h"
#include "tsdb/db.h"

namespace narthex::tsdb {
namespace {

DbOptions compacting_options() {
  DbOptions options = quiet_options();
  options.max_block_range = 9 * kRange;
  options.retention.time = 0;
  return options;
}

TEST_CASE("compaction: over days, blocks grow to the largest range and hold every sample once") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  auto db = open_db(fs, clock, compacting_options());
  for (int step = 0; step < 60 * 60; ++step) {
    REQUIRE(scrape(*db, 5, step, model));
    if (step % 30 == 29) REQUIRE(db->run_background_once());
  }
  CHECK(same(read_all(*db), model));
  const auto blocks = db->blocks();
  CHECK(block_directories(fs) == ulids_of(blocks));
  std::vector<DurationMs> lengths;
  for (const BlockMeta& b : blocks) {
    lengths.push_back((b.maxt - b.mint) / kRange);
    // The first range may have begun before the first sample.
    if (b.mint > blocks.front().mint) CHECK(b.mint % (b.maxt - b.mint) == 0);
    CHECK(b.level == (b.maxt - b.mint == kRange ? 1 : b.maxt - b.mint == 3 * kRange ? 2 : 3));
    CHECK(b.sources.size() == static_cast<std::size_t>((b.maxt - b.mint) / kRange));
    CHECK(b.num_samples == static_cast<std::uint64_t>((b.maxt - b.mint) / kStep * 5));
    CHECK(b.num_chunks == static_cast<std::uint64_t>((b.maxt - b.mint) / kRange * 5));
  }
  CHECK(std::ranges::count(lengths, 9) >= 2);
  CHECK(std::ranges::max(lengths) == 9);
  db.reset();
  db = open_db(fs, clock, compacting_options());
  CHECK(same(read_all(*db), model));
}

TEST_CASE("compaction: with equal ranges blocks stay as they were cut") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  DbOptions options = compacting_options();
  options.max_block_range = kRange;
  auto db = open_db(fs, clock, options);
  for (int step = 0; step < 20 * 60; ++step) REQUIRE(scrape(*db, 2, step, model));
  REQUIRE(db->run_background_once());
  for (const BlockMeta& b : db->blocks()) CHECK(b.maxt - b.mint == kRange);
  CHECK(db->blocks().size() == 9);
}

TEST_CASE("compaction: overlapping blocks become one, in which the earlier one's samples stay") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  put_block(fs, kBegin, kBegin + kRange, 6, model, 1);
  put_block(fs, kBegin + kRange / 2, kBegin + 2 * kRange, 9, model, 2, kStep);
  put_block(fs, kBegin + 3 * kRange, kBegin + 4 * kRange, 3, model, 3);
  prometheus::Registry registry;
  auto opened = Db::open(fs, "/data", compacting_options(), clock, &registry);
  REQUIRE_MESSAGE(opened, why(opened));
  auto& db = **opened;
  CHECK(same(read_all(db), model));
  REQUIRE(db.run_background_once());
  CHECK(same(read_all(db), model));
  const auto blocks = db.blocks();
  REQUIRE(blocks.size() == 2);
  CHECK(blocks[0].mint == kBegin);
  CHECK(blocks[0].maxt == kBegin + 2 * kRange);
  CHECK(blocks[0].parents.size() == 2);
  CHECK(telemetry::metrics_text(registry).find("prometheus_tsdb_vertical_compactions_total 1") !=
        std::string::npos);

  DbOptions apart = compacting_options();
  apart.merge_overlapping_blocks = false;
  put_block(fs, kBegin, kBegin + kRange, 1, model, 4);
  REQUIRE(db.close());
  auto again = open_db(fs, clock, apart);
  REQUIRE(again->run_background_once());
  CHECK(again->blocks().size() == 3);
}

TEST_CASE("compaction: a query that began before goes on over the blocks that were replaced") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  for (int i = 0; i < 4; ++i) put_block(fs, kBegin + i * kRange, kBegin + (i + 1) * kRange, 4, model, i);
  auto db = open_db(fs, clock, compacting_options());
  const auto before = db->querier({});
  REQUIRE(before);
  REQUIRE(db->run_background_once());
  CHECK(db->blocks().size() < 4);
  CHECK(same(read(**before, {everything()}), model));
  CHECK(same(read_all(*db), model));
}

TEST_CASE("compaction: killed or cut off from power at any operation, old or new blocks are there") {
  enum class End { killed, power_cut };
  for (const End end : {End::killed, End::power_cut}) {
    for (int allowed = 0;; ++allowed) {
      CAPTURE(allowed);
      CAPTURE(static_cast<int>(end));
      io::FaultFileSystem fs;
      const ManualClock clock(kNow);
      Contents model;
      for (int i = 0; i < 4; ++i) put_block(fs, kBegin + i * kRange, kBegin + (i + 1) * kRange, 3, model, i);
      put_block(fs, kBegin + kRange + kStep, kBegin + 2 * kRange, 5, model, 9, kStep);
      auto db = open_db(fs, clock, compacting_options());
      bool is_dead = false;
      int left = allowed;
      fs.set_judge([&](io::Operation op, const std::string&) -> std::optional<Error> {
        using enum io::Operation;
        if (op == read || op == map || op == list) return std::nullopt;
        if (left-- > 0) return std::nullopt;
        is_dead = true;
        return Error{Code::io, "the process is dead", {}};
      });
      const auto done = db->run_background_once();
      CHECK(done.has_value() == !is_dead);
      // Still alive, it answers as before.
      CHECK(same(read_all(*db), model));
      db.reset();
      fs.set_judge(nullptr);
      if (end == End::power_cut) fs.crash();
      db = open_db(fs, clock, compacting_options());
      CHECK(db->count_corruptions() == 0);
      CHECK(same(read_all(*db), model));
      // And the next round finishes what this one began, with nothing left over.
      REQUIRE(db->run_background_once());
      CHECK(same(read_all(*db), model));
      CHECK(block_directories(fs) == ulids_of(db->blocks()));
      CHECK(db->blocks().size() == 2);
      if (!is_dead) break;
      REQUIRE(allowed < 300);
    }
  }
}

TEST_CASE("compaction: any single failure is made good by the next round") {
  for (int failing = 0;; ++failing) {
    CAPTURE(failing);
    io::FaultFileSystem fs;
    const ManualClock clock(kNow);
    Contents model;
    for (int i = 0; i < 4; ++i) put_block(fs, kBegin + i * kRange, kBegin + (i + 1) * kRange, 3, model, i);
    auto db = open_db(fs, clock, compacting_options());
    int at = 0;
    bool failed = false;
    fs.set_judge([&](io::Operation, const std::string& path) -> std::optional<Error> {
      if (at++ != failing) return std::nullopt;
      failed = true;
      return Error{Code::io, path + ": Input/output error", {}};
    });
    const auto done = db->run_background_once();
    fs.set_judge(nullptr);
    CHECK(same(read_all(*db), model));
    for (const BlockMeta& b : db->blocks()) CHECK(!b.failed);
    REQUIRE(db->run_background_once());
    CHECK(same(read_all(*db), model));
    CHECK(block_directories(fs) == ulids_of(db->blocks()));
    CHECK(db->blocks().size() == 2);
    CHECK(db->count_corruptions() == 0);
    if (!failed) break;
    REQUIRE(failing < 300);
  }
}

TEST_CASE("compaction: a full disk ends it without harm, and it is done when there is space") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  for (int i = 0; i < 4; ++i)
    put_block(fs, kBegin + i * kRange, kBegin + (i + 1) * kRange, 30, model, i, kStep);
  auto db = open_db(fs, clock, compacting_options());
  fs.set_free_bytes(5000);
  CHECK(!db->run_background_once());
  CHECK(db->blocks().size() == 4);
  CHECK(same(read_all(*db), model));
  CHECK(block_directories(fs) == ulids_of(db->blocks()));
  fs.set_free_bytes(-1);
  REQUIRE(db->run_background_once());
  CHECK(db->blocks().size() == 2);
  CHECK(same(read_all(*db), model));
}

TEST_CASE("compaction: a block with damage is left alone from then on, and the others go their way") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  std::vector<std::string> ulids;
  for (int i = 0; i < 7; ++i)
    ulids.push_back(put_block(fs, kBegin + i * kRange, kBegin + (i + 1) * kRange, 3, model, i));
  {
    auto file = fs.open_writable("/data/" + ulids[1] + "/chunks/000001", io::OpenMode::append);
    REQUIRE(file);
    REQUIRE((*file)->write_at(20, io::as_bytes("xxxxx")));
  }
  auto db = open_db(fs, clock, compacting_options());
  const auto first = db->run_background_once();
  REQUIRE(!first);
  CHECK(first.error().text.find(ulids[1]) != std::string::npos);
  CHECK(first.error().text.find("wrong checksum") != std::string::npos);
  for (int round = 0; round < 3; ++round) {
    REQUIRE(db->run_background_once());
    const auto blocks = db->blocks();
    REQUIRE(blocks.size() == 5);
    for (int i = 0; i < 3; ++i) CHECK(blocks[static_cast<std::size_t>(i)].failed);
    CHECK(blocks[3].level == 2);
    db.reset();
    db = open_db(fs, clock, compacting_options());
  }
}

TEST_CASE("compaction: many tombstones in a large block make it be written anew without them") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  const std::string ulid = put_block(fs, kBegin, kBegin + 3 * kRange, 20, model);
  put_block(fs, kBegin + 3 * kRange, kBegin + 4 * kRange, 20, model);
  std::vector<Stone> stones;
  const auto index = IndexReader::open(fs, "/data/" + ulid + "/index");
  REQUIRE(index);
  for (std::size_t i = 0; i < 5; ++i)
    stones.push_back({(*(*index)->postings("", ""))[i], {kBegin, kBegin + kRange}});
  auto file = fs.open_writable("/data/" + ulid + "/tombstones", io::OpenMode::create_truncate);
  REQUIRE((*file)->append(write_tombstones(stones)));
  // The count in meta.json is what decides. A start makes it that of the tombstones.
  auto db = open_db(fs, clock, compacting_options());
  CHECK(ulids_of(db->blocks()).contains(ulid));
  const Contents before = read_all(*db);
  REQUIRE(db->run_background_once());
  const auto blocks = db->blocks();
  REQUIRE(blocks.size() == 2);
  CHECK(blocks[0].ulid != ulid);
  CHECK(blocks[0].parents.size() == 1);
  CHECK(blocks[0].num_tombstones == 0);
  CHECK(blocks[0].num_samples == 20 * 72 - 5 * 25);
  CHECK(same(read_all(*db), before));
}

TEST_CASE("compaction: blocks of which nothing is left are deleted without a child") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents gone;
  Contents model;
  for (int i = 0; i < 4; ++i) {
    const std::string ulid =
        put_block(fs, kBegin + i * kRange, kBegin + (i + 1) * kRange, 2, i < 3 ? gone : model);
    if (i == 3) continue;
    const auto index = IndexReader::open(fs, "/data/" + ulid + "/index");
    REQUIRE(index);
    const auto all = *(*index)->postings("", "");
    const std::vector<Stone> stones = {{all[0], {}}, {all[1], {}}};
    auto file = fs.open_writable("/data/" + ulid + "/tombstones", io::OpenMode::create_truncate);
    REQUIRE((*file)->append(write_tombstones(stones)));
  }
  auto db = open_db(fs, clock, compacting_options());
  REQUIRE(db->run_background_once());
  CHECK(db->blocks().size() == 1);
  CHECK(block_directories(fs).size() == 1);
  CHECK(same(read_all(*db), model));
}

TEST_CASE("compaction: a block whose meta.json says deletable goes at the start") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  put_block(fs, kBegin, kBegin + kRange, 2, model);
  Contents gone;
  const std::string ulid = put_block(fs, kBegin + kRange, kBegin + 2 * kRange, 2, gone);
  auto meta = parse_block_meta(*fs.read_file("/data/" + ulid + "/meta.json"));
  REQUIRE(meta);
  meta->deletable = true;
  REQUIRE(io::replace_file(fs, "/data/" + ulid + "/meta.json", io::as_bytes(write_block_meta(*meta))));
  auto db = open_db(fs, clock, compacting_options());
  CHECK(!fs.exists("/data/" + ulid));
  CHECK(same(read_all(*db), model));
}

TEST_CASE("compaction: with a delay the head is cut later, and the blocks do not wait for it") {
  io::FaultFileSystem fs;
  ManualClock clock(kNow);
  Contents model;
  DbOptions options = compacting_options();
  options.compaction_delay_percent = 100;
  auto db = open_db(fs, clock, options);
  for (int step = 0; step < 4 * 60; ++step) REQUIRE(scrape(*db, 2, step, model));
  REQUIRE(db->run_background_once());
  clock.advance(kRange);
  REQUIRE(db->run_background_once());
  CHECK(db->blocks().size() == 1);
  CHECK(same(read_all(*db), model));
}

}  // namespace
}  // namespace narthex::tsdb

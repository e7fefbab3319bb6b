// What is deleted when it is too old or too much, and what counts.
#include <doctest/doctest.h>
#include <prometheus/registry.h>

#include "telemetry/metrics_text.h"
#include "tests/tsdb/db/block_disk.h"
#include "tests/tsdb/why.h"
#include "tsdb/db.h"

namespace narthex::tsdb {
namespace {

TEST_CASE("retention: beyond the size the oldest blocks go; log and quarantine count") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  for (int i = 0; i < 6; ++i) put_block(fs, kBegin + i * kRange, kBegin + (i + 1) * kRange, 20, model, i);
  prometheus::Registry registry;
  DbOptions options = quiet_options();
  options.retention = {};
  auto opened = Db::open(fs, "/data", options, clock, &registry);
  REQUIRE_MESSAGE(opened, why(opened));
  auto& db = **opened;
  const auto metric = [&](const std::string& line) {
    return telemetry::metrics_text(registry).find(line + "\n") != std::string::npos;
  };
  REQUIRE(db.run_background_once());
  CHECK(db.blocks().size() == 6);
  std::uint64_t block_bytes = 0;
  for (const auto& file : {"/index", "/chunks/000001", "/tombstones", "/meta.json"})
    block_bytes += *fs.file_size("/data/" + db.blocks()[0].ulid + file);

  // Room for four, and for what an empty head has in its log.
  db.set_retention({.size_bytes = 4 * block_bytes + block_bytes / 2});
  REQUIRE(db.run_background_once());
  CHECK(db.blocks().size() == 4);
  CHECK(db.blocks().front().mint == kBegin + 2 * kRange);
  CHECK(block_directories(fs).size() == 4);
  CHECK(metric("prometheus_tsdb_size_retentions_total 1"));
  CHECK(metric("prometheus_tsdb_time_retentions_total 0"));
  CHECK(metric("prometheus_tsdb_retention_limit_bytes " + std::to_string(4 * block_bytes + block_bytes / 2)));

  for (const std::string part : {"narthex/quarantine", "wbl", "chunks_head"}) {
    CAPTURE(part);
    REQUIRE(fs.make_directories("/data/" + part));
    auto file = fs.open_writable("/data/" + part + "/junk", io::OpenMode::create_new);
    REQUIRE((*file)->append(std::vector<std::byte>(block_bytes / 4)));
  }
  REQUIRE(db.run_background_once());
  CHECK(db.blocks().size() == 3);

  // A share of the disk goes before the size.
  fs.set_disk_bytes(block_bytes * 30);
  db.set_retention({.size_bytes = 1, .percentage = 10});
  REQUIRE(db.run_background_once());
  CHECK(db.blocks().size() == 2);
  CHECK(metric("prometheus_tsdb_retention_limit_percentage 10"));
  CHECK(metric("prometheus_tsdb_size_retentions_total 3"));

  // Of a disk that does not say how large it is there is no share: the size it is.
  fs.set_judge([](io::Operation op, const std::string& path) -> std::optional<Error> {
    if (op == io::Operation::space) return Error{Code::io, path + ": Function not implemented", {}};
    return std::nullopt;
  });
  db.set_retention({.size_bytes = 1 << 30, .percentage = 1e-6});
  REQUIRE(db.run_background_once());
  CHECK(db.blocks().size() == 2);
}

TEST_CASE("retention: a new time limit is heeded by the next round") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  for (int i = 0; i < 6; ++i) put_block(fs, kBegin + i * kRange, kBegin + (i + 1) * kRange, 2, model, i);
  auto db = open_db(fs, clock);
  db->set_retention({.time = 2 * kRange});
  CHECK(db->blocks().size() == 6);
  REQUIRE(db->run_background_once());
  REQUIRE(db->blocks().size() == 2);
  CHECK(db->blocks().front().mint == kBegin + 4 * kRange);
}

TEST_CASE("retention: a block that cannot be deleted now is deleted later, and not queried meanwhile") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  Contents model;
  Contents gone;
  const std::string old = put_block(fs, kBegin, kBegin + kRange, 2, gone);
  put_block(fs, kBegin + 5 * kRange, kBegin + 6 * kRange, 2, model);
  DbOptions options = quiet_options();
  options.retention = {.time = 2 * kRange};
  auto db = open_db(fs, clock, options);
  fs.set_judge([&](io::Operation op, const std::string& path) -> std::optional<Error> {
    if (op == io::Operation::rename && path.find(old) != std::string::npos)
      return Error{Code::io, path + ": Input/output error", {}};
    return std::nullopt;
  });
  CHECK(!db->run_background_once());
  CHECK(same(read_all(*db), model));
  CHECK(fs.exists("/data/" + old));
  fs.set_judge(nullptr);
  REQUIRE(db->run_background_once());
  CHECK(same(read_all(*db), model));
  CHECK(block_directories(fs).size() == 1);
}

}  // namespace
}  // namespace narthex::tsdb

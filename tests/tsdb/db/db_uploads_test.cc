// Blocks that wait for somebody to upload them are not compacted.
#include <doctest/doctest.h>

#include "tests/tsdb/db/block_disk.h"
#include "tests/tsdb/directory_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/compact/upload_list.h"
#include "tsdb/db.h"

namespace narthex::tsdb {
namespace {

constexpr const char* kList = "/thanos/uploaded.json";

void write_list(io::FileSystem& fs, const std::vector<std::string>& ulids) {
  std::string text;
  for (const std::string& ulid : ulids) text += (text.empty() ? "" : ",") + ("\"" + ulid) + "\"";
  write_file(fs, kList, io::as_bytes(R"({"version":1,"uploaded":[)" + text + "]}"));
}

TEST_CASE("uploads: blocks are merged once all of them are in the list") {
  io::FaultFileSystem fs;
  const ManualClock clock(kStart);
  Contents model;
  std::vector<std::string> ulids;
  for (int i = 0; i < 4; ++i)
    ulids.push_back(put_block(fs, kBegin + i * kRange, kBegin + (i + 1) * kRange, 2, model, i));
  write_list(fs, {});
  DbOptions options = quiet_options();
  options.max_block_range = 9 * kRange;
  options.upload_list = kList;
  auto db = open_db(fs, clock, options);
  const auto blocks_after_a_round = [&] {
    REQUIRE(db->run_background_once());
    return db->blocks().size();
  };
  CHECK(blocks_after_a_round() == 4);
  // The second one waits, and with it those behind it.
  write_list(fs, {ulids[0], ulids[2], ulids[3]});
  CHECK(blocks_after_a_round() == 4);
  // The newest of those that may be compacted is left alone, as always.
  write_list(fs, {ulids[0], ulids[1], ulids[2]});
  CHECK(blocks_after_a_round() == 4);
  write_list(fs, ulids);
  CHECK(blocks_after_a_round() == 2);
  CHECK(db->blocks().front().level == 2);
  CHECK(same(read_all(*db), model));
}

TEST_CASE("uploads: a list that cannot be read holds nothing back, and merged blocks need not be in it") {
  io::FaultFileSystem fs;
  std::vector<BlockMeta> blocks(3);
  for (int i = 0; i < 3; ++i) blocks[static_cast<std::size_t>(i)].ulid = make_ulid(kStart + i);
  blocks[1].level = 2;
  const UploadList list(fs, kList);
  CHECK(UploadList(fs, "").compactable(blocks).size() == 3);
  const struct {
    std::string text;
    std::size_t want;
  } rows[] = {
      {"", 3},
      {"no json", 3},
      {"[]", 3},
      {R"({"uploaded": 7})", 3},
      {R"({"uploaded": [7]})", 3},
      {"{}", 0},
      {R"({"uploaded": null})", 0},
      {R"({"uploaded": [")" + blocks[0].ulid + R"("]})", 2},
      {R"({"uploaded": [")" + blocks[0].ulid + R"(", ")" + blocks[2].ulid + R"("]})", 3},
  };
  CHECK(list.compactable(blocks).size() == 3);
  for (const auto& row : rows) {
    CAPTURE(row.text);
    write_file(fs, kList, io::as_bytes(row.text));
    CHECK(list.compactable(blocks).size() == row.want);
  }
}

}  // namespace
}  // namespace narthex::tsdb

// Whole blocks from sources, compared with a plain merge; stopping and failing midway.
#include "tsdb/compact/block_populator.h"

#include <doctest/doctest.h>

#include "io/fault_file_system.h"
#include "tests/tsdb/compact/compact_fixture.h"
#include "tsdb/block/block.h"

namespace narthex::tsdb {
namespace {

std::vector<std::unique_ptr<ChunkSource>> as_sources(const std::vector<PlainSource>& plain) {
  std::vector<std::unique_ptr<ChunkSource>> sources;
  for (const PlainSource& p : plain) sources.push_back(std::make_unique<ValueSource>(p));
  return sources;
}

TEST_CASE("populating: a block holds what its sources do, whatever overlaps or is deleted") {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::vector<PlainSource> plain;
    for (std::uint32_t i = 0; i <= seed % 4; ++i) {
      const auto begin = static_cast<Timestamp>(random() % 4000);
      plain.push_back(
          make_source(random, begin, begin + 1 + static_cast<Timestamp>(random() % 6000), seed % 3 == 0));
    }
    io::FaultFileSystem fs;
    const BlockMeta meta = make_meta(500, 7000);
    PopulateOptions options;
    options.join_small_chunks = seed % 2 == 0;
    std::uint64_t chunks = 0;
    options.on_chunk = [&](const ChunkToWrite&) { ++chunks; };
    const auto written = populate_block(fs, "/data", meta, as_sources(plain), options);
    REQUIRE_MESSAGE(written, why(written));
    const PlainSeries want = merge_plainly(plain, {500, 6999});
    REQUIRE(written->has_value() == !want.empty());
    if (want.empty()) {
      CHECK(!fs.exists("/data/" + meta.ulid));
      continue;
    }
    const auto block = open_block(fs, "/data/" + meta.ulid);
    CHECK(read_block(*block) == want);
    std::uint64_t samples = 0;
    for (const auto& series : want) samples += series.second.size();
    CHECK((*written)->num_samples == samples);
    CHECK((*written)->num_float_samples == samples);
    CHECK((*written)->num_series == want.size());
    CHECK((*written)->num_chunks == chunks);
    CHECK(write_block_meta(block->meta()) == write_block_meta(**written));

    // And the block as a source gives the same block again.
    std::vector<std::unique_ptr<ChunkSource>> again;
    again.push_back(block->chunk_source({500, 6999}));
    const auto copied = populate_block(fs, "/copy", meta, std::move(again), {});
    REQUIRE_MESSAGE(copied, why(copied));
    for (const char* file : {"/index", "/chunks/000001", "/meta.json"}) {
      CHECK(fs.read_file("/copy/" + meta.ulid + file).value() ==
            fs.read_file("/data/" + meta.ulid + file).value());
    }
  }
}

TEST_CASE("populating: chunk files end where they are told to") {
  io::FaultFileSystem fs;
  std::mt19937 random(7);
  const std::vector<PlainSource> plain = {make_source(random, 0, 8000, false)};
  PopulateOptions options;
  options.segment_bytes = 2000;
  REQUIRE(populate_block(fs, "/data", make_meta(0, 10'000), as_sources(plain), options));
  const auto files = fs.list("/data/" + make_meta(0, 0).ulid + "/chunks");
  REQUIRE(files);
  CHECK(files->size() > 2);
  for (const auto& file : *files) CHECK(file.size_bytes <= 2000);
  CHECK(read_block(*open_block(fs, "/data/" + make_meta(0, 0).ulid)) == merge_plainly(plain, {0, 9999}));
}

TEST_CASE("populating: stopped midway, it leaves nothing behind") {
  io::FaultFileSystem fs;
  std::mt19937 random(3);
  const std::vector<PlainSource> plain = {make_source(random, 0, 8000, false)};
  const sync::StopSource stop;
  PopulateOptions options;
  options.stop = stop.token();
  options.on_chunk = [&](const ChunkToWrite&) { stop.stop(sync::StopReason::shutdown); };
  const auto written = populate_block(fs, "/data", make_meta(0, 10'000), as_sources(plain), options);
  REQUIRE(!written);
  CHECK(written.error().code == Code::cancelled);
  CHECK(fs.list("/data").value().empty());
}

TEST_CASE("populating: whatever fails, there is a whole block or none") {
  std::mt19937 random(5);
  const std::vector<PlainSource> plain = {make_source(random, 0, 3000, false),
                                          make_source(random, 1000, 4000, true)};
  const std::string ulid = make_meta(0, 0).ulid;
  for (int allowed = 0;; ++allowed) {
    CAPTURE(allowed);
    io::FaultFileSystem fs;
    REQUIRE(fs.make_directories("/data"));
    REQUIRE(fs.sync_directory("/"));
    int left = allowed;
    fs.set_judge([&](io::Operation, const std::string&) -> std::optional<Error> {
      if (left-- > 0) return std::nullopt;
      return Error{Code::io, "the disk is gone", {}};
    });
    const bool done = populate_block(fs, "/data", make_meta(0, 10'000), as_sources(plain), {}).has_value();
    fs.set_judge(nullptr);
    fs.crash();
    if (done || fs.exists("/data/" + ulid)) {
      CHECK(read_block(*open_block(fs, "/data/" + ulid)) == merge_plainly(plain, {0, 9999}));
    }
    if (done) break;
    REQUIRE(allowed < 200);
  }
}

TEST_CASE("populating: a source out of order is reported, not written") {
  class Unordered final : public ChunkSource {
   public:
    Result<void> symbols(std::vector<std::string>& out) override {
      out.insert(out.end(), {"a", "1", "2"});
      return {};
    }
    Result<bool> next(SourceSeries& out) override {
      out.clear();
      if (given_ == 2) return false;
      out.labels = Labels{{"a", given_++ == 0 ? "2" : "1"}};
      out.chunks.push_back({0, 0, kXorEncoding, bytes_});
      return true;
    }

   private:
    int given_ = 0;
    std::vector<std::byte> bytes_ = encode_chunk(std::vector<PlainSample>{{0, 1}});
  };
  io::FaultFileSystem fs;
  std::vector<std::unique_ptr<ChunkSource>> sources;
  sources.push_back(std::make_unique<Unordered>());
  const auto written = populate_block(fs, "/data", make_meta(0, 10), std::move(sources), {});
  REQUIRE(!written);
  CHECK(written.error().code == Code::corruption);
  CHECK(written.error().text.find("does not come behind") != std::string::npos);
}

}  // namespace
}  // namespace narthex::tsdb

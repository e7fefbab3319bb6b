// A start with chunks in files: they are taken over, the log fills what they lack, and a file that
// is damaged, cut or gone loses nothing.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "io/fault_file_system.h"
#include "tests/tsdb/head/replay_fixture.h"
#include "tests/tsdb/peer.h"
#include "tsdb/chunk/xor_chunk.h"
#include "tsdb/head/head_shard.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {
namespace {

/// Of the chunks of each reference, none begins before the end of the one before.
void check_order(io::FileSystem& fs) {
  const auto files = HeadChunkFiles::open(fs, "/data" + kChunks, nullptr);
  REQUIRE(files);
  std::map<WalRef, Timestamp> ends;
  REQUIRE((*files)->load([&](const HeadChunk& c, HeadChunkPlace) {
    const auto [at, is_new] = ends.try_emplace(c.series, c.range.maxt);
    if (!is_new) CHECK(c.range.mint > at->second);
    at->second = c.range.maxt;
  }));
}

TEST_CASE("chunks in files: taken over at every start, and the head is what it was") {
  for (const std::size_t threads : {1U, 3U}) {
    CAPTURE(threads);
    io::FaultFileSystem fs;
    int step = 0;
    Contents before;
    for (int run = 0; run < 6; ++run) {
      CAPTURE(run);
      Run r(fs, "/data", threads);
      if (run > 0) {
        CHECK(same(r.contents(), before));
        CHECK(r.loaded.chunks > 0);
        CHECK(r.loaded.damaged == 0);
        CHECK(r.head.mint() == kStart);
        CHECK(r.head.maxt() == kStart + (step - 1) * kStep);
      }
      for (int i = 0; i < 170; ++i, ++step) {
        r.scrape(run % 2 == 0 ? 200 : 150, step);
        if (step % 40 == 0) REQUIRE(r.head.map_chunks());
      }
      before = r.contents();
    }
    check_order(fs);
  }
}

TEST_CASE("chunks in files: those that blocks hold are left alone") {
  io::FaultFileSystem fs;
  {
    Run r(fs, "/data", 1);
    for (int step = 0; step < 700; ++step) r.scrape(5, step);
    REQUIRE(r.head.map_chunks());
  }
  Run r(fs, "/data", 1, kStart + kRange);
  const Contents all = r.contents();
  REQUIRE(all.size() == 5);
  for (const auto& [labels, points] : all) {
    CHECK(points.front().first == kStart + kRange);
    CHECK(points.size() == 220);
  }
  CHECK(r.head.mint() == kStart + kRange);
}

TEST_CASE("chunks in files: cut, damaged or lost files lose nothing that the log has") {
  const auto cut_at = [](io::FaultFileSystem& fs, const std::string& path, std::uint64_t size) {
    const auto file = fs.open_writable(path, io::OpenMode::append);
    REQUIRE(file);
    REQUIRE((*file)->truncate(size));
  };
  // What is done to the files, given where chunks begin in the first one.
  using Harm = std::function<void(io::FaultFileSystem&, const std::vector<std::uint32_t>&)>;
  const Harm harms[] = {
      [&](auto& fs, const auto& at) { cut_at(fs, "/data/chunks_head/000001", at[5]); },
      [&](auto& fs, const auto& at) { cut_at(fs, "/data/chunks_head/000001", at[at.size() / 2]); },
      [&](auto& fs, const auto&) { cut_at(fs, "/data/chunks_head/000001", 8); },
      [&](auto& fs, const auto& at) { cut_at(fs, "/data/chunks_head/000001", at[7] + 20); },
      [&](auto& fs, const auto&) { REQUIRE(fs.remove_file("/data/chunks_head/000001")); },
      [&](auto& fs, const auto&) { REQUIRE(fs.remove_file("/data/chunks_head/000002")); },
      [&](auto& fs, const auto&) { REQUIRE(fs.remove_tree("/data/chunks_head")); },
  };
  for (std::size_t h = 0; h < std::size(harms); ++h) {
    CAPTURE(h);
    io::FaultFileSystem fs;
    Contents before;
    std::vector<std::uint32_t> begins;
    {
      Run r(fs, "/data", 1);
      for (int step = 0; step < 700; ++step) {
        r.scrape(20, step);
        if (step % 200 != 199) continue;
        REQUIRE(r.head.map_chunks());
        r.files->cut();
      }
      before = r.contents();
      REQUIRE(r.files->load([&](const HeadChunk&, HeadChunkPlace place) {
        if (place.file == 1) begins.push_back(place.offset);
      }));
    }
    harms[h](fs, begins);
    {
      Run r(fs, "/data", 2);
      CHECK(same(r.contents(), before));
      for (int step = 700; step < 1000; ++step) r.scrape(20, step);
      REQUIRE(r.head.map_chunks());
      before = r.contents();
    }
    check_order(fs);
    Run r(fs, "/data", 2);
    CHECK(same(r.contents(), before));
    CHECK(r.loaded.damaged == 0);
  }
}

TEST_CASE("chunks in files: what only they have stays, and the next samples are judged by it") {
  io::FaultFileSystem fs;
  Contents before;
  {
    Run r(fs, "/data", 1);
    for (int step = 0; step < 500; ++step) r.scrape(3, step);
    REQUIRE(r.head.map_chunks());
    before = r.contents();
  }
  // The log loses its end: more than the open chunks.
  const auto log = fs.open_writable("/data/wal/00000000", io::OpenMode::append);
  REQUIRE((*log)->truncate((*log)->size() / 2));
  Run r(fs, "/data", 1);
  const Contents after = r.contents();
  REQUIRE(after.size() == 3);
  Timestamp newest = kMinTime;
  double value = 0;
  for (const auto& [labels, points] : after) {
    const Points& all = before.at(labels);
    CHECK(points.size() > all.size() / 2);
    CHECK(std::equal(points.begin(), points.end(), all.begin()));
    if (labels.find("metric_1\"") != std::string::npos) std::tie(newest, value) = points.back();
  }
  const struct {
    Timestamp t;
    double v;
    std::optional<storage::AppendFault> fault;
  } rows[] = {{newest - 1, 1, storage::AppendFault::out_of_order},
              {newest, value, std::nullopt},
              {newest, value + 1, storage::AppendFault::duplicate_timestamp},
              {newest + 1, 5, std::nullopt}};
  for (const auto& row : rows) {
    CAPTURE(row.t - newest);
    auto appender = r.head.appender();
    appender->append(*appender->series(series_labels(1)), row.t, row.v);
    const auto stats = appender->commit();
    REQUIRE(stats);
    CHECK(stats->refused.empty() == !row.fault.has_value());
    if (row.fault && !stats->refused.empty()) CHECK(stats->refused[0].fault == *row.fault);
  }
}

TEST_CASE("chunks in files: two references of one series, and references that nothing names") {
  io::FaultFileSystem fs;
  Contents before;
  {
    Run r(fs, "/data", 1);
    for (int step = 0; step < 300; ++step) r.scrape(3, step);
    REQUIRE(r.head.map_chunks());
    // The series is named once more, under another reference, which has a chunk, too.
    std::vector<std::byte> record;
    const SeriesRecord again{900, series_labels(1)};
    encode_series({&again, 1}, record);
    REQUIRE(r.wal->log(record));
    record.clear();
    const SampleRecord later[] = {{900, kStart + 5000 * kStep, 1}, {900, kStart + 5001 * kStep, 2}};
    encode_samples(later, record);
    REQUIRE(r.wal->log(record));
    std::array<std::byte, 100> bytes{};
    XorState state;
    for (const SampleRecord& s : later) xor_append(state, bytes.data(), s.t, s.v);
    const io::Bytes data(bytes.data(), state.size_bytes());
    const HeadChunk chunks[] = {
        {900, {later[0].t, later[1].t}, kXorEncoding, false, data},
        {901, {later[0].t, later[1].t}, kXorEncoding, false, data},
    };
    REQUIRE(r.files->append(chunks));
    before = r.contents();
    auto& points = before.at(series_labels(1).to_string());
    for (const SampleRecord& s : later) points.emplace_back(s.t, s.v);
  }
  for (int i = 0; i < 2; ++i) {
    Run r(fs, "/data", 2);
    CHECK(same(r.contents(), before));
    CHECK(r.report.gone_refs == std::vector<WalRef>{900});
    // No new series gets a reference that a chunk names.
    if (i == 0) CHECK(r.head.state().last_ref.load() >= 901);
  }
}

TEST_CASE("chunks in files: a record like covered ones is looked at once a series of it was deleted") {
  io::FaultFileSystem fs;
  {
    Run r(fs, "/data", 1);
    for (int step = 0; step < 300; ++step) r.scrape(3, step);
    REQUIRE(r.head.map_chunks());
    TimeRange last;
    REQUIRE(r.files->load([&](const HeadChunk& chunk, HeadChunkPlace) { last = chunk.range; }));
    const Timestamp inside = last.mint + (last.maxt - last.mint) / 2;
    std::vector<SampleRecord> samples;
    auto appender = r.head.appender();
    for (std::size_t s = 0; s < 3; ++s)
      samples.push_back({generation_of(*appender->series(series_labels(s))), inside, 7});
    std::vector<std::byte> record;
    const TombstoneRecord tombstone{samples[1].ref, {}};
    encode_tombstones({&tombstone, 1}, record);
    REQUIRE(r.wal->log(record));
    record.clear();
    encode_samples(samples, record);
    REQUIRE(r.wal->log(record));
  }
  Run r(fs, "/data", 2);
  CHECK(r.report.samples == 301 * 3);
  CHECK(r.report.unknown_refs == 1);
  const Contents contents = r.contents();
  CHECK(contents.size() == 2);
  // What the others have at that time is what they had.
  for (const std::size_t s : {0U, 2U}) CHECK(contents.at(series_labels(s).to_string()).size() == 300);
}

TEST_CASE("peers: promtool reads a directory with head chunks of ours, and finds nothing to complain about") {
  const std::string promtool = find_promtool();
  if (promtool.empty()) return;
  const TemporaryFolder folder;
  std::vector<std::string> want;
  {
    Run r(io::local_file_system(), folder.path(), 1);
    for (int step = 0; step < 700; ++step) {
      r.scrape(7, step);
      if (step % 100 == 99) REQUIRE(r.head.map_chunks());
      for (std::size_t s = 0; s < 7; ++s) {
        const double v = s % 3 == 0 ? 1.0 : static_cast<double>((step * 7919) % 1000) / 8;
        want.push_back(dump_line(series_labels(s), kStart + step * kStep, v));
      }
    }
    CHECK(r.files->size_bytes() > 1000);
  }
  std::ranges::sort(want);
  CHECK(dump(promtool, folder.path()) == want);
  std::ifstream log(folder.path() + "/peer.log");
  const std::string said((std::istreambuf_iterator<char>(log)), {});
  CAPTURE(said);
  CHECK(said.find("level=error") == std::string::npos);
  CHECK(said.find("level=warn") == std::string::npos);
}

}  // namespace
}  // namespace narthex::tsdb

// Full chunks go from memory to files while everything else goes on.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "io/fault_file_system.h"
#include "tests/tsdb/head/head_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/head/head.h"

namespace narthex::tsdb {
namespace {

constexpr DurationMs kRange = 2 * 3600 * 1000;
constexpr Timestamp kStart = 1'700'000'000'000 / kRange * kRange;
constexpr DurationMs kStep = 15'000;

struct Disk {
  io::FaultFileSystem fs;
  std::unique_ptr<HeadChunkFiles> files;

  Disk() {
    auto opened = HeadChunkFiles::open(fs, "/data/chunks_head", nullptr);
    REQUIRE(opened);
    files = std::move(*opened);
    REQUIRE(files->load([](const HeadChunk&, HeadChunkPlace) {}));
  }
};

void scrape(Head& head, std::size_t series, int step) {
  auto appender = head.appender();
  for (std::size_t s = 0; s < series; ++s) {
    appender->append(*appender->series(series_labels(s)), kStart + step * kStep,
                     s % 3 == 0 ? 1.0 : static_cast<double>((step * 7919) % 1000) / 8);
  }
  REQUIRE(appender->commit());
}

TEST_CASE("mapping: what queries see does not change, and memory gets free") {
  Disk disk;
  Head plain({}, nullptr);
  Head head({}, nullptr);
  head.use_chunk_files(*disk.files);
  std::size_t mapped = 0;
  for (int step = 0; step < 700; ++step) {
    scrape(plain, 20, step);
    scrape(head, 20, step);
    if (step % 50 != 49) continue;
    const auto done = head.map_chunks();
    REQUIRE_MESSAGE(done, why(done));
    mapped += *done;
    CHECK(head.unmapped_bytes() == 0);
    const TimeRange asked{kStart + step * kStep / 3, kStart + step * kStep / 2};
    CHECK(same(read(*head.querier({}), {everything()}), read(*plain.querier({}), {everything()})));
    CHECK(same(read(*head.querier(asked), {everything()}), read(*plain.querier(asked), {everything()})));
  }
  CHECK(mapped == head.stats().chunks - 20);
  CHECK(mapped > 100);
  CHECK(head.stats().chunks == plain.stats().chunks);
}

TEST_CASE("mapping: open chunks go to files as well when all shall, and series go on behind them") {
  Disk disk;
  Head plain({}, nullptr);
  Head head({}, nullptr);
  head.use_chunk_files(*disk.files);
  for (int step = 0; step < 300; ++step) {
    scrape(plain, 20, step);
    scrape(head, 20, step);
    if (step % 70 != 9) continue;
    REQUIRE(head.map_all_chunks());
    const std::uint64_t chunks = head.stats().chunks;
    const auto again = head.map_all_chunks();
    REQUIRE_MESSAGE(again, why(again));
    CHECK(*again == 0);
    CHECK(head.stats().chunks == chunks);
    CHECK(head.unmapped_bytes() == 0);
    CHECK(same(read(*head.querier({}), {everything()}), read(*plain.querier({}), {everything()})));
  }
  CHECK(head.stats().chunks > plain.stats().chunks);
  // The newest sample is known still: the same again is none, another value is refused.
  REQUIRE(head.map_all_chunks());
  auto appender = head.appender();
  const Timestamp newest = kStart + 299 * kStep;
  appender->append(*appender->series(series_labels(0)), newest, 1.0);
  appender->append(*appender->series(series_labels(0)), newest, 2.0);
  const auto stats = appender->commit();
  REQUIRE(stats);
  REQUIRE(stats->refused.size() == 1);
  CHECK(stats->refused[0].index == 1);
  CHECK(stats->refused[0].fault == storage::AppendFault::duplicate_timestamp);
}

TEST_CASE("mapping: an open reader keeps the bytes it may have borrowed") {
  Disk disk;
  Head head({}, nullptr);
  head.use_chunk_files(*disk.files);
  for (int step = 0; step < 300; ++step) scrape(head, 5, step);
  {
    const auto source = head.chunk_source({});
    SourceSeries series;
    REQUIRE(*source->next(series));
    std::vector<std::string> before;
    for (const ChunkToWrite& c : series.chunks) before.emplace_back(io::as_text(c.bytes));
    REQUIRE(*head.map_chunks() > 0);
    for (int step = 300; step < 600; ++step) scrape(head, 5, step);
    REQUIRE(*head.map_chunks() > 0);
    CHECK(head.unmapped_bytes() > 0);
    for (std::size_t i = 0; i < before.size(); ++i) CHECK(io::as_text(series.chunks[i].bytes) == before[i]);
  }
  REQUIRE(head.map_chunks());
  CHECK(head.unmapped_bytes() == 0);
}

TEST_CASE("mapping: on a full disk chunks stay in memory, and go when there is room") {
  Disk disk;
  disk.fs.set_short_write(true);
  Head head({}, nullptr);
  head.use_chunk_files(*disk.files);
  for (int step = 0; step < 300; ++step) scrape(head, 30, step);
  const Contents all = read(*head.querier({}), {everything()});
  disk.fs.set_free_bytes(1000);
  CHECK(!head.map_chunks());
  CHECK(head.unmapped_bytes() > 0);
  CHECK(same(read(*head.querier({}), {everything()}), all));
  disk.fs.set_free_bytes(-1);
  REQUIRE(head.map_chunks());
  CHECK(head.unmapped_bytes() == 0);
  CHECK(same(read(*head.querier({}), {everything()}), all));
}

TEST_CASE("mapping: files go when the head is truncated, and the rest is read as before") {
  Disk disk;
  Head head({}, nullptr);
  head.use_chunk_files(*disk.files);
  for (int range = 0; range < 5; ++range) {
    for (int step = 0; step < 480; ++step) {
      scrape(head, 10, range * 480 + step);
      if (step % 100 == 0) REQUIRE(head.map_chunks());
    }
    const Timestamp cut = kStart + range * kRange;
    const Contents kept = read(*head.querier({cut, kMaxTime}), {everything()}, {cut, kMaxTime});
    head.refuse_before(cut);
    head.hide_before(cut);
    REQUIRE(head.collect());
    REQUIRE(head.truncate_chunk_files());
    CHECK(same(read(*head.querier({}), {everything()}), kept));
    // Its own range, the one before, and the file that spans both.
    CHECK(disk.files->files().size() <= 3);
  }
  CHECK(disk.files->files().front().number > 1);
}

TEST_CASE("mapping: a damaged chunk in a file is an error that names the place") {
  Disk disk;
  Head head({}, nullptr);
  head.use_chunk_files(*disk.files);
  for (int step = 0; step < 200; ++step) scrape(head, 1, step);
  REQUIRE(head.map_chunks());
  {
    const auto file = disk.fs.open_writable("/data/chunks_head/000001", io::OpenMode::append);
    REQUIRE((*file)->write_at(40, io::as_bytes("x")));
  }
  LabelPool pool;
  const auto querier = head.querier({});
  const auto set = querier->select({}, std::vector{everything()}, pool, {});
  REQUIRE(set);
  storage::SampleColumns out;
  const auto failed = (*set)->samples(0, {}, out);
  REQUIRE(!failed);
  CHECK(failed.error().code == Code::corruption);
  CHECK(failed.error().text.find("000001") != std::string::npos);
}

TEST_CASE("mapping: runs beside commits and queries") {
  Disk disk;
  Head head({}, nullptr);
  head.use_chunk_files(*disk.files);
  std::atomic<int> done{0};
  constexpr int kSteps = 1200;
  std::thread writer([&] {
    for (int step = 0; step < kSteps; ++step) {
      scrape(head, 40, step);
      done.store(step + 1);
    }
  });
  std::thread mapper([&] {
    while (done.load() < kSteps) REQUIRE(head.map_chunks());
  });
  while (done.load() < kSteps) {
    const int before = done.load();
    for (const auto& [labels, points] : read(*head.querier({}), {everything()})) {
      REQUIRE(points.size() >= static_cast<std::size_t>(before));
      for (std::size_t i = 0; i < points.size(); ++i) {
        REQUIRE(points[i].first == kStart + static_cast<int>(i) * kStep);
      }
    }
  }
  writer.join();
  mapper.join();
}

}  // namespace
}  // namespace narthex::tsdb

// Late samples over a restart: their log, its markers, and chunks in files that may be lost.
#include <doctest/doctest.h>

#include <memory>

#include "io/fault_file_system.h"
#include "tests/tsdb/head/head_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/head/head.h"
#include "tsdb/wal/record.h"
#include "tsdb/wal/wal.h"
#include "tsdb/wal_replay.h"

namespace narthex::tsdb {
namespace {

constexpr Timestamp kNow = 1'700'000'000'000;
const std::string kWal = "/data/wal";
const std::string kLate = "/data/wbl";

/// A head over a disk, as the database sets it up.
struct Run {
  std::unique_ptr<HeadChunkFiles> files;
  std::unique_ptr<Wal> wal;
  std::unique_ptr<Wal> late;
  Head head{{}, nullptr};
  ReplayReport report;

  explicit Run(io::FileSystem& fs) {
    auto opened = HeadChunkFiles::open(fs, "/data/chunks_head", nullptr);
    REQUIRE(opened);
    files = std::move(*opened);
    head.use_chunk_files(*files);
    REQUIRE(fs.make_directories(kWal));
    REQUIRE(repair_wal(fs, kWal, "/data/quarantine"));
    REQUIRE(repair_wal(fs, kLate, "/data/quarantine"));
    REQUIRE(head.replay_chunk_files());
    auto replayed = replay_wal(fs, kWal, head, 1, kLate);
    REQUIRE_MESSAGE(replayed, why(replayed));
    report = *replayed;
    REQUIRE(head.tidy_chunk_files());
    wal = open_log(fs, kWal);
    late = open_log(fs, kLate);
    head.start_logging(*wal);
    head.start_out_of_order_log(*late);
    head.set_out_of_order_window(3'600'000);
  }
  static std::unique_ptr<Wal> open_log(io::FileSystem& fs, const std::string& dir) {
    auto log = Wal::open(fs, dir, {}, nullptr);
    REQUIRE(log);
    return std::move(*log);
  }

  void append(std::size_t series, std::vector<Timestamp> times) {
    const auto appender = head.appender();
    const auto ref = *appender->series(series_labels(series));
    for (const Timestamp t : times) appender->append(ref, t, static_cast<double>(t % 1000));
    const auto stats = appender->commit();
    REQUIRE(stats);
    REQUIRE(stats->refused.empty());
  }
  Contents contents() {
    const auto querier = head.querier({});
    return read(*querier, {everything()});
  }
  std::size_t count_closed(bool mapped) {
    std::size_t chunks = 0;
    const sync::MutexLock lock(head.state().ooo_mutex);
    for (const auto& [ordinal, series] : head.state().ooo) {
      for (const OooChunk& c : series.chunks) chunks += c.is_mapped() == mapped;
    }
    return chunks;
  }
};

/// What a log says, as text: "mark 1:0 | samples 1 1 1 | ...".
std::string log_text(io::FileSystem& fs, const std::string& dir) {
  std::string text;
  const auto segments = list_segments(fs, dir);
  REQUIRE(segments);
  for (const std::uint32_t segment : *segments) {
    auto reader = WalReader::open(fs, dir + "/" + "0000000" + std::to_string(segment), segment, {});
    REQUIRE(reader);
    while (const auto record = reader->next()) {
      if (!text.empty()) text += " | ";
      if (record_type(*record) == RecordType::mmap_markers) {
        std::vector<MmapMarkerRecord> markers;
        REQUIRE(decode_mmap_markers(*record, markers));
        text += "mark";
        for (const auto& m : markers) text += " " + std::to_string(m.ref) + ":" + std::to_string(m.chunk);
      } else {
        std::vector<SampleRecord> samples;
        REQUIRE(decode_samples(*record, samples));
        text += "samples";
        for (const auto& s : samples) text += " " + std::to_string(s.ref);
      }
    }
  }
  return text;
}

std::string times(const char* text, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += text;
  return out;
}

/// One series with `late` late samples, one a commit.
void fill(Run& run, int late) {
  run.append(0, {kNow});
  for (int i = 1; i <= late; ++i) run.append(0, {kNow - i * 1000});
}

TEST_CASE("log of late samples: a marker stands between the samples of one chunk and those of the next") {
  io::FaultFileSystem fs;
  Run run(fs);
  fill(run, 33);
  const std::uint64_t place = std::uint64_t{1} << 32 | 8;
  CHECK(log_text(fs, kLate) == "mark 1:0 | samples 1" + times(" | samples 1", 31) +
                                   " | mark 1:" + std::to_string(place) + " | samples 1");
  CHECK(run.count_closed(true) == 1);
}

TEST_CASE("log of late samples: one batch may fill several chunks") {
  io::FaultFileSystem fs;
  Contents before;
  {
    Run run(fs);
    run.append(0, {kNow});
    std::vector<Timestamp> late;
    for (int i = 1; i <= 70; ++i) late.push_back(kNow - i * 1000);
    run.append(0, late);
    before = run.contents();
    CHECK(before.begin()->second.size() == 71);
    CHECK(run.count_closed(true) == 2);
  }
  Run again(fs);
  CHECK(same(again.contents(), before));
  CHECK(again.count_closed(true) == 2);
  CHECK(again.count_closed(false) == 0);
}

TEST_CASE("late samples: a restart finds them, those in files and those in the log, each once") {
  io::FaultFileSystem fs;
  Contents before;
  {
    Run run(fs);
    fill(run, 100);
    run.append(1, {kNow - 1000, kNow - 2000});
    before = run.contents();
  }
  for (int i = 0; i < 3; ++i) {
    Run again(fs);
    CHECK(same(again.contents(), before));
    CHECK(again.count_closed(true) == 3);
    CHECK(again.count_closed(false) == 0);
    again.append(0, {kNow - 200'000 - i});
    before = again.contents();
  }
}

TEST_CASE("late samples: a file of chunks that is gone, cut or damaged loses nothing") {
  const std::string file = "/data/chunks_head/000001";
  const struct {
    const char* name;
    std::function<void(io::FileSystem&)> damage;
  } rows[] = {
      {"gone", [&](io::FileSystem& fs) { REQUIRE(fs.remove_file(file)); }},
      {"cut",
       [&](io::FileSystem& fs) {
         auto opened = fs.open_writable(file, io::OpenMode::append);
         REQUIRE(opened);
         REQUIRE((*opened)->truncate((*opened)->size() - 5));
       }},
      {"flipped",
       [&](io::FileSystem& fs) {
         std::string bytes = *fs.read_file(file);
         bytes[60] = static_cast<char>(bytes[60] ^ 4);
         REQUIRE(io::replace_file(fs, file, io::as_bytes(bytes)));
       }},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    io::FaultFileSystem fs;
    Contents before;
    {
      Run run(fs);
      fill(run, 100);
      before = run.contents();
    }
    row.damage(fs);
    {
      Run again(fs);
      CHECK(same(again.contents(), before));
      // Other chunks come to lie where the lost ones were, and markers still name those places.
      for (int i = 0; i < 80; ++i) again.append(0, {kNow - 300'000 - i * 1000});
      before = again.contents();
    }
    Run third(fs);
    CHECK(same(third.contents(), before));
  }
}

TEST_CASE("late samples: a damaged record of their log is all that is lost") {
  io::FaultFileSystem fs;
  {
    Run run(fs);
    fill(run, 10);
  }
  const std::string segment = kLate + "/00000000";
  std::string bytes = *fs.read_file(segment);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  REQUIRE(io::replace_file(fs, segment, io::as_bytes(bytes)));
  Run again(fs);
  CHECK(again.contents().begin()->second.size() == 10);
  CHECK(fs.exists("/data/quarantine/wbl-00000000"));
}

TEST_CASE("late samples: chunks that cannot be written stay in memory, and go to a file later") {
  io::FaultFileSystem fs;
  Contents before;
  {
    Run run(fs);
    bool full = true;
    fs.set_judge([&full](io::Operation op, const std::string& path) -> std::optional<Error> {
      const bool writes = op != io::Operation::read && op != io::Operation::map && op != io::Operation::list;
      if (!full || !writes || !path.contains("chunks_head")) return std::nullopt;
      return Error{Code::io, "the disk is full", {}};
    });
    fill(run, 70);
    CHECK(run.count_closed(false) == 2);
    full = false;
    run.append(0, {kNow - 500'000, kNow - 500'001});
    for (int i = 0; i < 32; ++i) run.append(0, {kNow - 600'000 - i});
    CHECK(run.count_closed(false) == 0);
    CHECK(run.count_closed(true) == 3);
    before = run.contents();
    fs.set_judge(nullptr);
  }
  Run again(fs);
  CHECK(same(again.contents(), before));
  CHECK(again.count_closed(true) == 3);
}

TEST_CASE("late samples: a log that cannot be written is told to whoever commits") {
  io::FaultFileSystem fs;
  Run run(fs);
  run.append(0, {kNow});
  fs.set_judge([](io::Operation op, const std::string& path) -> std::optional<Error> {
    const bool writes = op != io::Operation::read && op != io::Operation::map && op != io::Operation::list;
    if (!writes || !path.contains("/wbl/")) return std::nullopt;
    return Error{Code::io, "the disk is full", {}};
  });
  const auto appender = run.head.appender();
  const auto ref = *appender->series(series_labels(0));
  appender->append(ref, kNow + 1000, 1);
  CHECK(appender->commit());
  appender->append(ref, kNow - 1000, 1);
  const auto stats = appender->commit();
  REQUIRE_FALSE(stats);
  CHECK(stats.error().code == Code::io);
  CHECK(stats.error().text.contains("logging samples that are out of order"));
  fs.set_judge(nullptr);
  appender->append(ref, kNow - 2000, 1);
  CHECK(appender->commit());
}

TEST_CASE("late samples: files of chunks stay while late ones lie in them") {
  io::FaultFileSystem fs;
  Run run(fs);
  fill(run, 33);
  REQUIRE(run.head.truncate_chunk_files());
  run.append(1, {kNow + 10'000'000});
  run.head.refuse_before(kNow + 1);
  run.head.hide_before(kNow + 1);
  REQUIRE(run.head.collect());
  REQUIRE(run.head.truncate_chunk_files());
  CHECK(fs.exists("/data/chunks_head/000001"));
  CHECK(run.contents().at(series_labels(0).to_string()).size() == 33);
  auto boundary = run.head.close_out_of_order();
  REQUIRE(boundary);
  run.head.hide_out_of_order_before(boundary->chunk);
  REQUIRE(run.head.collect());
  CHECK_FALSE(run.contents().contains(series_labels(0).to_string()));
}

}  // namespace
}  // namespace narthex::tsdb

#include "tsdb/wal/wal.h"

#include <doctest/doctest.h>
#include <prometheus/registry.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "tests/tsdb/wal/wal_fixture.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {
namespace {

const std::string kDir = "data/wal";

}  // namespace

TEST_CASE("WAL: records of all sizes come back in order, in every compression") {
  const std::size_t page = kWalPageBytes;
  std::vector<std::size_t> sizes = {0, 1, 100, page - 7, page - 8, page - 6, page, page + 1, 5 * page, 3};
  for (std::size_t i = 0; i < 200; ++i) sizes.push_back(i * 37 % 1500);
  auto texts = make_texts(sizes);
  texts.push_back(std::string(300'000, 'z'));
  for (const auto compression : {WalCompression::none, WalCompression::snappy, WalCompression::zstd}) {
    CAPTURE(static_cast<int>(compression));
    io::FaultFileSystem fs;
    const auto wal = open_wal(fs, kDir, {.compression = compression});
    for (const std::string& text : texts) REQUIRE(wal->log(io::as_bytes(text)));
    REQUIRE(log_texts(*wal, texts));
    const ReadBack got = read_all(fs, kDir);
    CHECK(got.damage.empty());
    auto twice = texts;
    twice.insert(twice.end(), texts.begin(), texts.end());
    CHECK(got.records == twice);
  }
}

TEST_CASE("WAL: the bytes on disk are type, length, checksum and data, padded to whole pages") {
  io::FaultFileSystem fs;
  const auto wal = open_wal(fs, kDir, {.compression = WalCompression::none});
  REQUIRE(wal->log(io::as_bytes("abc")));
  auto content = fs.read_file(kDir + "/00000000");
  REQUIRE(content);
  CHECK(*content == std::string("\x01\x00\x03\x36\x4b\x3f\xb7"
                                "abc",
                                10));
  REQUIRE(wal->log(io::as_bytes(std::string(kWalPageBytes - 10 - 7 - 6, 'x'))));
  CHECK(*fs.file_size(kDir + "/00000000") == kWalPageBytes);
}

TEST_CASE("WAL: opening begins a new segment behind the last one and behind the checkpoint") {
  io::FaultFileSystem fs;
  CHECK(open_wal(fs, kDir)->current_segment() == 0);
  CHECK(open_wal(fs, kDir)->current_segment() == 1);
  REQUIRE(fs.make_directories("other/checkpoint.00000041"));
  CHECK(open_wal(fs, "other")->current_segment() == 42);
  const auto checkpoint = last_checkpoint(fs, "other");
  REQUIRE(checkpoint);
  REQUIRE(*checkpoint);
  CHECK((*checkpoint)->first == "other/checkpoint.00000041");
  CHECK((*checkpoint)->second == 41);
}

TEST_CASE("WAL: a group that does not fit begins the next segment as a whole") {
  io::FaultFileSystem fs;
  const WalOptions options{.segment_bytes = 2 * kWalPageBytes, .compression = WalCompression::none};
  const auto wal = open_wal(fs, kDir, options);
  std::vector<std::string> all;
  for (int i = 0; i < 20; ++i) {
    const auto group = make_texts({9000, 9000, static_cast<std::size_t>(i)});
    REQUIRE(log_texts(*wal, group));
    all.insert(all.end(), group.begin(), group.end());
  }
  // Larger than a segment: it gets one of its own.
  const auto large = make_texts({300'000});
  REQUIRE(log_texts(*wal, large));
  all.push_back(large[0]);
  REQUIRE(log_texts(*wal, {"last"}));
  all.push_back("last");
  CHECK(wal->current_segment() == 8);
  const auto segments = list_segments(fs, kDir);
  REQUIRE(segments);
  CHECK(segments->size() == 9);
  for (const std::uint32_t segment : *segments) {
    const std::uint64_t size = *fs.file_size(segment_path(kDir, segment));
    if (segment < 8) CHECK(size % kWalPageBytes == 0);
  }
  const ReadBack got = read_all(fs, kDir);
  CHECK(got.damage.empty());
  CHECK(got.records == all);
}

TEST_CASE("WAL: cut_segment and truncate_before leave the segments asked for") {
  io::FaultFileSystem fs;
  const auto wal = open_wal(fs, kDir);
  for (std::uint32_t i = 0; i < 4; ++i) {
    REQUIRE(log_texts(*wal, {"in segment " + std::to_string(i)}));
    const auto next = wal->cut_segment();
    REQUIRE(next);
    CHECK(*next == i + 1);
  }
  REQUIRE(log_texts(*wal, {"in segment 4"}));
  CHECK(wal->size_bytes() == 4 * kWalPageBytes + *fs.file_size(kDir + "/00000004"));
  REQUIRE(wal->truncate_before(3));
  CHECK(*list_segments(fs, kDir) == std::vector<std::uint32_t>{3, 4});
  CHECK(wal->size_bytes() == kWalPageBytes + *fs.file_size(kDir + "/00000004"));
  // The segment that is being written stays, whatever is asked.
  REQUIRE(wal->truncate_before(99));
  CHECK(*list_segments(fs, kDir) == std::vector<std::uint32_t>{4});
  CHECK(read_all(fs, kDir).records == std::vector<std::string>{"in segment 4"});
}

TEST_CASE("WAL: what was synced survives a power cut, and so does the log itself") {
  io::FaultFileSystem fs;
  {
    const auto wal = open_wal(fs, kDir);
    REQUIRE(log_texts(*wal, {"one", "two"}));
    REQUIRE(wal->sync());
    REQUIRE(log_texts(*wal, {"unsynced"}));
    REQUIRE(fs.sync_directory("."));
    fs.crash();
  }
  const ReadBack got = read_all(fs, kDir);
  CHECK(got.damage.empty());
  CHECK(got.records == std::vector<std::string>{"one", "two"});
}

TEST_CASE("WAL: a full disk refuses records whole and takes them again once there is space") {
  for (const bool short_write : {false, true}) {
    CAPTURE(short_write);
    const auto texts = make_texts({300, 40'000, 500});
    for (std::int64_t space = 0; space < 41'000; space += 331) {
      CAPTURE(space);
      io::FaultFileSystem fs;
      fs.set_short_write(short_write);
      const auto wal = open_wal(fs, kDir);
      REQUIRE(log_texts(*wal, {"before"}));
      const std::uint64_t whole = *fs.file_size(kDir + "/00000000");
      fs.set_free_bytes(space);
      const auto refused = log_texts(*wal, texts);
      if (refused) continue;
      CHECK(refused.error().code == Code::io);
      CHECK(*fs.file_size(kDir + "/00000000") == whole);
      fs.set_free_bytes(-1);
      REQUIRE(log_texts(*wal, {"after"}));
      const ReadBack got = read_all(fs, kDir);
      CHECK(got.damage.empty());
      CHECK(got.records == std::vector<std::string>{"before", "after"});
    }
  }
}

TEST_CASE("WAL: where a torn end cannot be cut off, the segment is written anew and the next begun") {
  // They outlive the log, which still asks the disk when it is closed.
  bool failing = true;
  bool renames_fail = true;
  io::FaultFileSystem fs;
  fs.set_short_write(true);
  const auto wal = open_wal(fs, kDir);
  REQUIRE(log_texts(*wal, {"before"}));
  fs.set_judge([&](io::Operation operation, const std::string& path) -> std::optional<Error> {
    if (failing && (operation == io::Operation::append || operation == io::Operation::truncate) &&
        path.ends_with("/00000000"))
      return Error{Code::io, "bad disk", {}};
    if (renames_fail && operation == io::Operation::rename) return Error{Code::io, "bad disk", {}};
    return std::nullopt;
  });
  CHECK(!log_texts(*wal, make_texts({5000})));
  // Still refused while neither way works.
  CHECK(!log_texts(*wal, {"refused"}));
  CHECK(!wal->sync());
  CHECK(!wal->cut_segment());
  renames_fail = false;
  REQUIRE(log_texts(*wal, {"after"}));
  CHECK(wal->current_segment() == 1);
  const ReadBack got = read_all(fs, kDir);
  CHECK(got.damage.empty());
  CHECK(got.records == std::vector<std::string>{"before", "after"});
}

TEST_CASE("WAL: after a failed sync nothing more goes into that segment, and its records are saved") {
  int failures = 1;
  io::FaultFileSystem fs;
  const auto wal = open_wal(fs, kDir);
  REQUIRE(log_texts(*wal, {"one"}));
  fs.set_judge([&](io::Operation operation, const std::string&) -> std::optional<Error> {
    if (operation == io::Operation::sync && failures-- > 0) return Error{Code::io, "bad disk", {}};
    return std::nullopt;
  });
  CHECK(!wal->sync());
  REQUIRE(log_texts(*wal, {"two"}));
  CHECK(wal->current_segment() == 1);
  REQUIRE(wal->sync());
  REQUIRE(fs.sync_directory("."));
  fs.crash();
  const ReadBack got = read_all(fs, kDir);
  CHECK(got.damage.empty());
  CHECK(got.records == std::vector<std::string>{"one", "two"});
}

TEST_CASE("WAL: a failed sync of a full segment is made good before the next record") {
  int failures = 1;
  io::FaultFileSystem fs;
  const WalOptions options{.segment_bytes = kWalPageBytes, .compression = WalCompression::none};
  const auto wal = open_wal(fs, kDir, options);
  const auto texts = make_texts({30'000, 30'000, 10});
  REQUIRE(log_texts(*wal, {texts[0]}));
  fs.set_judge([&](io::Operation operation, const std::string&) -> std::optional<Error> {
    if (operation == io::Operation::sync && failures-- > 0) return Error{Code::io, "bad disk", {}};
    return std::nullopt;
  });
  REQUIRE(log_texts(*wal, {texts[1]}));
  REQUIRE(log_texts(*wal, {texts[2]}));
  REQUIRE(wal->sync());
  REQUIRE(fs.sync_directory("."));
  fs.crash();
  const ReadBack got = read_all(fs, kDir);
  CHECK(got.damage.empty());
  CHECK(got.records == texts);
}

TEST_CASE("WAL: whichever single operation fails, accepted records stay and refused ones are gone") {
  const WalOptions options{.segment_bytes = 2 * kWalPageBytes, .compression = WalCompression::none};
  const auto texts = make_texts({9000, 10, 9000, 20'000, 300, 9000, 70'000, 5});
  bool failed = true;
  for (int nth = 0; failed; ++nth) {
    int left = nth;
    CAPTURE(nth);
    io::FaultFileSystem fs;
    fs.set_short_write(true);
    const auto wal = open_wal(fs, kDir, options);
    failed = false;
    fs.set_judge([&](io::Operation, const std::string&) -> std::optional<Error> {
      if (left-- != 0) return std::nullopt;
      failed = true;
      return Error{Code::io, "injected", {}};
    });
    std::vector<std::string> accepted;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (log_texts(*wal, {texts[i]})) accepted.push_back(texts[i]);
      if (i == 4 && !wal->sync()) CHECK(failed);
    }
    CHECK(accepted.size() + (failed ? 1 : 0) >= texts.size());
    fs.set_judge(nullptr);
    REQUIRE(log_texts(*wal, {"end"}));
    accepted.push_back("end");
    const ReadBack got = read_all(fs, kDir);
    CHECK(got.damage.empty());
    CHECK(got.records == accepted);
    REQUIRE(nth < 1000);
  }
}

TEST_CASE("WAL: records of several threads are all there, each group together") {
  io::FaultFileSystem fs;
  const auto wal = open_wal(fs, kDir, {.segment_bytes = 4 * kWalPageBytes});
  constexpr int kThreads = 4;
  constexpr int kGroups = 200;
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int n = 0; n < kThreads; ++n) {
    threads.emplace_back([&, n] {
      for (int i = 0; i < kGroups; ++i) {
        const std::string id = std::to_string(n) + "/" + std::to_string(i);
        failures +=
            !log_texts(*wal, {"begin " + id, std::string(static_cast<std::size_t>(i), 'x'), "end " + id});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  const ReadBack got = read_all(fs, kDir);
  CHECK(got.damage.empty());
  REQUIRE(got.records.size() == 3 * kThreads * kGroups);
  for (std::size_t i = 0; i < got.records.size(); i += 3)
    CHECK(got.records[i].substr(6) == got.records[i + 2].substr(4));
}

TEST_CASE("WAL: its metrics carry Prometheus' names") {
  io::FaultFileSystem fs;
  prometheus::Registry registry;
  auto wal = Wal::open(fs, kDir, {}, &registry);
  REQUIRE(wal);
  REQUIRE(log_texts(**wal, {"a", "b"}));
  REQUIRE((*wal)->cut_segment());
  (*wal)->count_corruptions(2);
  std::vector<std::string> names;
  for (const auto& family : registry.Collect()) {
    names.push_back(family.name);
    const auto& metric = family.metric.at(0);
    if (family.name == "prometheus_tsdb_wal_segment_current") CHECK(metric.gauge.value == 1);
    if (family.name == "prometheus_tsdb_wal_corruptions_total") CHECK(metric.counter.value == 2);
    if (family.name == "prometheus_tsdb_wal_fsync_duration_seconds") CHECK(metric.summary.sample_count == 1);
    if (family.name == "prometheus_tsdb_wal_storage_size_bytes") CHECK(metric.gauge.value == kWalPageBytes);
  }
  for (const char* name :
       {"prometheus_tsdb_wal_fsync_duration_seconds", "prometheus_tsdb_wal_page_flushes_total",
        "prometheus_tsdb_wal_segment_current", "prometheus_tsdb_wal_writes_failed_total",
        "prometheus_tsdb_wal_storage_size_bytes", "prometheus_tsdb_wal_corruptions_total"})
    CHECK(std::find(names.begin(), names.end(), name) != names.end());
}

TEST_CASE("WAL: segment sizes that are no whole number of pages are refused") {
  io::FaultFileSystem fs;
  CHECK(!Wal::open(fs, kDir, {.segment_bytes = 1000}, nullptr));
  CHECK(!Wal::open(fs, kDir, {.segment_bytes = 0}, nullptr));
}

}  // namespace narthex::tsdb

// The log under a lying disk: cut at every byte, every bit flipped.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "tests/tsdb/wal/wal_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/wal/framing.h"

namespace narthex::tsdb {
namespace {

const std::string kDir = "data/wal";
const std::string kFile = "data/wal/00000000";
const std::string kQuarantine = "data/narthex/quarantine";

/// Bytes of a segment with these records, and where each ends.
struct Sample {
  std::string bytes;
  std::vector<std::uint64_t> ends;
};

Sample write_sample(const std::vector<std::string>& texts, WalCompression compression) {
  io::FaultFileSystem fs;
  const auto wal = open_wal(fs, kDir, {.compression = compression});
  Sample sample;
  for (const std::string& text : texts) {
    REQUIRE(log_texts(*wal, {text}));
    sample.ends.push_back(*fs.file_size(kFile));
  }
  sample.bytes = *fs.read_file(kFile);
  return sample;
}

ReadBack read_bytes(const std::string& bytes) {
  io::FaultFileSystem fs;
  REQUIRE(fs.make_directories(kDir));
  write_file(fs, kFile, io::as_bytes(bytes));
  return read_all(fs, kDir);
}

/// Every record of `got` is one of `want`, in their order. @return how many are missing
std::size_t missing(const std::vector<std::string>& got, const std::vector<std::string>& want) {
  std::size_t next = 0;
  for (const std::string& record : got) {
    while (next < want.size() && want[next] != record) ++next;
    if (next == want.size()) return want.size() + 1;
    ++next;
  }
  return want.size() - got.size();
}

}  // namespace

TEST_CASE("WAL: a record whose mark of compression is gone is damage, not a record of a newer version") {
  // What is compressed here does not begin like a known record either.
  const std::vector<std::string> texts = {std::string(300, 'a'), std::string(300, 'b')};
  for (const WalCompression compression : {WalCompression::snappy, WalCompression::zstd}) {
    Sample sample = write_sample(texts, compression);
    sample.bytes[0] = 1;  // a full record, not compressed
    const ReadBack got = read_bytes(sample.bytes);
    CHECK(got.records == std::vector<std::string>{texts[1]});
    REQUIRE(got.damage.size() == 1);
    CHECK(got.damage[0].why == "a WAL record is compressed and not marked as such");
  }
}

TEST_CASE("WAL cut at every byte: all whole records are read, the rest is reported once") {
  const auto texts = make_texts({20, 0, 700, 33'000, 90});
  const Sample sample = write_sample(texts, WalCompression::none);
  for (std::size_t size = 0; size <= sample.bytes.size(); size += size > 1500 && size < 32'000 ? 97 : 1) {
    CAPTURE(size);
    const ReadBack got = read_bytes(sample.bytes.substr(0, size));
    const auto whole = static_cast<std::size_t>(
        std::upper_bound(sample.ends.begin(), sample.ends.end(), size) - sample.ends.begin());
    REQUIRE(got.records.size() == whole);
    CHECK(missing(got.records, texts) == texts.size() - whole);
    const std::uint64_t end = whole == 0 ? 0 : sample.ends[whole - 1];
    if (end == size) {
      CHECK(got.damage.empty());
    } else {
      REQUIRE(got.damage.size() == 1);
      CHECK(got.damage[0].at.offset == end);
      CHECK(got.damage[0].bytes == size - end);
    }
  }
}

TEST_CASE("WAL with a flipped bit: at most one record is lost, and none appears that never was") {
  const auto texts = make_texts({30, 200, 33'000, 40, 41, 42});
  const Sample sample = write_sample(texts, WalCompression::none);
  std::vector<std::size_t> places;
  for (std::size_t at = 0; at < sample.bytes.size(); ++at)
    if (at < 700 || at % 211 == 0 || at > sample.bytes.size() - 900 || (at > 32'700 && at < 32'800))
      places.push_back(at);
  for (const std::size_t at : places) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = sample.bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      const ReadBack got = read_bytes(flipped);
      CAPTURE(at);
      CAPTURE(bit);
      // The type byte is outside of the checksum: bits 5 to 7 mean nothing, bits 3 and 4 make
      // the record one that does not unpack.
      REQUIRE(missing(got.records, texts) <= 1);
      if (missing(got.records, texts) == 1) CHECK(!got.damage.empty());
    }
  }
}

TEST_CASE("WAL with a flipped bit in the type of a middle fragment: no record is made of the rest") {
  const auto texts = make_texts({30, 100'000, 40});
  const Sample sample = write_sample(texts, WalCompression::none);
  for (const std::size_t page : {1U, 2U}) {
    // 3 is a middle fragment, 1 a whole record, 2 the beginning of one.
    const std::size_t at = page * kWalPageBytes;
    REQUIRE(sample.bytes[at] == 3);
    for (const char type : {'\1', '\2'}) {
      CAPTURE(at);
      CAPTURE(type);
      std::string flipped = sample.bytes;
      flipped[at] = type;
      const ReadBack got = read_bytes(flipped);
      CHECK(got.records == std::vector<std::string>{texts[0], texts[2]});
      CHECK(got.damage.size() == 1);
    }
  }
}

TEST_CASE("WAL with a flipped bit in the header of a large record: what follows in its page is read") {
  const auto texts = make_texts({32'000, 40, 41, 42});
  const Sample sample = write_sample(texts, WalCompression::none);
  for (std::size_t bit = 0; bit < 8 * kFragmentHeaderBytes; ++bit) {
    CAPTURE(bit);
    std::string flipped = sample.bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const ReadBack got = read_bytes(flipped);
    CHECK(missing(got.records, texts) <= 1);
    REQUIRE(got.records.size() >= 3);
    CHECK(got.records.back() == texts.back());
  }
}

TEST_CASE(
    "WAL with a lost sector: a record is read that begins with the header alone at the end of its page") {
  const auto texts = make_texts({kWalPageBytes - 2 * kFragmentHeaderBytes, 40, 41});
  const Sample sample = write_sample(texts, WalCompression::none);
  REQUIRE(sample.ends[0] == kWalPageBytes - kFragmentHeaderBytes);
  std::string lost = sample.bytes;
  lost.replace(0, 512, std::string(512, '\0'));
  const ReadBack got = read_bytes(lost);
  CHECK(got.records == std::vector<std::string>{texts[1], texts[2]});
  CHECK(got.damage.size() == 1);
}

TEST_CASE("WAL with a flipped bit in a compressed segment: at most one record is lost") {
  std::vector<std::string> texts;
  texts.reserve(8);
  for (int i = 0; i < 8; ++i)
    texts.push_back(std::string(static_cast<std::size_t>(100 + i), static_cast<char>('a' + i)));
  for (const auto compression : {WalCompression::snappy, WalCompression::zstd}) {
    const Sample sample = write_sample(texts, compression);
    for (std::size_t bit = 0; bit < sample.bytes.size() * 8; ++bit) {
      std::string flipped = sample.bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      ReadBack got = read_bytes(flipped);
      CAPTURE(bit);
      // Without its compression bit a record is handed out as it lies there.
      const bool is_flag = missing(got.records, texts) > texts.size();
      if (is_flag) {
        std::erase_if(got.records,
                      [&](const std::string& r) { return std::ranges::find(texts, r) == texts.end(); });
        CHECK(got.records.size() == texts.size() - 1);
      } else {
        CHECK(got.records.size() >= texts.size() - 1);
      }
    }
  }
}

TEST_CASE("WAL with a page of junk: reading goes on behind it") {
  std::vector<std::size_t> sizes(200, 1000);
  const auto texts = make_texts(sizes);
  const Sample sample = write_sample(texts, WalCompression::none);
  std::string junk = sample.bytes;
  const auto noise = make_texts({kWalPageBytes});
  junk.replace(2 * kWalPageBytes, kWalPageBytes, noise[0]);
  const ReadBack got = read_bytes(junk);
  CHECK(missing(got.records, texts) <= 34);
  CHECK(got.damage.size() == 1);
  // Zeros are what a file system leaves of data that never reached the disk.
  junk.replace(2 * kWalPageBytes, kWalPageBytes, std::string(kWalPageBytes, '\0'));
  CHECK(missing(read_bytes(junk).records, texts) <= 34);
  CHECK(missing(read_bytes(junk + std::string(100'000, '\0')).records, texts) <= 34);
}

TEST_CASE("WAL repair: after it every segment reads to its end, with all records that were whole") {
  const auto texts = make_texts({20, 300, 33'000, 90, 10});
  const Sample sample = write_sample(texts, WalCompression::none);
  std::vector<std::string> broken;
  for (std::size_t size = 1; size < sample.bytes.size(); size += size < 400 ? 1 : 463)
    broken.push_back(sample.bytes.substr(0, size));
  for (std::size_t at = 0; at < sample.bytes.size(); at += at < 400 ? 1 : 463) {
    broken.push_back(sample.bytes);
    broken.back()[at] = static_cast<char>(broken.back()[at] ^ 0x04);
  }
  for (std::size_t i = 0; i < broken.size(); ++i) {
    CAPTURE(i);
    io::FaultFileSystem fs;
    REQUIRE(fs.make_directories(kDir));
    write_file(fs, kFile, io::as_bytes(broken[i]));
    write_file(fs, kDir + "/00000001", io::as_bytes(sample.bytes));
    REQUIRE(fs.sync_directory(kDir));
    const ReadBack before = read_all(fs, kDir);
    const auto repair = repair_wal(fs, kDir, kQuarantine);
    REQUIRE_MESSAGE(repair, why(repair));
    const ReadBack after = read_all(fs, kDir);
    CHECK(after.damage.empty());
    CHECK(after.records == before.records);
    if (before.damage.empty()) {
      CHECK(repair->rewritten.empty());
      continue;
    }
    CHECK(repair->rewritten == std::vector<std::string>{kFile});
    CHECK(repair->dropped_bytes > 0);
    CHECK(*fs.read_file(kQuarantine + "/wal-00000000") == broken[i]);
    CHECK(*fs.read_file(kDir + "/00000001") == sample.bytes);
    // It is on disk, and a second repair finds nothing.
    REQUIRE(fs.sync_directory("."));
    REQUIRE(fs.sync_directory("data"));
    fs.crash();
    CHECK(read_all(fs, kDir).records == before.records);
    CHECK(repair_wal(fs, kDir, kQuarantine)->rewritten.empty());
  }
}

TEST_CASE("WAL repair: whichever operation fails, no record is lost and trying again succeeds") {
  const auto texts = make_texts({20, 300, 90});
  Sample sample = write_sample(texts, WalCompression::none);
  sample.bytes.resize(sample.bytes.size() - 1);
  bool failed = true;
  for (int nth = 0; failed; ++nth) {
    CAPTURE(nth);
    io::FaultFileSystem fs;
    REQUIRE(fs.make_directories(kDir));
    write_file(fs, kFile, io::as_bytes(sample.bytes));
    REQUIRE(fs.sync_directory(kDir));
    int left = nth;
    failed = false;
    fs.set_judge([&](io::Operation, const std::string&) -> std::optional<Error> {
      if (left-- != 0) return std::nullopt;
      failed = true;
      return Error{Code::io, "injected", {}};
    });
    const auto first = repair_wal(fs, kDir, kQuarantine);
    CHECK(first.has_value() == !failed);
    fs.set_judge(nullptr);
    REQUIRE(repair_wal(fs, kDir, kQuarantine));
    const ReadBack got = read_all(fs, kDir);
    CHECK(got.damage.empty());
    CHECK(got.records == std::vector<std::string>{texts[0], texts[1]});
  }
}

TEST_CASE("WAL repair: a missing segment is stood in for, a far one is refused") {
  io::FaultFileSystem fs;
  REQUIRE(fs.make_directories(kDir));
  for (const char* name : {"00000003", "00000005", "000007"}) write_file(fs, kDir + "/" + name, {});
  CHECK(!list_segments(fs, kDir));
  REQUIRE(repair_wal(fs, kDir, kQuarantine));
  CHECK(*list_segments(fs, kDir) == std::vector<std::uint32_t>{3, 4, 5, 6, 7});
  CHECK(fs.exists(kDir + "/00000007"));
  write_file(fs, kDir + "/20260101", {});
  const auto repair = repair_wal(fs, kDir, kQuarantine);
  REQUIRE(!repair);
  CHECK(repair.error().code == Code::corruption);
  CHECK(repair.error().text.find("20260101") != std::string::npos);
}

TEST_CASE("WAL on a real disk: written, torn, repaired and read") {
  const auto dir = std::filesystem::temp_directory_path() / "narthex_wal_test";
  std::filesystem::remove_all(dir);
  io::FileSystem& fs = io::local_file_system();
  const std::string wal_dir = (dir / "wal").string();
  const auto texts = make_texts({100, 70'000, 20});
  {
    const auto wal = open_wal(fs, wal_dir);
    REQUIRE(log_texts(*wal, texts));
    REQUIRE(wal->cut_segment());
    REQUIRE(log_texts(*wal, {"later"}));
  }
  std::filesystem::resize_file(dir / "wal" / "00000000", 70'020);
  const auto repair = repair_wal(fs, wal_dir, (dir / "quarantine").string());
  REQUIRE_MESSAGE(repair, why(repair));
  CHECK(repair->rewritten.size() == 1);
  {
    const auto wal = open_wal(fs, wal_dir);
    CHECK(wal->current_segment() == 2);
    REQUIRE(log_texts(*wal, {"new"}));
  }
  const ReadBack got = read_all(fs, wal_dir);
  CHECK(got.damage.empty());
  CHECK(got.records == std::vector<std::string>{texts[0], "later", "new"});
  std::filesystem::remove_all(dir);
}

}  // namespace narthex::tsdb

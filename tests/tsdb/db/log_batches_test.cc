// Records of a log come out in order and whole, however many threads unpack them.
#include "tsdb/log_batches.h"

#include <doctest/doctest.h>

#include "io/fault_file_system.h"
#include "tests/tsdb/why.h"
#include "tsdb/wal/segments.h"

namespace narthex::tsdb {
namespace {

/// Some of many bytes, most of few; each begins with its number.
std::vector<std::byte> content_of(std::size_t number) {
  std::vector<std::byte> bytes(8 + (number % 100 == 99 ? 200'000 : number * 7919 % 3000));
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(i < 8 ? number >> 8 * i : i / 5 * number);
  return bytes;
}

void write_segment(io::FileSystem& fs, const std::string& dir, std::uint32_t segment,
                   const std::vector<std::byte>& bytes) {
  REQUIRE(fs.make_directories(dir));
  auto file = fs.open_writable(segment_path(dir, segment), io::OpenMode::create_truncate);
  REQUIRE(file);
  REQUIRE((*file)->append(bytes));
}

/// Appends the record, packed.
void add_record(std::vector<std::byte>& segment, const std::vector<std::byte>& content) {
  std::vector<std::byte> packed;
  const auto [flag, size] = compress_record(WalCompression::snappy, content, packed, 0);
  const io::Bytes bytes = flag == RecordFlag::plain ? content : io::Bytes(packed).first(size);
  frame_record(segment.size(), flag, bytes, segment);
}

TEST_CASE("log batches: all records in order, with and without helpers") {
  io::FaultFileSystem fs;
  std::size_t written = 0;
  for (std::uint32_t segment = 0; segment < 5; ++segment) {
    std::vector<std::byte> bytes;
    // One segment is empty.
    for (int i = 0; segment != 2 && i < 400; ++i) add_record(bytes, content_of(written++));
    write_segment(fs, "/wal", segment, bytes);
  }
  for (const std::size_t helpers : {0U, 1U, 3U}) {
    CAPTURE(helpers);
    auto source = LogSource::open(fs, {{"/wal", LogKind::log, 0}});
    REQUIRE_MESSAGE(source, why(source));
    LogBatches batches(*source, helpers);
    std::size_t read = 0;
    std::uint32_t segment = 0;
    while (const LogBatch* batch = batches.next()) {
      CHECK(batch->segment >= segment);
      segment = batch->segment;
      CHECK(batch->faults.empty());
      for (const LogBatch::Record& r : batch->records)
        REQUIRE(std::ranges::equal(batch->content_of(r), content_of(read++)));
    }
    CHECK(read == written);
    CHECK(source->outcome());
    CHECK(source->count_segments() == 5);
    CHECK(source->count_gaps() == 0);
  }
}

TEST_CASE("log batches: what cannot be unpacked is told, and what cannot be scanned") {
  io::FaultFileSystem fs;
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < 3; ++i) add_record(bytes, content_of(i));
  const std::uint64_t fault_at = bytes.size();
  const std::vector<std::byte> no_snappy(20, std::byte{0xff});
  frame_record(bytes.size(), RecordFlag::snappy, no_snappy, bytes);
  const std::uint64_t fault_end = bytes.size();
  add_record(bytes, content_of(3));
  write_segment(fs, "/wal", 6, bytes);
  bytes.pop_back();
  write_segment(fs, "/wal", 7, bytes);
  auto source = LogSource::open(fs, {{"/wal", LogKind::log, 0}, {"/wal", LogKind::out_of_order, 7}});
  REQUIRE_MESSAGE(source, why(source));
  LogBatches batches(*source, 1);
  std::vector<std::size_t> sizes;
  while (const LogBatch* batch = batches.next()) {
    REQUIRE(batch->faults.size() == 1);
    const LogBatch::Record& faulty = batch->records[batch->faults[0].record];
    CHECK(faulty.offset == fault_at);
    CHECK(faulty.end == fault_end);
    CHECK(batch->faults[0].why == "a WAL record is no snappy block");
    sizes.push_back(batch->records.size());
  }
  // Six, seven, and seven once more.
  CHECK(sizes == std::vector<std::size_t>{5, 4, 4});
  CHECK(source->count_gaps() == 2);
  CHECK(source->damaged().log == std::vector<std::uint32_t>{7});
  CHECK(source->damaged().out_of_order == std::vector<std::uint32_t>{7});
  CHECK(source->count_segments(LogKind::log) == 2);
}

TEST_CASE("log batches: nobody has to read to the end") {
  io::FaultFileSystem fs;
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < 3000; ++i) add_record(bytes, content_of(i));
  write_segment(fs, "/wal", 0, bytes);
  auto source = LogSource::open(fs, {{"/wal", LogKind::log, 0}});
  REQUIRE_MESSAGE(source, why(source));
  LogBatches batches(*source, 2);
  CHECK(batches.next() != nullptr);
}

}  // namespace
}  // namespace narthex::tsdb

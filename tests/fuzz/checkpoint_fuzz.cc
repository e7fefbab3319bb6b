// A log of arbitrary segments, perhaps behind a checkpoint of arbitrary bytes, becomes a checkpoint:
// it has exactly what the filter keeps of the records that can be read, and nothing wrong in it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_input.h"
#include "tsdb/wal/checkpoint.h"
#include "tsdb/wal/framing.h"
#include "tsdb/wal/record_filter.h"
#include "tsdb/wal/segments.h"

namespace {

using namespace narthex;
using namespace narthex::tsdb;

using Records = std::vector<std::vector<std::byte>>;

/// Either the bytes as they come, or records of them, framed.
std::vector<std::byte> make_segment(FuzzInput& input) {
  const bool raw = input.u8() % 4 == 0;
  const std::size_t count = input.u8() % 4;
  if (raw) {
    const io::Bytes bytes = input.take(64 * count);
    return {bytes.begin(), bytes.end()};
  }
  std::vector<std::byte> segment;
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < count; ++i)
    offset = frame_record(offset, RecordFlag::plain, input.take(input.u8()), segment);
  return segment;
}

Records read(io::FileSystem& fs, const std::string& dir, std::uint32_t from, bool must_be_sound) {
  Records records;
  const auto segments = list_segments(fs, dir);
  check(segments.has_value(), "segments are in a row");
  for (const std::uint32_t segment : *segments) {
    if (segment < from) continue;
    auto reader = WalReader::open(fs, segment_path(dir, segment), segment,
                                  [&](WalPosition, std::uint64_t, const std::string&) {
                                    check(!must_be_sound, "a new checkpoint has no damage");
                                  });
    check(reader.has_value(), "a segment opens");
    while (const auto record = reader->next()) records.emplace_back(record->begin(), record->end());
  }
  return records;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  io::FaultFileSystem fs;
  const std::uint8_t how = input.u8();
  const bool has_checkpoint = (how & 1) != 0;
  check(fs.make_directories("wal/checkpoint.00000001").has_value(), "a folder can be made");
  if (has_checkpoint)
    put_file(fs, "wal/checkpoint.00000001/00000000", make_segment(input));
  else
    check(fs.remove_tree("wal/checkpoint.00000001").has_value(), "a folder can be removed");
  const std::uint32_t first = has_checkpoint ? 2 : 0;
  for (std::uint32_t i = 0; i < 2; ++i) put_file(fs, segment_path("wal", first + i), make_segment(input));

  const std::function<bool(WalRef)> keep = [](WalRef ref) { return ref % 2 == 0; };
  constexpr Timestamp kMint = 1000;
  Records want = has_checkpoint ? read(fs, "wal/checkpoint.00000001", 0, false) : Records{};
  for (auto& record : read(fs, "wal", first, false)) want.push_back(std::move(record));
  RecordFilter filter(keep, kMint);
  Records kept;
  const auto take = [&](auto&& put) {
    std::vector<std::byte> out;
    put(out);
    if (!out.empty()) kept.push_back(std::move(out));
  };
  for (const auto& record : want) take([&](std::vector<std::byte>& out) { filter.apply(record, out); });
  take([&](std::vector<std::byte>& out) { filter.put_metadata(out); });

  const WalOptions options{.compression = (how & 2) != 0 ? WalCompression::zstd : WalCompression::snappy};
  const auto stats = write_checkpoint(fs, "wal", first + 1, keep, kMint, options);
  if (!stats) return 0;
  check(stats->records_read == want.size() && stats->records_written == kept.size(), "all are counted");
  const auto newest = last_checkpoint(fs, "wal");
  check(newest.has_value() && *newest && (*newest)->second == first + 1, "it is the newest");
  check(read(fs, (*newest)->first, 0, true) == kept, "it has what the filter keeps");
  return 0;
}

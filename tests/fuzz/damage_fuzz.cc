// A segment of records of chosen sizes with a damage of chosen kind and place: every record that it
// does not touch is read, none appears that never was, and a repaired segment has the same ones.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_input.h"
#include "tsdb/wal/compression.h"
#include "tsdb/wal/framing.h"
#include "tsdb/wal/segments.h"
#include "tsdb/wal/wal.h"

namespace {

using namespace narthex;
using namespace narthex::tsdb;

struct Written {
  std::string content;
  std::uint64_t begin;
  std::uint64_t end;
};

/// Content that nothing in the input can make look like a fragment.
std::string make_content(std::size_t number, std::size_t size) {
  std::string content(size, '\0');
  std::uint64_t state = 88172645463325252 + number;
  for (char& c : content) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    c = static_cast<char>(state >> 24);
  }
  // No known type: a record of a newer version, kept as it is.
  if (size > 0) content[0] = '\x7f';
  return content;
}

std::vector<Written> write_records(FuzzInput& input, std::vector<std::byte>& segment) {
  std::vector<Written> records;
  const std::size_t count = input.u8() % 24;
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < count; ++i) {
    // Small ones, and some over several pages. Never so small that two could be alike.
    const std::uint8_t kind = input.u8();
    const std::size_t length = 8 + (kind < 200 ? kind : input.u32() % (3 * kWalPageBytes));
    Written record{make_content(i, length), offset, 0};
    offset = frame_record(offset, RecordFlag::plain, io::as_bytes(record.content), segment);
    record.end = offset;
    records.push_back(std::move(record));
  }
  return records;
}

struct Damage {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

Damage do_damage(FuzzInput& input, std::vector<std::byte>& segment) {
  const std::uint8_t kind = input.u8();
  const std::uint64_t at = input.u32() % segment.size();
  const auto most = [&](std::uint64_t size) { return std::min<std::uint64_t>(size, segment.size() - at); };
  switch (kind % 4) {
    case 0:  // a flipped bit
      segment[at] ^= std::byte{1} << (kind / 4 % 8);
      return {at, at + 1};
    case 1: {  // sectors that never reached the disk
      const std::uint64_t begin = at / 512 * 512;
      const std::uint64_t end = std::min<std::uint64_t>(segment.size(), begin + 512ULL * (1 + kind / 4));
      std::fill(segment.begin() + static_cast<std::ptrdiff_t>(begin),
                segment.begin() + static_cast<std::ptrdiff_t>(end), std::byte{0});
      return {begin, end};
    }
    case 2: {  // noise
      const std::uint64_t size = most(1 + kind);
      const std::string noise = make_content(1000 + kind, size);
      std::ranges::transform(noise, segment.begin() + static_cast<std::ptrdiff_t>(at),
                             [](char c) { return static_cast<std::byte>(c); });
      return {at, at + size};
    }
    default: {  // cut off
      const std::uint64_t size = segment.size();
      segment.resize(at);
      return {at, size};
    }
  }
}

std::vector<std::string> read(io::Bytes segment) {
  std::vector<std::string> records;
  RecordDecompressor decompressor;
  RecordScanner scanner(segment, [](std::uint64_t, std::uint64_t, const std::string&) {});
  while (const auto record = scanner.next()) {
    // A flipped bit may say that it is compressed.
    const auto whole = decompressor.decompress(record->flag, record->data);
    if (whole) records.emplace_back(io::as_text(*whole));
  }
  return records;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  std::vector<std::byte> segment;
  const std::vector<Written> records = write_records(input, segment);
  if (segment.empty()) return 0;
  const Damage damage = do_damage(input, segment);
  const std::vector<std::string> got = read(segment);
  std::size_t next = 0;
  for (const Written& record : records) {
    const bool is_there = next < got.size() && got[next] == record.content;
    next += is_there ? 1 : 0;
    const bool touched = record.begin < damage.end && damage.begin < record.end;
    check(is_there || touched, "a record beside the damage is read");
  }
  check(next == got.size(), "no record appears that never was");
  const CleanSegment clean = clean_segment(segment, [](std::uint64_t, std::uint64_t, const std::string&) {});
  check(read(clean.bytes) == got, "a repaired segment has the same records");
  return 0;
}

// Segments of arbitrary bytes: reading never leaves them, reports every byte that it leaves out,
// and what it keeps reads back whole after a repair.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "model/check.h"
#include "tsdb/wal/compression.h"
#include "tsdb/wal/framing.h"
#include "tsdb/wal/segments.h"

namespace {

using namespace narthex;
using namespace narthex::tsdb;

std::vector<std::string> read_segment(io::Bytes bytes, std::uint64_t& lost) {
  std::vector<std::string> records;
  RecordDecompressor decompressor;
  RecordScanner scanner(bytes, [&](std::uint64_t offset, std::uint64_t length, const std::string&) {
    check(offset <= bytes.size() && length <= bytes.size() - offset, "a gap lies inside the segment");
    lost += length;
  });
  std::uint64_t end = 0;
  while (const auto record = scanner.next()) {
    check(record->offset >= end && record->end <= bytes.size(), "records come in order");
    end = record->end;
    auto whole = decompressor.decompress(record->flag, record->data);
    if (whole)
      records.emplace_back(io::as_text(*whole));
    else
      lost += record->end - record->offset;
  }
  return records;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  const std::vector<std::byte> bytes(begin, begin + size);
  std::uint64_t lost = 0;
  const std::vector<std::string> records = read_segment(bytes, lost);
  const CleanSegment clean = clean_segment(bytes, [](std::uint64_t, std::uint64_t, const std::string&) {});
  std::uint64_t lost_again = 0;
  check(read_segment(clean.bytes, lost_again) == records, "a cleaned segment has the same records");
  check(lost_again == 0, "a cleaned segment has no damage");
  return 0;
}

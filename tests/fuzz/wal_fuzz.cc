// Segments of arbitrary bytes: reading never leaves them, reports every byte that it leaves out,
// and what it keeps reads back whole after a repair. Records decode or are refused.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/check.h"
#include "tsdb/wal/compression.h"
#include "tsdb/wal/framing.h"
#include "tsdb/wal/record.h"
#include "tsdb/wal/record_filter.h"
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

void try_record(io::Bytes record) {
  std::vector<SeriesRecord> series;
  if (decode_series(record, series)) {
    std::vector<std::byte> again;
    encode_series(series, again);
    std::vector<SeriesRecord> twice;
    check(decode_series(again, twice).has_value() && twice.size() == series.size(), "series come back");
  }
  std::vector<SampleRecord> samples;
  if (decode_samples(record, samples)) {
    std::vector<std::byte> again;
    encode_samples(samples, again);
    std::vector<SampleRecord> twice;
    check(decode_samples(again, twice).has_value() && twice.size() == samples.size(), "samples come back");
  }
  const std::function<bool(WalRef)> keep = [](WalRef ref) { return ref % 2 == 0; };
  RecordFilter filter(keep, 1000);
  std::vector<std::byte> kept;
  filter.apply(record, kept);
  check(kept.size() <= record.size(), "a filter only leaves out");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  const std::vector<std::byte> bytes(begin, begin + size);
  try_record(bytes);
  std::uint64_t lost = 0;
  const std::vector<std::string> records = read_segment(bytes, lost);
  for (const std::string& record : records) try_record(io::as_bytes(record));
  const CleanSegment clean = clean_segment(bytes, [](std::uint64_t, std::uint64_t, const std::string&) {});
  std::uint64_t lost_again = 0;
  check(read_segment(clean.bytes, lost_again) == records, "a cleaned segment has the same records");
  check(lost_again == 0, "a cleaned segment has no damage");
  return 0;
}

// WAL records: what one entry of the log says, to bytes and back.
//
// Byte 0 is the type (the numbers are on disk); the rest is Prometheus' layout, see its
// tsdb/docs/format/wal.md. Types we do not know are skipped by readers.
// Threads: any.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "io/file_system.h"
#include "model/labels.h"
#include "model/result.h"
#include "model/time.h"

namespace narthex::tsdb {

/// The numbers are on disk.
enum class RecordType : std::uint8_t {
  series = 1,
  samples = 2,
  tombstones = 3,
  exemplars = 4,
  mmap_markers = 5,
  metadata = 6,
  histograms = 7,
  float_histograms = 8,
  custom_histograms = 9,
  custom_float_histograms = 10,
  samples_v2 = 11,
  histograms_v2 = 12,
  float_histograms_v2 = 13,
  unknown = 255,
};

/// A series' number in the WAL: 64 bits, monotone, never reused while anything names it.
using WalRef = std::uint64_t;

struct SeriesRecord {
  WalRef ref;
  Labels labels;
};
struct SampleRecord {
  WalRef ref;
  Timestamp t;
  double v;
};

RecordType record_type(io::Bytes record);

/// Append an encoded record of the given kind to `out`.
void encode_series(std::span<const SeriesRecord> series, std::vector<std::byte>& out);
void encode_samples(std::span<const SampleRecord> samples, std::vector<std::byte>& out);

/// Append what the record holds to `out`. Errors: corruption. Reads type 11 (samples_v2) too,
/// without its start timestamps.
Result<void> decode_series(io::Bytes record, std::vector<SeriesRecord>& out);
Result<void> decode_samples(io::Bytes record, std::vector<SampleRecord>& out);

}  // namespace narthex::tsdb

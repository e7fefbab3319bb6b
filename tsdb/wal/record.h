// WAL records: what one entry of the log says, to bytes and back.
//
// Byte 0 is the type (the numbers are on disk); the rest is Prometheus' layout, see its
// tsdb/docs/format/wal.md. Types we do not know are skipped by readers.
// Times of entries are relative to the first one; so are references in the older types, while in
// types 11 to 13 each is relative to the entry before.
// Threads: any.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "io/file_system.h"
#include "model/histogram.h"
#include "model/labels.h"
#include "model/result.h"
#include "model/time.h"
#include "storage/metadata.h"

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

/// A single measurement beside the samples of a series, with labels of its own.
struct ExemplarRecord {
  WalRef ref;
  Timestamp t;
  double v;
  Labels labels;
};
struct MetadataRecord {
  WalRef ref;
  storage::Metadata metadata;
};
struct HistogramRecord {
  WalRef ref;
  Timestamp t;
  Timestamp st;  ///< start timestamp; 0 if there is none
  AnyHistogram value;
};
/// Samples of a series that are deleted; both ends inclusive.
struct TombstoneRecord {
  WalRef ref;
  TimeRange range;
};
/// In `wbl/` only: all samples of the series so far are in the mapped chunk `chunk`.
struct MmapMarkerRecord {
  WalRef ref;
  std::uint64_t chunk;
};

RecordType record_type(io::Bytes record);

/// Append an encoded record of the given kind to `out`; nothing for nothing, except series and
/// samples, which become a record without entries.
void encode_series(std::span<const SeriesRecord> series, std::vector<std::byte>& out);
void encode_samples(std::span<const SampleRecord> samples, std::vector<std::byte>& out);
/// Type 11: as Prometheus writes all samples once it stores start timestamps.
/// @param starts  starts[i] belongs to samples[i], 0 for none; empty if no sample has one
void encode_samples_v2(std::span<const SampleRecord> samples, std::span<const Timestamp> starts,
                       std::vector<std::byte>& out);
void encode_exemplars(std::span<const ExemplarRecord> exemplars, std::vector<std::byte>& out);
void encode_metadata(std::span<const MetadataRecord> metadata, std::vector<std::byte>& out);
void encode_tombstones(std::span<const TombstoneRecord> tombstones, std::vector<std::byte>& out);
void encode_mmap_markers(std::span<const MmapMarkerRecord> markers, std::vector<std::byte>& out);
/// Histograms take up to four records, each to be logged by itself: integers, integers with custom
/// buckets, floats, floats with custom buckets (types 7, 9, 8, 10), in this order. With start
/// timestamps there are two (12, 13), custom buckets among the others.
void encode_histograms(std::span<const HistogramRecord> histograms, bool with_start,
                       std::vector<std::vector<std::byte>>& records);

/// Append what the record holds to `out`. Errors: corruption; `out` is then as it was.
Result<void> decode_series(io::Bytes record, std::vector<SeriesRecord>& out);
/// Types 2 and 11, the latter without its start timestamps.
Result<void> decode_samples(io::Bytes record, std::vector<SampleRecord>& out);
/// The same with start timestamps: `starts` is filled up with zeros to the length of `out`.
Result<void> decode_samples(io::Bytes record, std::vector<SampleRecord>& out, std::vector<Timestamp>& starts);
Result<void> decode_exemplars(io::Bytes record, std::vector<ExemplarRecord>& out);
Result<void> decode_metadata(io::Bytes record, std::vector<MetadataRecord>& out);
Result<void> decode_tombstones(io::Bytes record, std::vector<TombstoneRecord>& out);
Result<void> decode_mmap_markers(io::Bytes record, std::vector<MmapMarkerRecord>& out);
/// Types 7 to 10, 12 and 13. Schemas 9 to 52, of newer exporters, come as schema 8.
/// @return  entries left out: an unknown schema, or spans that do not fit the buckets
Result<std::size_t> decode_histograms(io::Bytes record, std::vector<HistogramRecord>& out);

}  // namespace narthex::tsdb

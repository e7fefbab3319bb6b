// ExtraBatch: what a batch holds beside plain floats.
//
// A batch is a list of parts, as Prometheus' is: within one each series has samples of one kind,
// or floats and then histograms. A part is logged, and applied, floats before histograms; so
// both here and in replay the samples of a series keep their order.
//
//   appended:  a=1 h={..} a=2 h=3     parts:  [a=1 a=2 | h={..}] [h=3]
//
// Threads: its appender's.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/labels.h"
#include "storage/appender.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

/// What goes into chunks, or into records, of their own.
enum class HistogramKind : std::uint8_t { ints, custom_ints, floats, custom_floats };
HistogramKind kind_of(const AnyHistogram& value);

struct ExtraBatch {
  struct PendingHistogram {
    storage::SeriesRef ref;  ///< none: refused
    std::size_t index;       ///< among all samples of the batch, in the order in which they came
    HistogramRecord record;  ///< its reference is known at the commit
  };
  struct PendingExemplar {
    storage::SeriesRef ref;
    WalRef wal_ref;  ///< known at the commit
    Labels series;
    storage::Exemplar exemplar;
  };
  struct PendingMetadata {
    storage::SeriesRef ref;
    MetadataRecord record;
  };
  /// How many floats and histograms stand in front of the end of a part.
  struct PartEnd {
    std::size_t floats;
    std::size_t histograms;
  };

  std::vector<PendingHistogram> histograms;
  std::vector<PendingExemplar> exemplars;
  std::vector<PendingMetadata> metadata;
  /// All parts but the last.
  std::vector<PartEnd> finished_parts;
  /// Series that have histograms in the last part.
  boost::unordered_flat_map<storage::SeriesRef, HistogramKind> kinds;
  /// Encoded, in the order in which they are logged.
  std::vector<std::vector<std::byte>> records;

  /// @param floats  that the batch has so far, here and below
  void add_histogram(storage::SeriesRef ref, HistogramRecord record, std::size_t floats);
  void finish_part(std::size_t floats) {
    finished_parts.push_back({floats, histograms.size()});
    kinds.clear();
  }
  /// All parts, the last one included.
  [[nodiscard]] std::vector<PartEnd> parts(std::size_t floats) const;
  /// The place of a float among all samples.
  [[nodiscard]] std::size_t index_of_float(std::size_t number) const;
  [[nodiscard]] bool is_histogram(std::size_t index) const;

  /// Fill `records`.
  void encode_metadata();
  void encode_histograms(std::size_t begin, std::size_t end, bool with_start);
  void encode_exemplars();
};

}  // namespace narthex::tsdb

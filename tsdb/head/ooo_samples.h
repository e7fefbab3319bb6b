// OooSamples: samples of one series that came late, as they stand in memory.
//
// They are not encoded: each takes its place among the others. Of two at the same time the one that came
// first stays, as in Prometheus (tsdb/ooo_head.go, OOOChunk.Insert).
//
// Threads: values.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "model/histogram.h"
#include "model/time.h"
#include "storage/querier.h"
#include "tsdb/chunk/chunk_builder.h"
#include "tsdb/chunk/chunk_samples.h"

namespace narthex::tsdb {

struct OooSample {
  Timestamp t;
  Timestamp st;  ///< start timestamp; 0 if there is none, or if chunks would not keep it
  double v;
  std::shared_ptr<const AnyHistogram> histogram;  ///< null: a float
};

/// Ascending by time, each time once.
using OooSamples = std::vector<OooSample>;

/// @return  false if there is one of that time
bool insert_sample(OooSamples& samples, OooSample sample);
/// Makes OooSamples of samples in the order in which they came.
void sort_samples(std::vector<OooSample>& samples);

/// Not for nothing.
[[nodiscard]] inline TimeRange range_of(const OooSamples& samples) {
  return {samples.front().t, samples.back().t};
}

/// As chunks: one, or one for each kind in a row. Of encodings that keep start timestamps where some are.
std::vector<BuiltChunk> encode_chunks(const OooSamples& samples);

/// Samples of several chunks of late samples, in the order in which the chunks were begun, to one row.
class OooMerger {
 public:
  /// Adds a chunk from a file. Errors: corruption.
  Result<void> add(std::uint8_t encoding, io::Bytes chunk);
  void add(const OooSamples& samples);
  [[nodiscard]] bool empty() const { return parts_.empty(); }
  void clear() { parts_.clear(); }

  /// What lies inside `range`, as chunks of 120 samples.
  [[nodiscard]] std::vector<BuiltChunk> encode(TimeRange range);
  /// Appends what lies inside `range` to `out`, whose samples from `first` on are the series' others: of
  /// two at the same time theirs stays.
  void merge_into(storage::SampleColumns& out, std::size_t first, TimeRange range) const;

 private:
  struct Place {
    Timestamp t;
    std::uint32_t part;
    std::uint32_t index;
  };
  /// Ascending, each time once: the earlier part's.
  [[nodiscard]] std::vector<Place> order(TimeRange range) const;

  std::vector<ChunkSamples> parts_;
};

}  // namespace narthex::tsdb

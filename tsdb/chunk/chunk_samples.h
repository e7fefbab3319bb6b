// ChunkSamples: everything a chunk of any encoding says, decoded without loss.
//
// For queries, decode_chunk() widens straight into columns; compaction, deletion and tools need
// the kinds as they were written.
// Threads: any.
#pragma once

#include <cstdint>
#include <vector>

#include "io/file_system.h"
#include "model/histogram.h"
#include "model/result.h"
#include "model/time.h"
#include "storage/querier.h"

namespace narthex::tsdb {

enum class SampleKind : std::uint8_t { floats, histograms, float_histograms };

/// Samples of one chunk; all of one kind. The vector of the kind is as long as t, the others empty.
struct ChunkSamples {
  SampleKind kind = SampleKind::floats;
  std::vector<Timestamp> t;
  std::vector<Timestamp> st;  ///< start timestamps, 0 = none; empty if the chunk has none at all
  std::vector<double> v;
  /// Hints: the chunk's own for its first sample (unknown, reset or gauge; a header that says
  /// "no reset" counts as unknown), not_reset or gauge for the others.
  std::vector<Histogram> histograms;
  std::vector<FloatHistogram> float_histograms;

  [[nodiscard]] std::size_t size() const { return t.size(); }
  void clear();
};

/// Replaces `out` by what the chunk holds. `encoding` is the number on disk.
/// Errors: corruption (unknown encoding; ends in mid-sample; impossible layout).
Result<void> decode_samples(std::uint8_t encoding, io::Bytes chunk, ChunkSamples& out);
/// Appends the samples inside `range` to `out`, histograms widened to floats. `out.st` is kept as
/// long as `out.t` once any sample has one. Errors: as above; `out` may then hold a part.
Result<void> decode_chunk(std::uint8_t encoding, io::Bytes chunk, TimeRange range,
                          storage::SampleColumns& out);

}  // namespace narthex::tsdb

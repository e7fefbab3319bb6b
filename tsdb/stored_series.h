// The samples of one series from several sources: decoded, cut to a range, without what was
// deleted, and each time once.
//
// Threads: one at a time.
#pragma once

#include <vector>

#include "model/result.h"
#include "model/time.h"
#include "tsdb/chunk/chunk_samples.h"
#include "tsdb/compact/chunk_source.h"

namespace narthex::tsdb {

class SampleMerger {
 public:
  /// Decodes the chunks of `series` that reach into `range`. Errors: corruption.
  Result<void> add(const SourceSeries& series, TimeRange range);
  /// Replaces `out` by everything that was added, ascending by time, one kind a run, and begins
  /// anew.
  void finish(std::vector<ChunkSamples>& out);

 private:
  void merge(std::vector<ChunkSamples>& out) const;

  std::vector<ChunkSamples> parts_;
};

}  // namespace narthex::tsdb

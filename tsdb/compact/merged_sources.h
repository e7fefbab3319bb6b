// MergedSources: several sources walked together, series by series in the order of labels.
//
// Threads: one at a time.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "model/result.h"
#include "tsdb/compact/chunk_source.h"

namespace narthex::tsdb {

class MergedSources {
 public:
  explicit MergedSources(std::vector<std::unique_ptr<ChunkSource>> sources);
  ~MergedSources();

  /// Every label name and value of all sources, sorted, each once.
  Result<std::vector<std::string>> symbols();
  /// The next series: what each source that has it holds, in the order of the sources; none at
  /// the end. Valid until the next call. Errors: corruption (also: a source is out of order), io.
  Result<std::span<const SourceSeries* const>> next();

 private:
  struct Head;
  static Result<void> advance(Head& head);

  std::vector<std::unique_ptr<Head>> heads_;
  std::vector<const SourceSeries*> group_;
};

}  // namespace narthex::tsdb

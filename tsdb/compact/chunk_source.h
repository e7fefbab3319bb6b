// ChunkSource: series with their encoded chunks, in the order of their labels: what a block is
// made from. Blocks and the head are sources; compaction merges several.
//
// Threads: one at a time per source.
#pragma once

#include <string>
#include <vector>

#include "model/labels.h"
#include "model/result.h"
#include "model/time.h"
#include "tsdb/block/block_writer.h"

namespace narthex::tsdb {

struct SourceSeries {
  Labels labels;
  /// Ascending by mint. They may overlap, and reach beyond the source's range: whoever reads cuts.
  std::vector<ChunkToWrite> chunks;
  /// Samples in these ranges are deleted.
  std::vector<TimeRange> deleted;

  void clear() {
    chunks.clear();
    deleted.clear();
  }
};

class ChunkSource {
 public:
  virtual ~ChunkSource() = default;
  /// Appends every label name and value that occurs; any order, may repeat.
  virtual Result<void> symbols(std::vector<std::string>& out) = 0;
  /// The next series in the order of labels that may have samples; false at the end. Chunk bytes
  /// are valid until the next call. Errors: corruption (names the place), io.
  virtual Result<bool> next(SourceSeries& out) = 0;
};

}  // namespace narthex::tsdb

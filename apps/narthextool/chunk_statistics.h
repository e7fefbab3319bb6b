// What `tsdb analyze --extended` says about the chunks of a block: samples, bytes and buckets, each
// as a histogram of ten to twenty bars.
//
// Source: promtool's analyzeCompaction and displayHistogram, cmd/promtool/tsdb.go
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "model/result.h"
#include "tsdb/block/chunk_segment.h"

namespace narthex::apps {

class ChunkStatistics {
 public:
  /// Errors: corruption (a histogram chunk that cannot be decoded).
  Result<void> add(const tsdb::ChunkView& chunk);
  [[nodiscard]] std::string text() const;

 private:
  std::size_t chunks_ = 0;
  std::vector<std::int64_t> float_samples_;
  std::vector<std::int64_t> float_bytes_;
  std::vector<std::int64_t> histogram_samples_;
  std::vector<std::int64_t> histogram_bytes_;
  std::vector<std::int64_t> histogram_buckets_;
};

}  // namespace narthex::apps

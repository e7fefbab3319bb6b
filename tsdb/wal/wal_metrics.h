// Metrics of the write-ahead log, under Prometheus' own names.
//
// Threads: any.
#pragma once

#include <memory>
#include <string>

#include "tsdb/wal/wal.h"

namespace prometheus {
class Counter;
class Gauge;
class Summary;
}  // namespace prometheus

namespace narthex::tsdb {

struct WalMetrics {
  /// @param registry  may be null: then the metrics go nowhere
  /// @param prefix  of their names
  WalMetrics(prometheus::Registry* registry, WalCompression compression, const std::string& prefix);
  ~WalMetrics();

 private:
  std::unique_ptr<prometheus::Registry> own_;  ///< first: the others point into it

 public:
  prometheus::Summary* fsync_seconds;
  prometheus::Counter* page_flushes;
  prometheus::Counter* completed_pages;
  prometheus::Counter* truncations;
  prometheus::Counter* truncations_failed;
  prometheus::Gauge* segment_current;
  prometheus::Counter* writes_failed;
  prometheus::Gauge* storage_size_bytes;
  prometheus::Counter* part_bytes;
  prometheus::Counter* bytes_saved;
  prometheus::Counter* corruptions;
};

}  // namespace narthex::tsdb

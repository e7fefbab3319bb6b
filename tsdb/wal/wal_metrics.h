// Metrics of the write-ahead log, under Prometheus' own names.
//
// Threads: any.
#pragma once

#include <memory>

#include "tsdb/wal/wal.h"

namespace prometheus {
class Counter;
class Gauge;
class Summary;
}  // namespace prometheus

namespace narthex::tsdb {

struct WalMetrics {
  /// @param registry  may be null: then the metrics go nowhere
  WalMetrics(prometheus::Registry* registry, WalCompression compression);
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

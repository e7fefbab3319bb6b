// DbMetrics: blocks, compactions, retention and replay under Prometheus' names.
//
// Threads: any.
#pragma once

#include <memory>

namespace prometheus {
class Counter;
class Gauge;
class Registry;
class Summary;
}  // namespace prometheus

namespace narthex::tsdb {

struct DbMetrics {
  /// @param registry  may be null: then the metrics go nowhere
  explicit DbMetrics(prometheus::Registry* registry);
  ~DbMetrics();

 private:
  std::unique_ptr<prometheus::Registry> own_;  ///< first: the others point into it

 public:
  prometheus::Gauge* blocks_loaded;
  prometheus::Gauge* blocks_bytes;
  prometheus::Gauge* blocks_quarantined;
  prometheus::Gauge* lowest_timestamp;
  prometheus::Gauge* lowest_timestamp_seconds;
  prometheus::Gauge* retention_limit_seconds;
  prometheus::Gauge* replay_seconds;
  prometheus::Counter* reloads;
  prometheus::Counter* reloads_failed;
  prometheus::Counter* compactions;
  prometheus::Counter* compactions_failed;
  prometheus::Counter* compactions_triggered;
  prometheus::Counter* time_retentions;
  prometheus::Counter* checkpoints;
  prometheus::Counter* checkpoints_failed;
  prometheus::Summary* compaction_seconds;
  prometheus::Summary* wal_truncate_seconds;
};

}  // namespace narthex::tsdb

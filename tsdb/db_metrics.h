// DbMetrics: blocks, compactions, retention and replay under Prometheus' names.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
class Summary;
}  // namespace prometheus

namespace narthex::tsdb {

struct ChunkToWrite;

/// Sizes of the chunks of one new block, counted here and handed over at once: a block has
/// millions.
class ChunkTally {
 public:
  ChunkTally();
  void add(const ChunkToWrite& chunk);

 private:
  friend struct DbMetrics;
  struct Column {
    std::vector<double> bounds;
    std::vector<double> counts;
    double sum = 0;
    void add(double value);
  };
  Column bytes_;
  Column samples_;
  Column range_;
};

struct DbMetrics {
  /// @param registry  may be null: then the metrics go nowhere
  explicit DbMetrics(prometheus::Registry* registry);
  ~DbMetrics();

  void count_chunks(const ChunkTally& tally);

 private:
  std::unique_ptr<prometheus::Registry> own_;  ///< first: the others point into it

 public:
  prometheus::Gauge* blocks_loaded;
  prometheus::Gauge* blocks_bytes;
  prometheus::Gauge* blocks_quarantined;
  prometheus::Gauge* lowest_timestamp;
  prometheus::Gauge* lowest_timestamp_seconds;
  prometheus::Gauge* retention_limit_seconds;
  prometheus::Gauge* retention_limit_bytes;
  prometheus::Gauge* retention_limit_percentage;
  prometheus::Gauge* symbol_table_bytes;
  prometheus::Gauge* populating_block;
  prometheus::Gauge* replay_seconds;
  prometheus::Gauge* snapshot_seconds;
  prometheus::Gauge* snapshot_bytes;
  prometheus::Counter* reloads;
  prometheus::Counter* reloads_failed;
  prometheus::Counter* compactions;
  prometheus::Counter* compactions_failed;
  prometheus::Counter* compactions_triggered;
  prometheus::Counter* vertical_compactions;
  prometheus::Counter* time_retentions;
  prometheus::Counter* size_retentions;
  prometheus::Counter* checkpoints;
  prometheus::Counter* checkpoints_failed;
  prometheus::Counter* snapshots;
  prometheus::Counter* snapshots_failed;
  prometheus::Histogram* compaction_seconds;
  prometheus::Histogram* tombstone_cleanup_seconds;
  prometheus::Summary* wal_truncate_seconds;

 private:
  prometheus::Histogram* chunk_bytes_;
  prometheus::Histogram* chunk_samples_;
  prometheus::Histogram* chunk_range_;
};

}  // namespace narthex::tsdb

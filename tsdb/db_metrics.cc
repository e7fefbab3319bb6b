#include "tsdb/db_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/summary.h>

#include <algorithm>

#include "tsdb/block/block_writer.h"
#include "tsdb/chunk/encoding.h"

namespace narthex::tsdb {
namespace {

prometheus::Counter* counter(prometheus::Registry& r, const char* name, const char* help) {
  return &prometheus::BuildCounter().Name(name).Help(help).Register(r).Add({});
}
prometheus::Gauge* gauge(prometheus::Registry& r, const char* name, const char* help) {
  return &prometheus::BuildGauge().Name(name).Help(help).Register(r).Add({});
}
prometheus::Summary* summary(prometheus::Registry& r, const char* name, const char* help) {
  return &prometheus::BuildSummary().Name(name).Help(help).Register(r).Add({},
                                                                           prometheus::Summary::Quantiles{});
}
prometheus::Histogram* histogram(prometheus::Registry& r, const char* name, const char* help,
                                 const std::vector<double>& bounds) {
  return &prometheus::BuildHistogram().Name(name).Help(help).Register(r).Add({}, bounds);
}

/// start, start * factor, ... as client_golang's ExponentialBuckets.
std::vector<double> exponential(double start, double factor, int count) {
  std::vector<double> bounds;
  for (; count > 0; --count, start *= factor) bounds.push_back(start);
  return bounds;
}

std::vector<double> chunk_bytes_bounds() {
  return exponential(32, 1.5, 12);
}
std::vector<double> chunk_samples_bounds() {
  return exponential(4, 1.5, 12);
}
std::vector<double> chunk_range_bounds() {
  return exponential(100, 4, 10);
}

}  // namespace

ChunkTally::ChunkTally() {
  bytes_.bounds = chunk_bytes_bounds();
  samples_.bounds = chunk_samples_bounds();
  range_.bounds = chunk_range_bounds();
  for (Column* column : {&bytes_, &samples_, &range_}) column->counts.resize(column->bounds.size() + 1);
}

void ChunkTally::Column::add(double value) {
  const auto at = std::ranges::lower_bound(bounds, value) - bounds.begin();
  ++counts[static_cast<std::size_t>(at)];
  sum += value;
}

void ChunkTally::add(const ChunkToWrite& chunk) {
  bytes_.add(static_cast<double>(chunk.bytes.size()));
  samples_.add(static_cast<double>(count_chunk_samples(chunk.encoding, chunk.bytes)));
  // Milliseconds, whatever the metric is called: so does Prometheus.
  range_.add(static_cast<double>(chunk.maxt - chunk.mint));
}

void DbMetrics::count_chunks(const ChunkTally& tally) {
  chunk_bytes_->ObserveMultiple(tally.bytes_.counts, tally.bytes_.sum);
  chunk_samples_->ObserveMultiple(tally.samples_.counts, tally.samples_.sum);
  chunk_range_->ObserveMultiple(tally.range_.counts, tally.range_.sum);
}

DbMetrics::DbMetrics(prometheus::Registry* registry)
    : own_(registry == nullptr ? std::make_unique<prometheus::Registry>() : nullptr) {
  prometheus::Registry& r = registry == nullptr ? *own_ : *registry;
  blocks_loaded = gauge(r, "prometheus_tsdb_blocks_loaded", "Number of currently loaded data blocks");
  blocks_bytes = gauge(r, "prometheus_tsdb_storage_blocks_bytes",
                       "The number of bytes that are currently used for local storage by all blocks.");
  blocks_quarantined = gauge(r, "narthex_tsdb_blocks_quarantined",
                             "Damaged blocks that were set aside since the start of the server.");
  lowest_timestamp =
      gauge(r, "prometheus_tsdb_lowest_timestamp",
            "Lowest timestamp value stored in the database. The unit is decided by the library consumer.");
  lowest_timestamp_seconds =
      gauge(r, "prometheus_tsdb_lowest_timestamp_seconds", "Lowest timestamp value stored in the database.");
  retention_limit_seconds =
      gauge(r, "prometheus_tsdb_retention_limit_seconds", "How long to retain samples in storage.");
  retention_limit_bytes =
      gauge(r, "prometheus_tsdb_retention_limit_bytes",
            "Max number of bytes to be retained in the tsdb blocks, configured 0 means disabled");
  retention_limit_percentage =
      gauge(r, "prometheus_tsdb_retention_limit_percentage",
            "Max percentage of total storage space to be retained in the tsdb blocks, configured 0 means "
            "disabled");
  symbol_table_bytes =
      gauge(r, "prometheus_tsdb_symbol_table_size_bytes", "Size of symbol table in memory for loaded blocks");
  populating_block = gauge(r, "prometheus_tsdb_compaction_populating_block",
                           "Set to 1 when a block is currently being written to the disk.");
  replay_seconds =
      gauge(r, "prometheus_tsdb_data_replay_duration_seconds", "Time taken to replay the data on disk.");
  snapshot_seconds = gauge(r, "narthex_head_snapshot_duration_seconds",
                           "Time taken to write the newest snapshot of the head.");
  snapshot_bytes = gauge(r, "narthex_head_snapshot_size_bytes", "Size of the newest snapshot of the head.");
  reloads = counter(r, "prometheus_tsdb_reloads_total",
                    "Number of times the database reloaded block data from disk.");
  reloads_failed = counter(r, "prometheus_tsdb_reloads_failures_total",
                           "Number of times the database failed to reload block data from disk.");
  compactions = counter(r, "prometheus_tsdb_compactions_total",
                        "Total number of compactions that were executed for the partition.");
  compactions_failed = counter(r, "prometheus_tsdb_compactions_failed_total",
                               "Total number of compactions that failed for the partition.");
  compactions_triggered = counter(r, "prometheus_tsdb_compactions_triggered_total",
                                  "Total number of triggered compactions for the partition.");
  vertical_compactions = counter(r, "prometheus_tsdb_vertical_compactions_total",
                                 "Total number of compactions done on overlapping blocks.");
  size_retentions = counter(r, "prometheus_tsdb_size_retentions_total",
                            "The number of times that blocks were deleted because the maximum number of "
                            "bytes was exceeded.");
  time_retentions = counter(r, "prometheus_tsdb_time_retentions_total",
                            "The number of times that blocks were deleted because the maximum time limit "
                            "was exceeded.");
  checkpoints = counter(r, "prometheus_tsdb_checkpoint_creations_total",
                        "Total number of checkpoint creations attempted.");
  checkpoints_failed = counter(r, "prometheus_tsdb_checkpoint_creations_failed_total",
                               "Total number of checkpoint creations that failed.");
  snapshots = counter(r, "narthex_head_snapshots_total", "Total number of snapshots of the head written.");
  snapshots_failed = counter(r, "narthex_head_snapshots_failed_total",
                             "Total number of snapshots of the head that could not be written.");
  compaction_seconds = histogram(r, "prometheus_tsdb_compaction_duration_seconds",
                                 "Duration of compaction runs", exponential(1, 2, 14));
  tombstone_cleanup_seconds =
      histogram(r, "prometheus_tsdb_tombstone_cleanup_seconds",
                "The time taken to recompact blocks to remove tombstones.", exponential(1, 2, 14));
  chunk_bytes_ = histogram(r, "prometheus_tsdb_compaction_chunk_size_bytes",
                           "Final size of chunks on their first compaction", chunk_bytes_bounds());
  chunk_samples_ = histogram(r, "prometheus_tsdb_compaction_chunk_samples",
                             "Final number of samples on their first compaction", chunk_samples_bounds());
  chunk_range_ = histogram(r, "prometheus_tsdb_compaction_chunk_range_seconds",
                           "Final time range of chunks on their first compaction", chunk_range_bounds());
  wal_truncate_seconds =
      summary(r, "prometheus_tsdb_wal_truncate_duration_seconds", "Duration of WAL truncation.");
}

DbMetrics::~DbMetrics() = default;

}  // namespace narthex::tsdb

#include "tsdb/db_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/summary.h>

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

}  // namespace

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
  replay_seconds =
      gauge(r, "prometheus_tsdb_data_replay_duration_seconds", "Time taken to replay the data on disk.");
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
  time_retentions = counter(r, "prometheus_tsdb_time_retentions_total",
                            "The number of times that blocks were deleted because the maximum time limit "
                            "was exceeded.");
  checkpoints = counter(r, "prometheus_tsdb_checkpoint_creations_total",
                        "Total number of checkpoint creations attempted.");
  checkpoints_failed = counter(r, "prometheus_tsdb_checkpoint_creations_failed_total",
                               "Total number of checkpoint creations that failed.");
  compaction_seconds = summary(r, "prometheus_tsdb_compaction_duration_seconds",
                               "Duration of writing a part of the head as a block.");
  wal_truncate_seconds =
      summary(r, "prometheus_tsdb_wal_truncate_duration_seconds", "Duration of WAL truncation.");
}

DbMetrics::~DbMetrics() = default;

}  // namespace narthex::tsdb

#include "tsdb/wal/wal_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/summary.h>

#include <chrono>

namespace narthex::tsdb {
namespace {

prometheus::Counter* counter(prometheus::Registry& registry, const std::string& name, const char* help,
                             const prometheus::Labels& labels = {}) {
  return &prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Gauge* gauge(prometheus::Registry& registry, const std::string& name, const char* help) {
  return &prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

const char* compression_name(WalCompression compression) {
  switch (compression) {
    case WalCompression::none:
      return "none";
    case WalCompression::snappy:
      return "snappy";
    case WalCompression::zstd:
      return "zstd";
  }
  return "none";
}

}  // namespace

WalMetrics::WalMetrics(prometheus::Registry* registry, WalCompression compression, const std::string& prefix)
    : own_(registry ? nullptr : std::make_unique<prometheus::Registry>()) {
  prometheus::Registry& r = registry ? *registry : *own_;
  fsync_seconds = &prometheus::BuildSummary()
                       .Name(prefix + "fsync_duration_seconds")
                       .Help("Time that syncing a write-ahead log segment to disk took.")
                       .Register(r)
                       .Add({}, prometheus::Summary::Quantiles{{0.5, 0.05}, {0.9, 0.01}, {0.99, 0.001}},
                            std::chrono::minutes(10));
  page_flushes = counter(r, prefix + "page_flushes_total", "Pages written, whole or in part.");
  completed_pages = counter(r, prefix + "completed_pages_total", "Pages filled.");
  truncations = counter(r, prefix + "truncations_total", "Attempts to remove old write-ahead log segments.");
  truncations_failed = counter(r, prefix + "truncations_failed_total",
                               "Failed attempts to remove old write-ahead log segments.");
  segment_current = gauge(r, prefix + "segment_current", "Number of the segment that is being written.");
  writes_failed = counter(r, prefix + "writes_failed_total", "Failed writes to the write-ahead log.");
  storage_size_bytes = gauge(r, prefix + "storage_size_bytes", "Size of the write-ahead log's directory.");
  part_bytes = counter(r, prefix + "record_parts_bytes_written_total",
                       "Bytes of record parts written, with their headers.");
  bytes_saved =
      counter(r, prefix + "record_bytes_saved_total", "Bytes that the compression of records has saved.",
              {{"compression", compression_name(compression)}});
  corruptions =
      counter(r, "prometheus_tsdb_wal_corruptions_total", "Damaged places found in the write-ahead log.");
}

WalMetrics::~WalMetrics() = default;

}  // namespace narthex::tsdb

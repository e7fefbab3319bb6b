#include "tsdb/head/head_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/summary.h>

#include <array>
#include <string>
#include <utility>

#include "model/time.h"
#include "tsdb/db.h"

namespace narthex::tsdb {
namespace {

prometheus::Counter& counter(prometheus::Registry& r, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(r).Add({});
}
prometheus::Gauge& gauge(prometheus::Registry& r, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(r).Add({});
}

constexpr std::array<const char*, 6> kParts = {"labels",      "postings",    "series",
                                               "open_chunks", "full_chunks", "lookup"};

}  // namespace

struct HeadMetrics::Impl {
  explicit Impl(prometheus::Registry* given)
      : own(given == nullptr ? std::make_unique<prometheus::Registry>() : nullptr),
        r(given == nullptr ? *own : *given) {
    auto& bytes = prometheus::BuildGauge()
                      .Name("narthex_head_bytes")
                      .Help("Memory that the head holds, by part.")
                      .Register(r);
    unknown_refs.Add({{"type", "samples"}});
    for (std::size_t i = 0; i < kParts.size(); ++i) parts[i] = &bytes.Add({{"part", kParts[i]}});
  }

  std::unique_ptr<prometheus::Registry> own;
  prometheus::Registry& r;

  /// One for floats, one for histograms.
  struct ByType {
    ByType(prometheus::Registry& registry, const char* name, const char* help)
        : family(prometheus::BuildCounter().Name(name).Help(help).Register(registry)) {}

    prometheus::Family<prometheus::Counter>& family;
    prometheus::Counter& floats = family.Add({{"type", "float"}});
    prometheus::Counter& histograms = family.Add({{"type", "histogram"}});

    prometheus::Counter& of(bool histogram) { return histogram ? histograms : floats; }
  };
  ByType samples{r, "prometheus_tsdb_head_samples_appended_total", "Total number of appended samples."};
  ByType out_of_order{r, "prometheus_tsdb_out_of_order_samples_total",
                      "Total number of out of order samples ingestion failed attempts."};
  ByType out_of_bound{r, "prometheus_tsdb_out_of_bound_samples_total",
                      "Total number of out of bound samples ingestion failed attempts."};
  ByType too_old{r, "prometheus_tsdb_too_old_samples_total",
                 "Total number of samples older than the out-of-order window."};
  ByType late{r, "prometheus_tsdb_head_out_of_order_samples_appended_total",
              "Total number of appended out of order samples."};
  prometheus::Histogram& delay =
      prometheus::BuildHistogram()
          .Name("prometheus_tsdb_sample_ooo_delta")
          .Help("Delta in seconds by which a sample is out of order, whether it is accepted or not.")
          .Register(r)
          .Add({}, prometheus::Histogram::BucketBoundaries{600, 1800, 3600, 7200, 10800, 21600, 43200});
  prometheus::Counter& series_created =
      counter(r, "prometheus_tsdb_head_series_created_total", "Total number of series created in the head");
  prometheus::Counter& series_removed =
      counter(r, "prometheus_tsdb_head_series_removed_total", "Total number of series removed in the head");
  prometheus::Counter& chunks_created =
      counter(r, "prometheus_tsdb_head_chunks_created_total", "Total number of chunks created in the head");
  prometheus::Counter& chunks_removed =
      counter(r, "prometheus_tsdb_head_chunks_removed_total", "Total number of chunks removed in the head");
  prometheus::Family<prometheus::Counter>& unknown_refs =
      prometheus::BuildCounter()
          .Name("prometheus_tsdb_wal_replay_unknown_refs_total")
          .Help("Total number of unknown series references encountered during WAL replay.")
          .Register(r);
  prometheus::Family<prometheus::Counter>& unknown_ooo_refs =
      prometheus::BuildCounter()
          .Name("prometheus_tsdb_wbl_replay_unknown_refs_total")
          .Help("Total number of unknown series references encountered during WBL replay.")
          .Register(r);
  prometheus::Counter& truncations =
      counter(r, "prometheus_tsdb_head_truncations_total", "Total number of head truncations attempted.");
  prometheus::Counter& truncations_failed = counter(r, "prometheus_tsdb_head_truncations_failed_total",
                                                    "Total number of head truncations that failed.");
  prometheus::Summary& gc_seconds = prometheus::BuildSummary()
                                        .Name("prometheus_tsdb_head_gc_duration_seconds")
                                        .Help("Runtime of garbage collection in the head block.")
                                        .Register(r)
                                        .Add({}, prometheus::Summary::Quantiles{});
  prometheus::Gauge& active_appenders =
      gauge(r, "prometheus_tsdb_head_active_appenders", "Number of currently active appender transactions");
  prometheus::Gauge& series =
      gauge(r, "prometheus_tsdb_head_series", "Total number of series in the head block.");
  prometheus::Gauge& stale_series =
      gauge(r, "prometheus_tsdb_head_stale_series", "Total number of stale series in the head block.");
  prometheus::Gauge& histogram_series =
      gauge(r, "prometheus_tsdb_head_native_histogram_series",
            "Number of series in the head whose newest sample is a native histogram.");
  prometheus::Gauge& histogram_buckets =
      gauge(r, "prometheus_tsdb_head_native_histogram_buckets",
            "Number of buckets of the newest native histograms of all series in the head.");
  prometheus::Gauge& chunks =
      gauge(r, "prometheus_tsdb_head_chunks", "Total number of chunks in the head block.");
  prometheus::Gauge& min_time = gauge(r, "prometheus_tsdb_head_min_time",
                                      "Minimum time bound of the head block. The unit is decided by the "
                                      "library consumer.");
  prometheus::Gauge& max_time = gauge(r, "prometheus_tsdb_head_max_time",
                                      "Maximum timestamp of the head block. The unit is decided by the "
                                      "library consumer.");
  prometheus::Gauge& min_time_seconds =
      gauge(r, "prometheus_tsdb_head_min_time_seconds", "Minimum time bound of the head block.");
  prometheus::Gauge& max_time_seconds =
      gauge(r, "prometheus_tsdb_head_max_time_seconds", "Maximum timestamp of the head block.");
  std::array<prometheus::Gauge*, kParts.size()> parts{};
};

HeadMetrics::HeadMetrics(prometheus::Registry* registry) : impl_(std::make_unique<Impl>(registry)) {}
HeadMetrics::~HeadMetrics() = default;

void HeadMetrics::count_appended(std::uint64_t floats, std::uint64_t histograms) {
  impl_->samples.floats.Increment(static_cast<double>(floats));
  if (histograms > 0) impl_->samples.histograms.Increment(static_cast<double>(histograms));
}
void HeadMetrics::count_refused(storage::AppendFault fault, bool histogram) {
  if (fault == storage::AppendFault::out_of_order) impl_->out_of_order.of(histogram).Increment();
  if (fault == storage::AppendFault::out_of_bounds) impl_->out_of_bound.of(histogram).Increment();
  if (fault == storage::AppendFault::too_old) impl_->too_old.of(histogram).Increment();
}
void HeadMetrics::count_out_of_order(std::uint64_t floats, std::uint64_t histograms) {
  impl_->late.floats.Increment(static_cast<double>(floats));
  impl_->late.histograms.Increment(static_cast<double>(histograms));
}
void HeadMetrics::observe_delay(DurationMs delay) {
  impl_->delay.Observe(static_cast<double>(delay) / 1000);
}
void HeadMetrics::count_series_created(std::uint64_t n) {
  impl_->series_created.Increment(static_cast<double>(n));
  impl_->series.Increment(static_cast<double>(n));
}
void HeadMetrics::count_series_removed(std::uint64_t n) {
  impl_->series_removed.Increment(static_cast<double>(n));
  impl_->series.Decrement(static_cast<double>(n));
}
void HeadMetrics::count_chunks_created(std::uint64_t n) {
  impl_->chunks_created.Increment(static_cast<double>(n));
  impl_->chunks.Increment(static_cast<double>(n));
}
void HeadMetrics::count_chunks_removed(std::uint64_t n) {
  impl_->chunks_removed.Increment(static_cast<double>(n));
  impl_->chunks.Decrement(static_cast<double>(n));
}
void HeadMetrics::count_unknown_refs(std::uint64_t n, const char* kind) {
  if (n > 0) impl_->unknown_refs.Add({{"type", kind}}).Increment(static_cast<double>(n));
}
void HeadMetrics::count_unknown_ooo_refs(std::uint64_t n, const char* kind) {
  if (n > 0) impl_->unknown_ooo_refs.Add({{"type", kind}}).Increment(static_cast<double>(n));
}
void HeadMetrics::count_truncation(double seconds) {
  impl_->truncations.Increment();
  impl_->gc_seconds.Observe(seconds);
}
void HeadMetrics::count_failed_truncation() {
  impl_->truncations_failed.Increment();
}
void HeadMetrics::add_active_appender(int by) {
  impl_->active_appenders.Increment(by);
}

void HeadMetrics::set_time_range(Timestamp mint, Timestamp maxt) {
  impl_->min_time.Set(static_cast<double>(mint));
  impl_->max_time.Set(static_cast<double>(maxt));
  // Prometheus divides the milliseconds of an empty head as well.
  impl_->min_time_seconds.Set(static_cast<double>(mint / 1000));
  impl_->max_time_seconds.Set(static_cast<double>(maxt / 1000));
}

void HeadMetrics::set_stats(const HeadStats& s, std::uint64_t stale_series) {
  impl_->series.Set(static_cast<double>(s.series));
  impl_->stale_series.Set(static_cast<double>(stale_series));
  impl_->chunks.Set(static_cast<double>(s.chunks));
  impl_->histogram_series.Set(static_cast<double>(s.histogram_series));
  impl_->histogram_buckets.Set(static_cast<double>(s.histogram_buckets));
  set_time_range(s.mint, s.maxt);
  const std::array<std::uint64_t, kParts.size()> bytes = {s.memory.labels,      s.memory.postings,
                                                          s.memory.series,      s.memory.open_chunks,
                                                          s.memory.full_chunks, s.memory.lookup};
  for (std::size_t i = 0; i < bytes.size(); ++i) impl_->parts[i]->Set(static_cast<double>(bytes[i]));
}

}  // namespace narthex::tsdb

#include "query/engine/engine_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include "telemetry/registry.h"

namespace narthex::query {

namespace {

/// One slice of a query's time, as summary and as histogram.
struct Slice {
  telemetry::DurationSummary& summary;
  prometheus::Histogram& histogram;
  void observe(double seconds) const {
    summary.observe(seconds);
    histogram.Observe(seconds);
  }
};

class Slices {
 public:
  explicit Slices(telemetry::Registry& registry)
      : registry_(registry),
        histograms_(prometheus::BuildHistogram()
                        .Name("prometheus_engine_query_duration_histogram_seconds")
                        .Help("The duration of various parts of PromQL query execution.")
                        .Register(registry)) {}

  Slice add(const char* name) {
    const prometheus::Histogram::BucketBoundaries buckets{.01, .1, 1, 10};
    return {registry_.summary("prometheus_engine_query_duration_seconds", "Query timings", {{"slice", name}},
                              {0.5, 0.9, 0.99}),
            histograms_.Add({{"slice", name}}, buckets)};
  }

 private:
  telemetry::Registry& registry_;
  prometheus::Family<prometheus::Histogram>& histograms_;
};

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace

struct EngineMetrics::Impl {
  explicit Impl(telemetry::Registry& registry)
      : slices(registry),
        queue(slices.add("queue_time")),
        preparation(slices.add("prepare_time")),
        inner_eval(slices.add("inner_eval")),
        result_sort(slices.add("result_sort")),
        queries(gauge(registry, "prometheus_engine_queries",
                      "The current number of queries being executed or waiting.")),
        concurrent_max(gauge(registry, "prometheus_engine_queries_concurrent_max",
                             "The max number of concurrent queries.")),
        log_enabled(gauge(registry, "prometheus_engine_query_log_enabled", "State of the query log.")),
        log_failures(counter(registry, "prometheus_engine_query_log_failures_total",
                             "The number of query log failures.")),
        samples(counter(registry, "prometheus_engine_query_samples_total",
                        "The total number of samples loaded by all queries (full window per step for "
                        "range-vector).")),
        samples_read(counter(registry, "prometheus_engine_query_samples_read_total",
                             "The total number of samples read by all queries (only new points per step for "
                             "range-vector).")) {}

  Slices slices;
  Slice queue;
  Slice preparation;
  Slice inner_eval;
  Slice result_sort;
  prometheus::Gauge& queries;
  prometheus::Gauge& concurrent_max;
  prometheus::Gauge& log_enabled;
  prometheus::Counter& log_failures;
  prometheus::Counter& samples;
  prometheus::Counter& samples_read;
};

EngineMetrics::EngineMetrics(telemetry::Registry& registry, std::size_t max_concurrency)
    : impl_(std::make_unique<Impl>(registry)) {
  impl_->concurrent_max.Set(static_cast<double>(max_concurrency));
}

EngineMetrics::~EngineMetrics() = default;

void EngineMetrics::query_began() {
  impl_->queries.Increment();
}

void EngineMetrics::query_ended(const QueryStats& stats) {
  impl_->queries.Decrement();
  impl_->samples.Increment(static_cast<double>(stats.total_queryable_samples));
  impl_->samples_read.Increment(static_cast<double>(stats.samples_read));
  if (stats.preparation_seconds > 0) impl_->preparation.observe(stats.preparation_seconds);
  if (stats.inner_eval_seconds > 0) impl_->inner_eval.observe(stats.inner_eval_seconds);
  if (stats.result_sort_seconds > 0) impl_->result_sort.observe(stats.result_sort_seconds);
}

void EngineMetrics::observe_queue(double seconds) {
  impl_->queue.observe(seconds);
}

void EngineMetrics::query_log_enabled(bool enabled) {
  impl_->log_enabled.Set(enabled ? 1 : 0);
}

void EngineMetrics::query_log_failed() {
  impl_->log_failures.Increment();
}

}  // namespace narthex::query

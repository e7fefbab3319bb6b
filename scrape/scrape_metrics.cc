#include "scrape/scrape_metrics.h"

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/summary.h>

#include <utility>

#include "telemetry/memory_metric.h"
#include "telemetry/registry.h"

namespace narthex::scrape {

namespace {

const prometheus::Summary::Quantiles kQuantiles{
    {0.01, 0.001}, {0.05, 0.005}, {0.5, 0.05}, {0.90, 0.01}, {0.99, 0.001}};
const prometheus::Histogram::BucketBoundaries kBuckets{.01, .1, 1, 10};

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

// Go's time.Duration.String, which is what the label `interval` shows: 15s, 1m0s, 1.5s, 100ms.
std::string go_duration(DurationMs ms) {
  if (ms < 1000) return fmt::format("{}ms", ms);
  std::string seconds = fmt::format("{}", static_cast<double>(ms % 60'000) / 1000) + "s";
  const DurationMs minutes = ms / 60'000;
  if (minutes == 0) return seconds;
  if (minutes < 60) return fmt::format("{}m{}", minutes, seconds);
  return fmt::format("{}h{}m{}", minutes / 60, minutes % 60, seconds);
}

prometheus::Labels of_job(const std::string& job) {
  return {{"scrape_job", job}};
}

}  // namespace

struct ScrapeMetrics::Families {
  explicit Families(telemetry::Registry& on)
      : registry(on),
        interval_histogram(prometheus::BuildHistogram()
                               .Name("prometheus_target_interval_length_histogram_seconds")
                               .Help("Actual intervals between scrapes.")
                               .Register(registry)),
        reload(prometheus::BuildSummary()
                   .Name("prometheus_target_reload_length_seconds")
                   .Help("Actual interval to reload the scrape pool with a given configuration.")
                   .Register(registry)),
        sync(prometheus::BuildSummary()
                 .Name("prometheus_target_sync_length_seconds")
                 .Help("Actual interval to sync the scrape pool.")
                 .Register(registry)),
        sync_histogram(prometheus::BuildHistogram()
                           .Name("prometheus_target_sync_length_histogram_seconds")
                           .Help("Actual interval to sync the scrape pool.")
                           .Register(registry)),
        syncs(prometheus::BuildCounter()
                  .Name("prometheus_target_scrape_pool_sync_total")
                  .Help("Total number of syncs that were executed on a scrape pool.")
                  .Register(registry)),
        sync_failures(prometheus::BuildCounter()
                          .Name("prometheus_target_sync_failed_total")
                          .Help("Total number of target sync failures.")
                          .Register(registry)),
        targets(prometheus::BuildGauge()
                    .Name("prometheus_target_scrape_pool_targets")
                    .Help("Current number of targets in this scrape pool.")
                    .Register(registry)),
        target_limit(prometheus::BuildGauge()
                         .Name("prometheus_target_scrape_pool_target_limit")
                         .Help("Maximum number of targets allowed in this scrape pool.")
                         .Register(registry)),
        metadata_entries(prometheus::BuildGauge()
                             .Name("prometheus_target_metadata_cache_entries")
                             .Help("Total number of metric metadata entries in the cache")
                             .Register(registry)),
        metadata_bytes(
            prometheus::BuildGauge()
                .Name("prometheus_target_metadata_cache_bytes")
                .Help("The number of bytes that are currently used for storing metric metadata in the cache")
                .Register(registry)),
        scrape_duration(prometheus::BuildHistogram()
                            .Name("prometheus_target_scrape_duration_seconds")
                            .Help("Total duration of the scrape from start to commit completion in seconds.")
                            .Register(registry)
                            .Add({}, prometheus::Histogram::BucketBoundaries{.005, .01, .025, .05, .1, .25,
                                                                             .5, 1, 2.5, 5, 10})) {}

  telemetry::Registry& registry;
  prometheus::Family<prometheus::Histogram>& interval_histogram;
  prometheus::Family<prometheus::Summary>& reload;
  prometheus::Family<prometheus::Summary>& sync;
  prometheus::Family<prometheus::Histogram>& sync_histogram;
  prometheus::Family<prometheus::Counter>& syncs;
  prometheus::Family<prometheus::Counter>& sync_failures;
  prometheus::Family<prometheus::Gauge>& targets;
  prometheus::Family<prometheus::Gauge>& target_limit;
  prometheus::Family<prometheus::Gauge>& metadata_entries;
  prometheus::Family<prometheus::Gauge>& metadata_bytes;
  prometheus::Histogram& scrape_duration;
};

ScrapeMetrics::ScrapeMetrics(telemetry::Registry* registry)
    : ScrapeMetrics(registry ? nullptr : std::make_unique<telemetry::Registry>(), registry) {}

ScrapeMetrics::ScrapeMetrics(std::unique_ptr<telemetry::Registry> own, telemetry::Registry* registry)
    : pools(counter(registry ? *registry : *own, "prometheus_target_scrape_pools_total",
                    "Total number of scrape pool creation attempts.")),
      pools_failed(counter(registry ? *registry : *own, "prometheus_target_scrape_pools_failed_total",
                           "Total number of scrape pool creations that failed.")),
      reloads(counter(registry ? *registry : *own, "prometheus_target_scrape_pool_reloads_total",
                      "Total number of scrape pool reloads.")),
      reloads_failed(counter(registry ? *registry : *own,
                             "prometheus_target_scrape_pool_reloads_failed_total",
                             "Total number of failed scrape pool reloads.")),
      exceeded_target_limit(
          counter(registry ? *registry : *own, "prometheus_target_scrape_pool_exceeded_target_limit_total",
                  "Total number of times scrape pools hit the target limit, during sync or config reload.")),
      exceeded_label_limits(
          counter(registry ? *registry : *own, "prometheus_target_scrape_pool_exceeded_label_limits_total",
                  "Total number of times scrape pools hit the label limits, during sync or config reload.")),
      exceeded_sample_limit(counter(registry ? *registry : *own,
                                    "prometheus_target_scrapes_exceeded_sample_limit_total",
                                    "Total number of scrapes that hit the sample limit and were rejected.")),
      exceeded_body_size_limit(counter(registry ? *registry : *own,
                                       "prometheus_target_scrapes_exceeded_body_size_limit_total",
                                       "Total number of scrapes that hit the body size limit")),
      duplicate_timestamp(
          counter(registry ? *registry : *own, "prometheus_target_scrapes_sample_duplicate_timestamp_total",
                  "Total number of samples rejected due to duplicate timestamps but different values.")),
      out_of_order(counter(registry ? *registry : *own, "prometheus_target_scrapes_sample_out_of_order_total",
                           "Total number of samples rejected due to not being out of the expected order.")),
      out_of_bounds(
          counter(registry ? *registry : *own, "prometheus_target_scrapes_sample_out_of_bounds_total",
                  "Total number of samples rejected due to timestamp falling outside of the time bounds.")),
      exemplar_out_of_order(
          counter(registry ? *registry : *own, "prometheus_target_scrapes_exemplar_out_of_order_total",
                  "Total number of exemplars rejected due to not being in the expected order.")),
      cache_flush_forced(
          counter(registry ? *registry : *own, "prometheus_target_scrapes_cache_flush_forced_total",
                  "How many times a scrape cache was flushed due to getting big while scrapes are failing.")),
      cache_bytes(prometheus::BuildGauge()
                      .Name(telemetry::kMemoryMetric)
                      .Help(telemetry::kMemoryHelp)
                      .Register(registry ? *registry : *own)
                      .Add({{"part", "scrape_caches"}})),
      held(counter(registry ? *registry : *own, "narthex_scrapes_held_total",
                   "Scrapes that were held until the database was open.")),
      held_dropped(counter(registry ? *registry : *own, "narthex_scrapes_held_dropped_total",
                           "Held scrapes that were given up, as there was no room for more.")),
      held_bytes(prometheus::BuildGauge()
                     .Name(telemetry::kMemoryMetric)
                     .Help(telemetry::kMemoryHelp)
                     .Register(registry ? *registry : *own)
                     .Add({{"part", "held_scrapes"}})),
      own_(std::move(own)),
      families_(std::make_unique<Families>(registry ? *registry : *own_)) {}

ScrapeMetrics::~ScrapeMetrics() = default;

void ScrapeMetrics::Interval::observe(double seconds) const {
  summary_->observe(seconds);
  histogram_->Observe(seconds);
}

ScrapeMetrics::Interval ScrapeMetrics::interval(DurationMs interval) {
  const prometheus::Labels labels{{"interval", go_duration(interval)}};
  return {
      families_->registry.summary("prometheus_target_interval_length_seconds",
                                  "Actual intervals between scrapes.", labels, {0.01, 0.05, 0.5, 0.9, 0.99}),
      families_->interval_histogram.Add(labels, kBuckets)};
}

void ScrapeMetrics::observe_sync(const std::string& job, double seconds, std::size_t targets,
                                 std::size_t failures) {
  families_->sync.Add(of_job(job), kQuantiles).Observe(seconds);
  families_->sync_histogram.Add(of_job(job), kBuckets).Observe(seconds);
  families_->syncs.Add(of_job(job)).Increment();
  families_->sync_failures.Add(of_job(job)).Increment(static_cast<double>(failures));
  families_->targets.Add(of_job(job)).Set(static_cast<double>(targets));
}

void ScrapeMetrics::observe_reload(DurationMs interval, double seconds) {
  families_->reload.Add({{"interval", go_duration(interval)}}, kQuantiles).Observe(seconds);
}

void ScrapeMetrics::observe_scrape(double seconds) {
  families_->scrape_duration.Observe(seconds);
}

void ScrapeMetrics::set_target_limit(const std::string& job, std::uint64_t limit) {
  families_->target_limit.Add(of_job(job)).Set(static_cast<double>(limit));
}

void ScrapeMetrics::add_metadata(const std::string& job, double entries, double bytes) {
  families_->metadata_entries.Add(of_job(job)).Increment(entries);
  families_->metadata_bytes.Add(of_job(job)).Increment(bytes);
}

void ScrapeMetrics::forget_job(const std::string& job) {
  const prometheus::Labels labels = of_job(job);
  families_->sync.Remove(&families_->sync.Add(labels, kQuantiles));
  families_->sync_histogram.Remove(&families_->sync_histogram.Add(labels, kBuckets));
  families_->syncs.Remove(&families_->syncs.Add(labels));
  families_->sync_failures.Remove(&families_->sync_failures.Add(labels));
  families_->targets.Remove(&families_->targets.Add(labels));
  families_->target_limit.Remove(&families_->target_limit.Add(labels));
}

}  // namespace narthex::scrape

#include "net/discovery/discovery_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/summary.h>

#include <utility>

namespace narthex::net {

namespace {

prometheus::Counter* counter(prometheus::Registry& registry, const char* metric, const char* help,
                             const prometheus::Labels& labels) {
  return &prometheus::BuildCounter().Name(metric).Help(help).Register(registry).Add(labels);
}

prometheus::Family<prometheus::Gauge>* gauges(prometheus::Registry& registry, const char* metric,
                                              const char* help) {
  return &prometheus::BuildGauge().Name(metric).Help(help).Register(registry);
}

}  // namespace

DiscoveryMetrics::DiscoveryMetrics(prometheus::Registry* registry, std::string name)
    : name_(std::move(name)), enabled_(registry != nullptr) {
  if (!enabled_) return;
  const prometheus::Labels labels{{"name", name_}};
  received_ = counter(*registry, "prometheus_sd_received_updates_total",
                      "Total number of update events received from the SD providers.", labels);
  delayed_ = counter(*registry, "prometheus_sd_updates_delayed_total",
                     "Total number of update events that couldn't be sent immediately.", labels);
  sent_ = counter(*registry, "prometheus_sd_updates_total",
                  "Total number of update events sent to the SD consumers.", labels);
  targets_ = gauges(*registry, "prometheus_sd_discovered_targets", "Current number of discovered targets.");
  last_update_ = gauges(*registry, "prometheus_sd_last_update_timestamp_seconds",
                        "Timestamp of the last update sent to the SD consumers.");
  // What cannot be loaded is refused with the configuration as a whole, hence always 0.
  gauges(*registry, "prometheus_sd_failed_configs",
         "Current number of service discovery configurations that failed to load.")
      ->Add(labels)
      .Set(0);
  watcher_errors_ = counter(*registry, "prometheus_sd_file_watcher_errors_total",
                            "The number of File-SD errors caused by filesystem watch failures.", {});
  read_errors_ =
      counter(*registry, "prometheus_sd_file_read_errors_total", "The number of File-SD read errors.", {});
  scan_seconds_ = &prometheus::BuildSummary()
                       .Name("prometheus_sd_file_scan_duration_seconds")
                       .Help("The duration of the File-SD scan in seconds.")
                       .Register(*registry)
                       .Add({}, prometheus::Summary::Quantiles{{0.5, 0.05}, {0.9, 0.01}, {0.99, 0.001}});
}

void DiscoveryMetrics::received_update() {
  if (enabled_) received_->Increment();
}

void DiscoveryMetrics::delayed_update() {
  if (enabled_) delayed_->Increment();
}

void DiscoveryMetrics::sent_update() {
  if (enabled_) sent_->Increment();
}

void DiscoveryMetrics::watch_failed(std::size_t count) {
  if (enabled_) watcher_errors_->Increment(static_cast<double>(count));
}

void DiscoveryMetrics::files_read(double seconds, std::size_t errors) {
  if (!enabled_) return;
  scan_seconds_->Observe(seconds);
  read_errors_->Increment(static_cast<double>(errors));
}

void DiscoveryMetrics::discovered(const std::string& job, std::size_t targets, Timestamp now) {
  if (!enabled_) return;
  const prometheus::Labels labels{{"name", name_}, {"config", job}};
  targets_->Add(labels).Set(static_cast<double>(targets));
  last_update_->Add(labels).Set(static_cast<double>(now) / 1000);
  jobs_.insert(job);
}

void DiscoveryMetrics::keep_jobs(const std::set<std::string>& jobs) {
  if (!enabled_) return;
  std::erase_if(jobs_, [&](const std::string& job) {
    if (jobs.contains(job)) return false;
    const prometheus::Labels labels{{"name", name_}, {"config", job}};
    targets_->Remove(&targets_->Add(labels));
    last_update_->Remove(&last_update_->Add(labels));
    return true;
  });
}

}  // namespace narthex::net

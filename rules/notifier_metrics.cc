#include "rules/notifier_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/summary.h>

#include <map>

#include "sync/mutex.h"

namespace narthex::rules {

namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Summary;

Family<Counter>& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}
Family<Gauge>& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

}  // namespace

struct AlertmanagerMetrics::Series {
  Series(NotifierMetrics::Families& of, const std::string& url);
  ~Series();
  Series(const Series&) = delete;
  Series& operator=(const Series&) = delete;

  NotifierMetrics::Families& families;
  Summary& latency;
  Histogram& latency_histogram;
  Counter& errors;
  Counter& sent;
  Counter& dropped;
  Gauge& queue_length;
};

struct NotifierMetrics::Families {
  Families(std::unique_ptr<prometheus::Registry> own_registry, prometheus::Registry& r)
      : own(std::move(own_registry)),
        latency(prometheus::BuildSummary()
                    .Name("prometheus_notifications_latency_seconds")
                    .Help("Latency quantiles for sending alert notifications.")
                    .Register(r)),
        latency_histogram(prometheus::BuildHistogram()
                              .Name("prometheus_notifications_latency_histogram_seconds")
                              .Help("Latency histogram for sending alert notifications.")
                              .Register(r)),
        errors(counter(r, "prometheus_notifications_errors_total",
                       "Total number of sent alerts affected by errors.")),
        sent(counter(r, "prometheus_notifications_sent_total", "Total number of alerts sent.")),
        dropped(counter(r, "prometheus_notifications_dropped_total",
                        "Total number of alerts dropped due to errors when sending to Alertmanager.")),
        queue_length(gauge(r, "prometheus_notifications_queue_length",
                           "The number of alert notifications in the queue.")),
        queue_capacity(gauge(r, "prometheus_notifications_queue_capacity",
                             "The capacity of the alert notifications queue.")
                           .Add({})),
        discovered(gauge(r, "prometheus_notifications_alertmanagers_discovered",
                         "The number of alertmanagers discovered and active.")
                       .Add({})) {}

  std::unique_ptr<prometheus::Registry> own;  ///< where there is no other
  Family<Summary>& latency;
  Family<Histogram>& latency_histogram;
  Family<Counter>& errors;
  Family<Counter>& sent;
  Family<Counter>& dropped;
  Family<Gauge>& queue_length;
  Gauge& queue_capacity;
  Gauge& discovered;

  sync::Mutex mutex;
  std::map<std::string, std::weak_ptr<AlertmanagerMetrics::Series>> by_url NARTHEX_GUARDED_BY(mutex);
};

AlertmanagerMetrics::Series::Series(NotifierMetrics::Families& of, const std::string& url)
    : families(of),
      latency(of.latency.Add({{"alertmanager", url}},
                             Summary::Quantiles{{0.5, 0.05}, {0.9, 0.01}, {0.99, 0.001}},
                             std::chrono::minutes(10), 5)),
      latency_histogram(
          of.latency_histogram.Add({{"alertmanager", url}}, Histogram::BucketBoundaries{.01, .1, 1, 10})),
      errors(of.errors.Add({{"alertmanager", url}})),
      sent(of.sent.Add({{"alertmanager", url}})),
      dropped(of.dropped.Add({{"alertmanager", url}})),
      queue_length(of.queue_length.Add({{"alertmanager", url}})) {}

AlertmanagerMetrics::Series::~Series() {
  families.latency.Remove(&latency);
  families.latency_histogram.Remove(&latency_histogram);
  families.errors.Remove(&errors);
  families.sent.Remove(&sent);
  families.dropped.Remove(&dropped);
  families.queue_length.Remove(&queue_length);
}

NotifierMetrics::NotifierMetrics(prometheus::Registry* registry, std::size_t queue_capacity) {
  auto own = registry == nullptr ? std::make_unique<prometheus::Registry>() : nullptr;
  prometheus::Registry& used = registry == nullptr ? *own : *registry;
  families_ = std::make_unique<Families>(std::move(own), used);
  families_->queue_capacity.Set(static_cast<double>(queue_capacity));
}
NotifierMetrics::~NotifierMetrics() = default;

void NotifierMetrics::alertmanagers_discovered(std::size_t count) {
  families_->discovered.Set(static_cast<double>(count));
}

AlertmanagerMetrics::AlertmanagerMetrics(std::shared_ptr<NotifierMetrics> metrics, const std::string& url)
    : metrics_(std::move(metrics)) {
  NotifierMetrics::Families& families = *metrics_->families_;
  const sync::MutexLock lock(families.mutex);
  std::weak_ptr<Series>& known = families.by_url[url];
  series_ = known.lock();
  if (series_) return;
  series_ = std::make_shared<Series>(families, url);
  known = series_;
}
AlertmanagerMetrics::~AlertmanagerMetrics() {
  const sync::MutexLock lock(metrics_->families_->mutex);
  series_.reset();
  std::erase_if(metrics_->families_->by_url, [](const auto& entry) { return entry.second.expired(); });
}

void AlertmanagerMetrics::queue_length(std::size_t alerts) {
  series_->queue_length.Set(static_cast<double>(alerts));
}
void AlertmanagerMetrics::dropped(std::size_t alerts) {
  series_->dropped.Increment(static_cast<double>(alerts));
}
void AlertmanagerMetrics::sent(std::size_t alerts, double seconds) {
  series_->sent.Increment(static_cast<double>(alerts));
  series_->latency.Observe(seconds);
  series_->latency_histogram.Observe(seconds);
}
void AlertmanagerMetrics::failed(std::size_t alerts) {
  series_->errors.Increment(static_cast<double>(alerts));
}

}  // namespace narthex::rules

// prometheus_target_*: how scraping fares, as dashboards and alerts of Prometheus ask for it.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <memory>
#include <set>
#include <string>

#include "model/time.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
template <typename T>
class Family;
}  // namespace prometheus

namespace narthex::telemetry {
class DurationSummary;
class Registry;
}  // namespace narthex::telemetry

namespace narthex::scrape {

class ScrapeMetrics {
 public:
  /// @param registry  null: counted where nobody looks
  explicit ScrapeMetrics(telemetry::Registry* registry);
  ~ScrapeMetrics();

  /// Times between the beginnings of two scrapes of a target. Looking a metric up by its labels costs
  /// more than observing: a loop keeps this.
  class Interval {
   public:
    void observe(double seconds) const;

   private:
    friend class ScrapeMetrics;
    Interval(telemetry::DurationSummary& summary, prometheus::Histogram& histogram)
        : summary_(&summary), histogram_(&histogram) {}

    telemetry::DurationSummary* summary_;
    prometheus::Histogram* histogram_;
  };
  /// Of targets with this interval; on the page from now on. Valid while this is.
  [[nodiscard]] Interval interval(DurationMs interval);
  void observe_sync(const std::string& job, double seconds, std::size_t targets, std::size_t failures);
  void observe_reload(DurationMs interval, double seconds);
  void observe_scrape(double seconds);
  void set_target_limit(const std::string& job, std::uint64_t limit);
  /// What the metadata of one target grew by.
  void add_metadata(const std::string& job, double entries, double bytes);
  /// The job is gone: so are its series.
  void forget_job(const std::string& job);

  prometheus::Counter& pools;
  prometheus::Counter& pools_failed;
  prometheus::Counter& reloads;
  prometheus::Counter& reloads_failed;
  prometheus::Counter& exceeded_target_limit;
  prometheus::Counter& exceeded_label_limits;
  prometheus::Counter& exceeded_sample_limit;
  prometheus::Counter& exceeded_body_size_limit;
  prometheus::Counter& duplicate_timestamp;
  prometheus::Counter& out_of_order;
  prometheus::Counter& out_of_bounds;
  prometheus::Counter& exemplar_out_of_order;
  prometheus::Counter& cache_flush_forced;
  prometheus::Gauge& cache_bytes;  ///< of all targets
  /// Of pages that wait for the store.
  prometheus::Counter& held;
  prometheus::Counter& held_dropped;
  prometheus::Gauge& held_bytes;

 private:
  struct Families;
  explicit ScrapeMetrics(std::unique_ptr<telemetry::Registry> own, telemetry::Registry* registry);

  std::unique_ptr<telemetry::Registry> own_;
  std::unique_ptr<Families> families_;
};

}  // namespace narthex::scrape

#include "rules/rule_metrics.h"

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

Family<Counter>& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}
Family<Gauge>& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

const prometheus::Histogram::BucketBoundaries& seconds_buckets() {
  static const prometheus::Histogram::BucketBoundaries kBuckets = {.01, .1, 1, 10};
  return kBuckets;
}

prometheus::Summary& summary(prometheus::Registry& registry, const char* name, const char* help,
                             const prometheus::Summary::Quantiles& quantiles) {
  // The window is client_golang's: ten minutes in five parts.
  return prometheus::BuildSummary().Name(name).Help(help).Register(registry).Add({}, quantiles,
                                                                                 std::chrono::minutes(10), 5);
}

prometheus::Histogram& histogram(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, seconds_buckets());
}

}  // namespace

struct GroupMetrics::Series {
  Series(RuleMetrics::Families& of, const std::string& key);
  ~Series();
  Series(const Series&) = delete;
  Series& operator=(const Series&) = delete;

  RuleMetrics::Families& families;
  Counter& missed;
  Counter& iterations;
  Counter& evaluations;
  Counter& failures;
  Gauge& interval;
  Gauge& last_evaluation;
  Gauge& last_duration;
  Gauge& last_rules_duration;
  Gauge& rules;
  Gauge& samples;
};

struct RuleMetrics::Families {
  explicit Families(std::unique_ptr<prometheus::Registry> own_registry, prometheus::Registry& r)
      : own(std::move(own_registry)),
        missed(
            counter(r, "prometheus_rule_group_iterations_missed_total",
                    "The total number of rule group evaluations missed due to slow rule group evaluation.")),
        iterations(
            counter(r, "prometheus_rule_group_iterations_total",
                    "The total number of scheduled rule group evaluations, whether executed or missed.")),
        evaluations(counter(r, "prometheus_rule_evaluations_total", "The total number of rule evaluations.")),
        failures(counter(r, "prometheus_rule_evaluation_failures_total",
                         "The total number of rule evaluation failures.")),
        interval(gauge(r, "prometheus_rule_group_interval_seconds", "The interval of a rule group.")),
        last_evaluation(gauge(r, "prometheus_rule_group_last_evaluation_timestamp_seconds",
                              "The timestamp of the last rule group evaluation in seconds.")),
        last_duration(gauge(r, "prometheus_rule_group_last_duration_seconds",
                            "The duration of the last rule group evaluation.")),
        last_rules_duration(gauge(r, "prometheus_rule_group_last_rule_duration_sum_seconds",
                                  "The sum of time in seconds it took to evaluate each rule in the group.")),
        rules(gauge(r, "prometheus_rule_group_rules", "The number of rules.")),
        samples(gauge(r, "prometheus_rule_group_last_evaluation_samples",
                      "The number of samples returned during the last rule group evaluation.")),
        rule_summary(summary(r, "prometheus_rule_evaluation_duration_seconds",
                             "The duration for a rule to execute.",
                             {{0.5, 0.05}, {0.9, 0.01}, {0.99, 0.001}})),
        rule_histogram(histogram(r, "prometheus_rule_evaluation_duration_histogram_seconds",
                                 "The duration for a rule to execute.")),
        group_summary(summary(r, "prometheus_rule_group_duration_seconds",
                              "The duration of rule group evaluations.",
                              {{0.01, 0.001}, {0.05, 0.005}, {0.5, 0.05}, {0.9, 0.01}, {0.99, 0.001}})),
        group_histogram(histogram(r, "prometheus_rule_group_duration_histogram_seconds",
                                  "The duration of rule group evaluations.")) {}

  std::unique_ptr<prometheus::Registry> own;  ///< where there is no other
  Family<Counter>& missed;
  Family<Counter>& iterations;
  Family<Counter>& evaluations;
  Family<Counter>& failures;
  Family<Gauge>& interval;
  Family<Gauge>& last_evaluation;
  Family<Gauge>& last_duration;
  Family<Gauge>& last_rules_duration;
  Family<Gauge>& rules;
  Family<Gauge>& samples;
  prometheus::Summary& rule_summary;
  prometheus::Histogram& rule_histogram;
  prometheus::Summary& group_summary;
  prometheus::Histogram& group_histogram;

  sync::Mutex mutex;
  std::map<std::string, std::weak_ptr<GroupMetrics::Series>> groups NARTHEX_GUARDED_BY(mutex);
};

GroupMetrics::Series::Series(RuleMetrics::Families& of, const std::string& key)
    : families(of),
      missed(of.missed.Add({{"rule_group", key}})),
      iterations(of.iterations.Add({{"rule_group", key}})),
      evaluations(of.evaluations.Add({{"rule_group", key}})),
      failures(of.failures.Add({{"rule_group", key}})),
      interval(of.interval.Add({{"rule_group", key}})),
      last_evaluation(of.last_evaluation.Add({{"rule_group", key}})),
      last_duration(of.last_duration.Add({{"rule_group", key}})),
      last_rules_duration(of.last_rules_duration.Add({{"rule_group", key}})),
      rules(of.rules.Add({{"rule_group", key}})),
      samples(of.samples.Add({{"rule_group", key}})) {}

GroupMetrics::Series::~Series() {
  families.missed.Remove(&missed);
  families.iterations.Remove(&iterations);
  families.evaluations.Remove(&evaluations);
  families.failures.Remove(&failures);
  families.interval.Remove(&interval);
  families.last_evaluation.Remove(&last_evaluation);
  families.last_duration.Remove(&last_duration);
  families.last_rules_duration.Remove(&last_rules_duration);
  families.rules.Remove(&rules);
  families.samples.Remove(&samples);
}

RuleMetrics::RuleMetrics(prometheus::Registry* registry) {
  auto own = registry == nullptr ? std::make_unique<prometheus::Registry>() : nullptr;
  prometheus::Registry& used = registry == nullptr ? *own : *registry;
  families_ = std::make_unique<Families>(std::move(own), used);
}
RuleMetrics::~RuleMetrics() = default;

void RuleMetrics::rule_evaluated(double seconds) {
  families_->rule_summary.Observe(seconds);
  families_->rule_histogram.Observe(seconds);
}
void RuleMetrics::group_evaluated(double seconds) {
  families_->group_summary.Observe(seconds);
  families_->group_histogram.Observe(seconds);
}

GroupMetrics::GroupMetrics(std::shared_ptr<RuleMetrics> metrics, const std::string& group_key)
    : metrics_(std::move(metrics)) {
  RuleMetrics::Families& families = *metrics_->families_;
  const sync::MutexLock lock(families.mutex);
  std::weak_ptr<Series>& known = families.groups[group_key];
  series_ = known.lock();
  if (series_) return;
  series_ = std::make_shared<Series>(families, group_key);
  known = series_;
}
GroupMetrics::~GroupMetrics() {
  // Under the lock: a successor that is made now gets either these series or fresh ones.
  const sync::MutexLock lock(metrics_->families_->mutex);
  series_.reset();
  std::erase_if(metrics_->families_->groups, [](const auto& entry) { return entry.second.expired(); });
}

void GroupMetrics::configured(DurationMs interval, std::size_t rules) {
  series_->interval.Set(static_cast<double>(interval) / 1000);
  series_->rules.Set(static_cast<double>(rules));
}
void GroupMetrics::missed(double iterations) {
  series_->missed.Increment(iterations);
  series_->iterations.Increment(iterations);
}
void GroupMetrics::iteration() {
  series_->iterations.Increment();
}
void GroupMetrics::evaluation() {
  series_->evaluations.Increment();
}
void GroupMetrics::failure() {
  series_->failures.Increment();
}
void GroupMetrics::finished(double started_seconds, double duration_seconds, double rules_seconds,
                            double samples) {
  series_->last_evaluation.Set(started_seconds);
  series_->last_duration.Set(duration_seconds);
  series_->last_rules_duration.Set(rules_seconds);
  series_->samples.Set(samples);
  metrics_->group_evaluated(duration_seconds);
}

}  // namespace narthex::rules

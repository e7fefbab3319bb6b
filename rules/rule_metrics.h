// prometheus_rule_*: what evaluating rules costs and how it fares.
//
// Threads: any.
#pragma once

#include <memory>
#include <string>

#include "model/time.h"

namespace prometheus {
class Registry;
}

namespace narthex::rules {

/// The families, one set per registry.
class RuleMetrics {
 public:
  /// @param registry  null: counts, but shows nothing
  explicit RuleMetrics(prometheus::Registry* registry);
  ~RuleMetrics();
  RuleMetrics(const RuleMetrics&) = delete;
  RuleMetrics& operator=(const RuleMetrics&) = delete;

  void rule_evaluated(double seconds);
  void group_evaluated(double seconds);

 private:
  friend class GroupMetrics;
  struct Families;
  std::unique_ptr<Families> families_;
};

/// The series with one group's label; gone from the registry with this object. Two objects of
/// one group (an old one and its successor) share them.
class GroupMetrics {
 public:
  GroupMetrics(std::shared_ptr<RuleMetrics> metrics, const std::string& group_key);
  ~GroupMetrics();
  GroupMetrics(const GroupMetrics&) = delete;
  GroupMetrics& operator=(const GroupMetrics&) = delete;

  void configured(DurationMs interval, std::size_t rules);
  void missed(double iterations);
  void iteration();
  void evaluation();
  void failure();
  void finished(double started_seconds, double duration_seconds, double rules_seconds, double samples);
  [[nodiscard]] RuleMetrics& all() const { return *metrics_; }

 private:
  friend class RuleMetrics;
  struct Series;
  std::shared_ptr<RuleMetrics> metrics_;
  std::shared_ptr<Series> series_;
};

}  // namespace narthex::rules

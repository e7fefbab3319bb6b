// AlertingRule: turns the result of an expression into alerts and follows each through its
// states (alert.h).
//
// An evaluation has two steps, so that nothing slow happens under the group's lock:
// instances() expands labels and annotations, advance() moves the states.
//
// Threads: instances() any; everything that reads or moves alerts one at a time, which the
// group sees to.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "model/result.h"
#include "rules/alert.h"
#include "rules/query.h"
#include "rules/template.h"

namespace narthex::rules {

inline constexpr std::string_view kAlertsMetric = "ALERTS";
inline constexpr std::string_view kAlertsForStateMetric = "ALERTS_FOR_STATE";
inline constexpr std::string_view kAlertStateLabel = "alertstate";

/// "unknown", "inactive", "pending", "firing".
std::string_view state_text(AlertState state);

/// Where templates and links get what is the same for all rules.
struct AlertContext {
  Labels external_labels;
  std::string external_url;
  bool operator==(const AlertContext&) const = default;
};

class AlertingRule {
 public:
  /// @param query  the expression as the printer writes it
  /// @param labels  of rule and group together
  /// Errors: invalid: a template is wrong or needs what is not supported yet
  /// (`annotation "summary": 1:4: ...`).
  static Result<AlertingRule> make(const config::AlertingRule& rule, std::string query,
                                   config::RuleTexts labels, AlertContext context);

  /// The alerts that the result asks for, by labels; state pending, active since `ts`.
  /// A template that fails becomes `<error expanding template: ...>`.
  /// Errors: execution: two results become the same alert.
  [[nodiscard]] Result<std::map<Labels, Alert>> instances(const std::vector<VectorSample>& result,
                                                          Timestamp ts) const;

  /// Moves all alerts to time `ts`.
  /// @return  ALERTS and ALERTS_FOR_STATE of those pending or firing, written at ts - query_offset
  /// Errors: limit: more than `limit` pending or firing; then all alerts are forgotten.
  Result<std::vector<OutputSample>> advance(std::map<Labels, Alert> instances, Timestamp ts,
                                            DurationMs query_offset, std::uint64_t limit);

  /// Alerts to be told now: firing ones every `resend_delay`, resolved ones likewise and at once
  /// when they resolve. They count as sent.
  std::vector<Notification> take_notifications(Timestamp ts, DurationMs resend_delay, DurationMs interval);

  void take_alerts_from(AlertingRule& old) { alerts_ = std::move(old.alerts_); }
  /// The highest state of its alerts, or inactive.
  [[nodiscard]] AlertState state() const;
  /// Those not resolved.
  [[nodiscard]] std::vector<AlertStatus> active() const;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& query() const { return query_; }
  [[nodiscard]] const config::RuleTexts& labels() const { return labels_; }
  [[nodiscard]] const config::RuleTexts& annotations() const { return annotations_; }
  [[nodiscard]] DurationMs hold() const { return hold_; }
  [[nodiscard]] DurationMs keep_firing_for() const { return keep_firing_for_; }
  /// Both would act alike: same texts, durations and context.
  [[nodiscard]] bool equals(const AlertingRule& o) const;

 private:
  using Templates = std::vector<std::pair<std::string, Template>>;
  AlertingRule() = default;
  static Result<Templates> parse_templates(const config::RuleTexts& texts, std::string_view what);
  [[nodiscard]] std::string expand(const Template& text, const VectorSample& sample) const;
  /// The result for this alert is gone. @return whether it goes on firing
  bool settle(Alert& alert, Timestamp ts) const;

  std::string name_;
  std::string query_;
  config::RuleTexts labels_;
  config::RuleTexts annotations_;
  Templates label_templates_;
  Templates annotation_templates_;
  DurationMs hold_ = 0;
  DurationMs keep_firing_for_ = 0;
  AlertContext context_;
  std::map<Labels, Alert> alerts_;
};

}  // namespace narthex::rules

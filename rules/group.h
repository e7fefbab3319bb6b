// Group: rules that are evaluated together, in order, at the same instants.
//
// The instants are slots: interval apart, shifted by a hash of file and name, so that groups
// do not all start at once and a restart does not move them.
//
// Series that a rule gave last time and gives no longer get a staleness marker; so do, through
// write_stale(), those of rules that a reload took away.
//
// Threads: status() any; everything else one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "config/config.h"
#include "model/clock.h"
#include "model/result.h"
#include "rules/alerting_rule.h"
#include "rules/query.h"
#include "rules/recording_rule.h"
#include "rules/rule_metrics.h"
#include "rules/status.h"
#include "storage/appender.h"
#include "sync/mutex.h"
#include "sync/stop_token.h"

namespace narthex::rules {

/// `file;name`: names need not be unique across files.
std::string group_key(const std::string& file, const std::string& name);

/// What groups need of the rest; all that is referred to must outlive them.
struct GroupServices {
  QueryFunction query;
  std::function<void(std::vector<Notification>)> notify;
  storage::Appendable& store;
  const Clock& clock;
  std::shared_ptr<RuleMetrics> metrics;
  DurationMs resend_delay = 60'000;
};

using AnyRule = std::variant<RecordingRule, AlertingRule>;

struct GroupSettings {
  std::string name;
  std::string file;
  DurationMs interval = 60'000;
  DurationMs query_offset = 0;  ///< the group's own, or the global one
  std::uint64_t limit = 0;      ///< 0 = none
  bool operator==(const GroupSettings&) const = default;
};

/// The latest instant at or before `now` at which such a group is evaluated.
[[nodiscard]] Timestamp latest_slot(const GroupSettings& group, Timestamp now);

class Group {
 public:
  Group(GroupSettings settings, std::vector<AnyRule> rules, std::shared_ptr<const GroupServices> services);

  [[nodiscard]] const GroupSettings& settings() const { return settings_; }
  /// The latest slot at or before `now`.
  [[nodiscard]] Timestamp slot_at(Timestamp now) const { return latest_slot(settings_, now); }

  /// Evaluates all rules for slot `ts`; blocks.
  /// @param interrupt  asked between rules: the rest of them is left out
  /// @param cancel  ends queries, too
  void evaluate(Timestamp ts, const sync::StopToken& interrupt, const sync::StopToken& cancel);
  /// Counts slots that passed without an evaluation.
  void count_missed(std::int64_t slots) { metrics_.missed(static_cast<double>(slots)); }

  /// Takes alerts and known series of rules that have the same name and labels in both; series
  /// of the others become stale with the next evaluation.
  void take_state_from(Group& old);
  /// The group is to go: all its series are to become stale.
  void retire();
  /// Writes the markers that retire() or take_state_from() asked for, at `ts` less the offset.
  void write_stale(Timestamp ts);
  /// Both would act alike.
  [[nodiscard]] bool equals(const Group& o) const;

  [[nodiscard]] GroupStatus status() const;

 private:
  struct Outcome {
    RuleHealth health = RuleHealth::unknown;
    std::string last_error;
    double seconds = 0;
    Timestamp evaluated_at = 0;
  };

  /// @return samples the rule gave
  std::size_t evaluate_rule(std::size_t i, Timestamp ts, const sync::StopToken& cancel);
  Result<std::vector<OutputSample>> run_rule(std::size_t i, Timestamp ts, const sync::StopToken& cancel);
  Result<void> write(std::size_t i, const std::vector<OutputSample>& samples, Timestamp ts);
  void note(std::size_t i, const Result<void>& outcome);

  const GroupSettings settings_;
  const std::shared_ptr<const GroupServices> services_;
  GroupMetrics metrics_;
  // Of the evaluating thread only:
  std::vector<std::set<Labels>> last_series_;  ///< per rule: what it wrote last
  std::vector<Labels> stale_series_;

  mutable sync::Mutex mutex_;
  std::vector<AnyRule> rules_;  ///< alerts in them change only under mutex_
  std::vector<Outcome> outcomes_ NARTHEX_GUARDED_BY(mutex_);
  double evaluation_seconds_ NARTHEX_GUARDED_BY(mutex_) = 0;
  Timestamp last_evaluation_ NARTHEX_GUARDED_BY(mutex_) = 0;
};

}  // namespace narthex::rules

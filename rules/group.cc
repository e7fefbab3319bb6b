#include "rules/group.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "model/value.h"
#include "telemetry/log.h"

namespace narthex::rules {

namespace {

const std::string& name_of(const AnyRule& rule) {
  return std::visit([](const auto& r) -> const std::string& { return r.name(); }, rule);
}
const std::string& query_of(const AnyRule& rule) {
  return std::visit([](const auto& r) -> const std::string& { return r.query(); }, rule);
}
const config::RuleTexts& labels_of(const AnyRule& rule) {
  return std::visit([](const auto& r) -> const config::RuleTexts& { return r.labels(); }, rule);
}

Labels to_labels(const config::RuleTexts& texts) {
  LabelsBuilder labels;
  for (const auto& [name, value] : texts) labels.set(name, value);
  return labels.labels();
}

bool equal_rules(const AnyRule& a, const AnyRule& b) {
  if (a.index() != b.index()) return false;
  if (const auto* alerting = std::get_if<AlertingRule>(&a))
    return alerting->equals(std::get<AlertingRule>(b));
  return std::get<RecordingRule>(a) == std::get<RecordingRule>(b);
}

/// Prometheus' words for why a sample was refused.
std::string_view fault_text(storage::AppendFault fault) {
  switch (fault) {
    case storage::AppendFault::out_of_order:
      return "out of order sample";
    case storage::AppendFault::duplicate_timestamp:
      return "duplicate sample for timestamp";
    case storage::AppendFault::out_of_bounds:
      return "out of bounds";
    case storage::AppendFault::too_old:
      return "too old sample";
    case storage::AppendFault::unknown_series:
      return "unknown series";
    case storage::AppendFault::invalid_labels:
      return "invalid label set";
    case storage::AppendFault::start_out_of_order:
      return "start timestamp out of order, ignoring";
    case storage::AppendFault::start_not_before:
      return "ST is newer or the same as sample's timestamp, ignoring";
    case storage::AppendFault::limit:
      return "the limit on series is reached";
  }
  return "refused";
}

double seconds_between(std::chrono::nanoseconds start, std::chrono::nanoseconds end) {
  return std::chrono::duration<double>(end - start).count();
}

/// A batch on its way into the store, with what each of its samples stands for.
class Batch {
 public:
  explicit Batch(storage::Appendable& store) : appender_(store.appender()) {}

  void add(const Labels& labels, Timestamp t, double v) {
    const auto ref = appender_->series(labels);
    if (!ref) {
      faults_.emplace(labels, ref.error());
      return;
    }
    appender_->append(*ref, t, v);
    appended_.push_back(&labels);
  }

  /// Series whose sample was refused, and why.
  Result<std::map<Labels, storage::AppendFault>> commit() {
    const auto stats = appender_->commit();
    if (!stats) return std::unexpected(stats.error());
    for (const storage::RefusedSample& refused : stats->refused)
      if (refused.index < appended_.size()) faults_.emplace(*appended_[refused.index], refused.fault);
    return std::move(faults_);
  }

 private:
  std::unique_ptr<storage::Appender> appender_;
  std::vector<const Labels*> appended_;
  std::map<Labels, storage::AppendFault> faults_;
};

}  // namespace

std::string group_key(const std::string& file, const std::string& name) {
  return file + ";" + name;
}

Timestamp latest_slot(const GroupSettings& group, Timestamp now) {
  const Labels identity{{"name", group.name}, {"file", group.file}};
  constexpr std::uint64_t kNanosecondsPerMs = 1'000'000;
  const std::uint64_t interval_ns = static_cast<std::uint64_t>(group.interval) * kNanosecondsPerMs;
  const auto offset = static_cast<std::int64_t>(identity.hash() % interval_ns / kNanosecondsPerMs);
  const std::int64_t shifted = now - offset;
  return shifted - shifted % group.interval + offset;
}

Group::Group(GroupSettings settings, std::vector<AnyRule> rules,
             std::shared_ptr<const GroupServices> services)
    : settings_(std::move(settings)),
      services_(std::move(services)),
      metrics_(services_->metrics, group_key(settings_.file, settings_.name)),
      last_series_(rules.size()),
      rules_(std::move(rules)),
      outcomes_(rules_.size()) {
  metrics_.configured(settings_.interval, rules_.size());
}

void Group::evaluate(Timestamp ts, const sync::StopToken& interrupt, const sync::StopToken& cancel) {
  metrics_.iteration();
  const Timestamp started_at = services_->clock.now();
  const auto started = services_->clock.steady();
  std::size_t samples = 0;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (interrupt.stopped() || cancel.stopped()) return;
    samples += evaluate_rule(i, ts, cancel);
  }
  write_stale(ts);
  const double seconds = seconds_between(started, services_->clock.steady());
  double rules_seconds = 0;
  {
    const sync::MutexLock lock(mutex_);
    for (const Outcome& outcome : outcomes_) rules_seconds += outcome.seconds;
    evaluation_seconds_ = seconds;
    last_evaluation_ = started_at;
  }
  metrics_.finished(static_cast<double>(started_at) / 1000, seconds, rules_seconds,
                    static_cast<double>(samples));
}

std::size_t Group::evaluate_rule(std::size_t i, Timestamp ts, const sync::StopToken& cancel) {
  metrics_.evaluation();
  const Timestamp started_at = services_->clock.now();
  const auto started = services_->clock.steady();
  auto samples = run_rule(i, ts, cancel);
  Result<void> outcome;
  if (!samples) {
    outcome = std::unexpected(samples.error());
  } else {
    outcome = write(i, *samples, ts);
  }
  note(i, outcome);
  const double seconds = seconds_between(started, services_->clock.steady());
  metrics_.all().rule_evaluated(seconds);
  const sync::MutexLock lock(mutex_);
  outcomes_[i].seconds = seconds;
  outcomes_[i].evaluated_at = started_at;
  return samples ? samples->size() : 0;
}

Result<std::vector<OutputSample>> Group::run_rule(std::size_t i, Timestamp ts,
                                                  const sync::StopToken& cancel) {
  const Timestamp at = ts - settings_.query_offset;
  auto result = services_->query(query_of(rules_[i]), at, cancel);
  if (!result) return pass(result);
  auto vector = to_vector(*std::move(result));
  if (!vector) return pass(vector);
  auto* alerting = std::get_if<AlertingRule>(&rules_[i]);
  if (alerting == nullptr)
    return std::get<RecordingRule>(rules_[i]).outputs(*std::move(vector), at, settings_.limit);
  auto instances = alerting->instances(*vector, ts);
  if (!instances) return pass(instances);
  std::vector<Notification> notifications;
  Result<std::vector<OutputSample>> samples;
  {
    const sync::MutexLock lock(mutex_);
    samples = alerting->advance(*std::move(instances), ts, settings_.query_offset, settings_.limit);
    if (samples)
      notifications = alerting->take_notifications(ts, services_->resend_delay, settings_.interval);
  }
  if (!notifications.empty()) services_->notify(std::move(notifications));
  return samples;
}

Result<void> Group::write(std::size_t i, const std::vector<OutputSample>& samples, Timestamp ts) {
  Batch batch(services_->store);
  std::set<Labels> given;
  for (const OutputSample& sample : samples) {
    batch.add(sample.labels, sample.t, sample.v);
    given.insert(sample.labels);
  }
  for (const Labels& known : last_series_[i])
    if (!given.contains(known)) batch.add(known, ts - settings_.query_offset, kStaleNan);
  const auto refused = batch.commit();
  if (!refused) return std::unexpected(refused.error());
  std::size_t dropped = 0;
  Result<void> outcome;
  for (const auto& [labels, fault] : *refused) {
    // A refused staleness marker is expected where another rule writes the same series.
    if (!given.contains(labels)) continue;
    // What was there before and is refused now still wants its marker one day.
    if (!last_series_[i].contains(labels)) given.erase(labels);
    if (dropped++ == 0) {
      outcome = fail(Code::execution, fmt::format("{}: {}", labels.to_string(), fault_text(fault)));
    }
  }
  if (dropped > 0) {
    telemetry::warn("Rule evaluation results discarded", {{"file", settings_.file},
                                                          {"group", settings_.name},
                                                          {"name", name_of(rules_[i])},
                                                          {"num_dropped", std::to_string(dropped)},
                                                          {"err", outcome.error().text}});
  }
  last_series_[i] = std::move(given);
  return outcome;
}

void Group::note(std::size_t i, const Result<void>& outcome) {
  if (!outcome) {
    metrics_.failure();
    if (outcome.error().code != Code::cancelled) {
      telemetry::warn("Evaluating rule failed", {{"file", settings_.file},
                                                 {"group", settings_.name},
                                                 {"name", name_of(rules_[i])},
                                                 {"index", std::to_string(i)},
                                                 {"err", outcome.error().text}});
    }
  }
  const sync::MutexLock lock(mutex_);
  outcomes_[i].health = outcome ? RuleHealth::ok : RuleHealth::err;
  outcomes_[i].last_error = outcome ? std::string() : outcome.error().text;
}

void Group::take_state_from(Group& old) {
  // Duplicates are matched in order: the first with the first.
  std::multimap<std::pair<std::string, config::RuleTexts>, std::size_t> known;
  for (std::size_t i = 0; i < old.rules_.size(); ++i)
    known.emplace(std::pair(name_of(old.rules_[i]), labels_of(old.rules_[i])), i);
  // Lock order: successor, predecessor.
  const sync::MutexLock lock(mutex_);
  const sync::MutexLock old_lock(old.mutex_);
  evaluation_seconds_ = old.evaluation_seconds_;
  last_evaluation_ = old.last_evaluation_;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const auto found = known.find(std::pair(name_of(rules_[i]), labels_of(rules_[i])));
    if (found == known.end()) continue;
    const std::size_t from = found->second;
    known.erase(found);
    last_series_[i] = std::move(old.last_series_[from]);
    auto* alerting = std::get_if<AlertingRule>(&rules_[i]);
    auto* old_alerting = std::get_if<AlertingRule>(&old.rules_[from]);
    if (alerting != nullptr && old_alerting != nullptr) alerting->take_alerts_from(*old_alerting);
  }
  stale_series_ = std::move(old.stale_series_);
  for (const auto& [identity, from] : known)
    stale_series_.insert(stale_series_.end(), old.last_series_[from].begin(), old.last_series_[from].end());
}

void Group::retire() {
  for (std::set<Labels>& series : last_series_) {
    stale_series_.insert(stale_series_.end(), series.begin(), series.end());
    series.clear();
  }
}

void Group::write_stale(Timestamp ts) {
  if (stale_series_.empty()) return;
  Batch batch(services_->store);
  for (const Labels& labels : stale_series_) batch.add(labels, ts - settings_.query_offset, kStaleNan);
  const auto refused = batch.commit();
  if (refused) {
    stale_series_.clear();
    return;
  }
  telemetry::warn("Stale sample appending for previous configuration failed",
                  {{"file", settings_.file}, {"group", settings_.name}, {"err", refused.error().text}});
}

bool Group::equals(const Group& o) const {
  return settings_ == o.settings_ && std::ranges::equal(rules_, o.rules_, equal_rules);
}

GroupStatus Group::status() const {
  GroupStatus out;
  out.name = settings_.name;
  out.file = settings_.file;
  out.interval = settings_.interval;
  out.limit = settings_.limit;
  const sync::MutexLock lock(mutex_);
  out.evaluation_seconds = evaluation_seconds_;
  out.last_evaluation = last_evaluation_;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const Outcome& outcome = outcomes_[i];
    RuleStatus rule;
    rule.name = name_of(rules_[i]);
    rule.query = query_of(rules_[i]);
    rule.labels = to_labels(labels_of(rules_[i]));
    rule.health = outcome.health;
    rule.last_error = outcome.last_error;
    rule.evaluation_seconds = outcome.seconds;
    rule.last_evaluation = outcome.evaluated_at;
    if (const auto* alerting = std::get_if<AlertingRule>(&rules_[i])) {
      rule.alerting = true;
      rule.state = outcome.evaluated_at == 0 ? AlertState::unknown : alerting->state();
      rule.hold = alerting->hold();
      rule.keep_firing_for = alerting->keep_firing_for();
      rule.annotations = to_labels(alerting->annotations());
      rule.alerts = alerting->active();
    }
    out.rules.push_back(std::move(rule));
  }
  return out;
}

}  // namespace narthex::rules

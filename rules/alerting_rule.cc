#include "rules/alerting_rule.h"

#include <fmt/format.h>

#include <algorithm>

#include "net/http.h"
#include "telemetry/log.h"

namespace narthex::rules {

std::string_view state_text(AlertState state) {
  switch (state) {
    case AlertState::unknown:
      return "unknown";
    case AlertState::inactive:
      return "inactive";
    case AlertState::pending:
      return "pending";
    case AlertState::firing:
      return "firing";
  }
  return "unknown";
}

Result<AlertingRule::Templates> AlertingRule::parse_templates(const config::RuleTexts& texts,
                                                              std::string_view what) {
  Templates out;
  for (const auto& [name, text] : texts) {
    auto parsed = Template::parse(text);
    if (!parsed) return pass(parsed, fmt::format("{} {}", what, quote(name)));
    out.emplace_back(name, *std::move(parsed));
  }
  return out;
}

Result<AlertingRule> AlertingRule::make(const config::AlertingRule& rule, std::string query,
                                        config::RuleTexts labels, AlertContext context) {
  auto label_templates = parse_templates(labels, "label");
  if (!label_templates) return pass(label_templates);
  auto annotation_templates = parse_templates(rule.annotations, "annotation");
  if (!annotation_templates) return pass(annotation_templates);
  AlertingRule out;
  out.name_ = rule.alert;
  out.query_ = std::move(query);
  out.labels_ = std::move(labels);
  out.annotations_ = rule.annotations;
  out.label_templates_ = *std::move(label_templates);
  out.annotation_templates_ = *std::move(annotation_templates);
  out.hold_ = rule.hold;
  out.keep_firing_for_ = rule.keep_firing_for;
  out.context_ = std::move(context);
  return out;
}

std::string AlertingRule::expand(const Template& text, const VectorSample& sample) const {
  auto expanded = text.expand(
      {sample.labels, context_.external_labels, context_.external_url, sample.value, sample.is_histogram});
  if (expanded) return *std::move(expanded);
  telemetry::warn("Expanding alert template failed",
                  {{"alert", name_}, {"labels", sample.labels.to_string()}, {"err", expanded.error().text}});
  return fmt::format("<error expanding template: error executing template __alert_{}: {}>", name_,
                     expanded.error().text);
}

Result<std::map<Labels, Alert>> AlertingRule::instances(const std::vector<VectorSample>& result,
                                                        Timestamp ts) const {
  std::map<Labels, Alert> out;
  LabelsBuilder labels;
  LabelsBuilder annotations;
  for (const VectorSample& sample : result) {
    labels.reset(sample.labels);
    labels.remove(kMetricName);
    for (const auto& [name, text] : label_templates_) labels.set(name, expand(text, sample));
    labels.set(kAlertName, name_);
    annotations.reset();
    for (const auto& [name, text] : annotation_templates_) annotations.set(name, expand(text, sample));
    Alert alert;
    alert.labels = labels.labels();
    alert.annotations = annotations.labels();
    alert.value = sample.value;
    alert.active_at = ts;
    Labels key = alert.labels;
    if (!out.emplace(std::move(key), std::move(alert)).second) {
      return fail(Code::execution,
                  "vector contains metrics with the same labelset after applying alert labels");
    }
  }
  return out;
}

bool AlertingRule::settle(Alert& alert, Timestamp ts) const {
  if (alert.state == AlertState::firing && keep_firing_for_ > 0) {
    if (alert.keep_firing_since == 0) alert.keep_firing_since = ts;
    if (ts - alert.keep_firing_since < keep_firing_for_) return true;
  }
  if (alert.state != AlertState::inactive) {
    alert.state = AlertState::inactive;
    alert.resolved_at = ts;
  }
  return false;
}

Result<std::vector<OutputSample>> AlertingRule::advance(std::map<Labels, Alert> instances, Timestamp ts,
                                                        DurationMs query_offset, std::uint64_t limit) {
  std::vector<OutputSample> out;
  std::uint64_t active = 0;
  // Alerts whose result is gone.
  for (auto at = alerts_.begin(); at != alerts_.end();) {
    Alert& alert = at->second;
    if (instances.contains(at->first)) {
      ++at;
      continue;
    }
    const bool forget = alert.state == AlertState::pending ||
                        (alert.resolved_at != 0 && ts - alert.resolved_at > kResolvedRetention);
    if (!forget) settle(alert, ts);
    at = forget ? alerts_.erase(at) : std::next(at);
  }
  // New ones, and those that go on.
  for (auto& [labels, fresh] : instances) {
    const auto [at, is_new] = alerts_.try_emplace(labels, fresh);
    Alert& alert = at->second;
    if (!is_new && alert.state == AlertState::inactive) {
      alert = std::move(fresh);
    } else if (!is_new) {
      alert.value = fresh.value;
      alert.annotations = std::move(fresh.annotations);
    }
    alert.keep_firing_since = 0;
  }
  LabelsBuilder builder;
  for (auto& [labels, alert] : alerts_) {
    if (alert.state == AlertState::inactive) continue;
    ++active;
    if (alert.state == AlertState::pending && ts - alert.active_at >= hold_) {
      alert.state = AlertState::firing;
      alert.fired_at = ts;
    } else if (alert.state == AlertState::firing && ts - alert.active_at < hold_) {
      // `for` became longer by a reload.
      alert.state = AlertState::pending;
      alert.fired_at = alert.last_sent_at = alert.keep_firing_since = 0;
    }
    builder.reset(labels);
    builder.set(kMetricName, kAlertsForStateMetric);
    Labels for_state = builder.labels();
    builder.set(kMetricName, kAlertsMetric);
    builder.set(kAlertStateLabel, state_text(alert.state));
    out.push_back({builder.labels(), ts - query_offset, 1});
    // Whole seconds, rounded down.
    const Timestamp seconds = alert.active_at / 1000 - (alert.active_at % 1000 < 0 ? 1 : 0);
    out.push_back({std::move(for_state), ts - query_offset, static_cast<double>(seconds)});
  }
  if (limit > 0 && active > limit) {
    alerts_.clear();
    return fail(Code::limit, fmt::format("exceeded limit of {} with {} alerts", limit, active));
  }
  return out;
}

std::vector<Notification> AlertingRule::take_notifications(Timestamp ts, DurationMs resend_delay,
                                                           DurationMs interval) {
  std::vector<Notification> out;
  std::string link;
  for (auto& [labels, alert] : alerts_) {
    if (alert.state == AlertState::pending) continue;
    const bool newly_resolved = alert.resolved_at != 0 && alert.resolved_at > alert.last_sent_at;
    const bool due = alert.last_sent_at == 0 || alert.last_sent_at + resend_delay < ts;
    if (!newly_resolved && !due) continue;
    alert.last_sent_at = ts;
    // Two evaluations or deliveries may fail before Alertmanager takes it for resolved.
    alert.valid_until = ts + 4 * std::max(interval, resend_delay);
    if (link.empty()) {
      link = fmt::format("{}/graph?g0.expr={}&g0.tab=1", context_.external_url, net::query_escape(query_));
    }
    out.push_back({labels, alert.annotations, alert.fired_at,
                   alert.resolved_at != 0 ? alert.resolved_at : alert.valid_until, link});
  }
  return out;
}

AlertState AlertingRule::state() const {
  AlertState highest = AlertState::inactive;
  for (const auto& [labels, alert] : alerts_) highest = std::max(highest, alert.state);
  return highest;
}

std::vector<AlertStatus> AlertingRule::active() const {
  std::vector<AlertStatus> out;
  for (const auto& [labels, alert] : alerts_) {
    if (alert.resolved_at != 0) continue;
    out.push_back(
        {labels, alert.annotations, alert.state, alert.active_at, alert.keep_firing_since, alert.value});
  }
  return out;
}

bool AlertingRule::equals(const AlertingRule& o) const {
  return name_ == o.name_ && query_ == o.query_ && labels_ == o.labels_ && annotations_ == o.annotations_ &&
         hold_ == o.hold_ && keep_firing_for_ == o.keep_firing_for_ && context_ == o.context_;
}

}  // namespace narthex::rules

#include "rules/alerting_rule.h"

#include <doctest/doctest.h>

#include "model/value.h"

using namespace narthex;
using namespace narthex::rules;

namespace {

constexpr DurationMs kMinute = 60'000;

AlertingRule make(DurationMs hold, DurationMs keep_firing_for = 0) {
  config::AlertingRule rule;
  rule.alert = "Down";
  rule.expr = "up == 0";
  rule.hold = hold;
  rule.keep_firing_for = keep_firing_for;
  rule.annotations = {{"summary", "{{ $labels.job }} at {{ $value }}"}};
  auto made = AlertingRule::make(rule, "up == 0", {{"severity", "page"}}, {{}, "http://p:9090"});
  if (!made) FAIL(made.error().text);
  return *std::move(made);
}

std::vector<VectorSample> vector_of(std::initializer_list<std::string_view> jobs, double value = 1) {
  std::vector<VectorSample> out;
  for (const std::string_view job : jobs) out.push_back({{{"__name__", "up"}, {"job", job}}, value, false});
  return out;
}

/// One evaluation at minute `m`; the outputs as text.
std::string step(AlertingRule& rule, Timestamp m, std::initializer_list<std::string_view> jobs,
                 std::uint64_t limit = 0) {
  auto instances = rule.instances(vector_of(jobs), m * kMinute);
  REQUIRE(instances);
  const auto out = rule.advance(*std::move(instances), m * kMinute, 0, limit);
  if (!out) return out.error().text;
  std::string text;
  for (const OutputSample& sample : *out)
    text += sample.labels.to_metric_string() + " " + format_general(sample.v) + "\n";
  return text;
}

std::string series(std::string_view state, std::string_view job, int active_minute) {
  const std::string labels = R"(alertname="Down")";
  const std::string rest = R"(job=")" + std::string(job) + R"(", severity="page"})";
  return "ALERTS{" + labels + R"(, alertstate=")" + std::string(state) + R"(", )" + rest + " 1\n" +
         "ALERTS_FOR_STATE{" + labels + ", " + rest + " " + std::to_string(active_minute * 60) + "\n";
}

}  // namespace

TEST_CASE("an alert is pending until `for` has passed, then fires, then resolves") {
  AlertingRule rule = make(5 * kMinute);
  CHECK(rule.state() == AlertState::inactive);
  CHECK(step(rule, 10, {"a"}) == series("pending", "a", 10));
  CHECK(step(rule, 14, {"a", "b"}) == series("pending", "a", 10) + series("pending", "b", 14));
  CHECK(step(rule, 15, {"a"}) == series("firing", "a", 10));  // b was only pending: forgotten
  CHECK(rule.state() == AlertState::firing);
  REQUIRE(rule.active().size() == 1);
  CHECK(rule.active()[0].annotations.get("summary") == "a at 1");
  CHECK(rule.active()[0].active_at == 10 * kMinute);
  CHECK(step(rule, 16, {}) == "");
  CHECK(rule.state() == AlertState::inactive);
  CHECK(rule.active().empty());
  CHECK(step(rule, 17, {"a"}) == series("pending", "a", 17));
}

TEST_CASE("without `for` an alert fires at once") {
  AlertingRule rule = make(0);
  CHECK(step(rule, 1, {"a"}) == series("firing", "a", 1));
}

TEST_CASE("keep_firing_for bridges gaps, and a result resets it") {
  AlertingRule rule = make(0, 3 * kMinute);
  step(rule, 1, {"a"});
  CHECK(step(rule, 2, {}) == series("firing", "a", 1));
  CHECK(rule.active()[0].keep_firing_since == 2 * kMinute);
  CHECK(step(rule, 4, {}) == series("firing", "a", 1));
  CHECK(step(rule, 4, {"a"}) == series("firing", "a", 1));
  CHECK(rule.active()[0].keep_firing_since == 0);
  CHECK(step(rule, 5, {}) == series("firing", "a", 1));
  CHECK(step(rule, 8, {}) == "");
}

TEST_CASE("alerts are sent when they fire, again after the resend delay, and when they resolve") {
  AlertingRule rule = make(2 * kMinute);
  const auto sent = [&rule](Timestamp minute) {
    return rule.take_notifications(minute * kMinute, 4 * kMinute, kMinute);
  };
  step(rule, 10, {"a"});
  CHECK(sent(10).empty());  // pending
  step(rule, 12, {"a"});
  auto first = sent(12);
  REQUIRE(first.size() == 1);
  CHECK(first[0].labels.to_string() == R"({alertname="Down", job="a", severity="page"})");
  CHECK(first[0].starts_at == 12 * kMinute);
  CHECK(first[0].ends_at == (12 + 4 * 4) * kMinute);
  CHECK(first[0].generator_url == "http://p:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1");
  step(rule, 16, {"a"});
  CHECK(sent(16).empty());
  step(rule, 17, {"a"});
  CHECK(sent(17).size() == 1);
  step(rule, 18, {});
  auto resolved = sent(18);
  REQUIRE(resolved.size() == 1);
  CHECK(resolved[0].ends_at == 18 * kMinute);
  CHECK(resolved[0].starts_at == 12 * kMinute);
  step(rule, 23, {});
  CHECK(sent(23).size() == 1);  // still told, should the first message be lost
  step(rule, 33, {});
  CHECK(sent(33).size() == 1);
  step(rule, 34, {});  // more than 15 minutes after it resolved
  CHECK(sent(40).empty());
}

TEST_CASE("more alerts than the limit: an error, and all are forgotten") {
  AlertingRule rule = make(0);
  step(rule, 1, {"a"});
  CHECK(step(rule, 2, {"a", "b"}, 1) == "exceeded limit of 1 with 2 alerts");
  CHECK(rule.active().empty());
  CHECK(step(rule, 3, {"a"}, 1) == series("firing", "a", 3));
}

TEST_CASE("two results that become one alert are an error") {
  AlertingRule rule = make(0);
  const auto instances = rule.instances(vector_of({"a", "a"}), kMinute);
  REQUIRE(!instances);
  CHECK(instances.error().text ==
        "vector contains metrics with the same labelset after applying alert labels");
}

TEST_CASE("a longer `for` after a reload sends a firing alert back to pending") {
  AlertingRule old = make(0);
  step(old, 10, {"a"});
  AlertingRule rule = make(5 * kMinute);
  rule.take_alerts_from(old);
  CHECK(step(rule, 11, {"a"}) == series("pending", "a", 10));
  CHECK(step(rule, 15, {"a"}) == series("firing", "a", 10));
}

TEST_CASE("a template that fails leaves its error in the text; a wrong one is refused") {
  config::AlertingRule config;
  config.alert = "A";
  config.annotations = {{"s", "{{ humanize $labels.job }}"}};
  const auto rule = AlertingRule::make(config, "up", {}, {});
  REQUIRE(rule);
  const auto instances = rule->instances(vector_of({"x"}), 0);
  REQUIRE(instances);
  CHECK(instances->begin()->second.annotations.get("s") ==
        "<error expanding template: error executing template __alert_A: error calling humanize: "
        "strconv.ParseFloat: parsing \"x\": invalid syntax>");
  config.annotations = {{"s", "{{ nonsense }}"}};
  CHECK(AlertingRule::make(config, "up", {}, {}).error().text ==
        "annotation \"s\": 1:4: function \"nonsense\" not defined");
  CHECK(AlertingRule::make(config, "up", {{"l", "{{"}}, {}).error().text ==
        "label \"l\": 1:3: missing value for command");
}

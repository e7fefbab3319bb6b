#include "rules/group.h"

#include <doctest/doctest.h>
#include <prometheus/registry.h>

#include "telemetry/metrics_text.h"
#include "tests/rules/memory_store.h"

using namespace narthex;
using namespace narthex::rules;

namespace {

query::QueryResult vector_of(const std::vector<std::pair<Labels, double>>& samples) {
  query::QueryResult out;
  out.type = query::ValueType::vector;
  for (const auto& [labels, value] : samples) out.series.push_back({labels, {0}, {value}, {}});
  return out;
}

/// A group over a store in memory, its queries answered by a table.
struct World {
  std::map<std::string, Result<query::QueryResult>> answers;
  std::vector<std::pair<std::string, Timestamp>> asked;
  std::vector<std::pair<std::string, std::string>> askers;  ///< file and group of each query
  std::vector<Notification> notified;
  test::MemoryStore store;
  ManualClock clock{1'000'000};
  prometheus::Registry registry;
  std::shared_ptr<RuleMetrics> metrics = std::make_shared<RuleMetrics>(&registry);
  std::shared_ptr<const GroupServices> services = std::make_shared<GroupServices>(GroupServices{
      [this](const RuleQuery& query, const sync::StopToken&) {
        asked.emplace_back(query.expr, query.at);
        askers.emplace_back(query.file, query.group);
        const auto found = answers.find(std::string(query.expr));
        return found == answers.end() ? Result<query::QueryResult>(vector_of({})) : found->second;
      },
      [this](std::vector<Notification> alerts) {
        notified.insert(notified.end(), alerts.begin(), alerts.end());
      },
      store, clock, metrics, 60'000});

  std::unique_ptr<Group> group(std::vector<AnyRule> rules,
                               GroupSettings settings = {"g", "f.yml", 60'000, 0, 0}) {
    return std::make_unique<Group>(std::move(settings), std::move(rules), services);
  }
  static AnyRule record(const std::string& name, const std::string& expr, config::RuleTexts labels = {}) {
    return RecordingRule(name, expr, std::move(labels));
  }
  static AnyRule alert(const std::string& name, const std::string& expr) {
    config::AlertingRule rule;
    rule.alert = name;
    auto made = AlertingRule::make(rule, expr, {}, {});
    if (!made) FAIL(made.error().text);
    return *std::move(made);
  }
};

}  // namespace

TEST_CASE("recorded results get the rule's name and labels; those that vanish become stale") {
  World w;
  const auto group = w.group({World::record("r", "e", {{"team", "x"}, {"gone", ""}})});
  w.answers.emplace("e", vector_of({{{{"__name__", "m"}, {"a", "1"}, {"gone", "y"}}, 5}, {{{"a", "2"}}, 6}}));
  group->evaluate(1000, {}, {});
  w.answers.at("e") = vector_of({{{{"a", "1"}}, 7}});
  group->evaluate(2000, {}, {});
  group->evaluate(3000, {}, {});
  CHECK(w.store.dump() ==
        "r{a=\"1\", team=\"x\"} 5@1000 7@2000 7@3000\n"
        "r{a=\"2\", team=\"x\"} 6@1000 stale@2000\n");
  const GroupStatus status = group->status();
  CHECK(status.rules[0].health == RuleHealth::ok);
  CHECK(status.rules[0].last_evaluation == 1'000'000);
  CHECK(status.rules[0].labels.to_string() == R"({team="x"})");
  CHECK(status.last_evaluation == 1'000'000);
}

TEST_CASE("a scalar is recorded as one series, a matrix is refused") {
  World w;
  const auto group = w.group({World::record("s", "scalar"), World::record("m", "matrix")});
  query::QueryResult scalar;
  scalar.type = query::ValueType::scalar;
  scalar.scalar = 4;
  query::QueryResult matrix;
  matrix.type = query::ValueType::matrix;
  w.answers.emplace("scalar", scalar);
  w.answers.emplace("matrix", matrix);
  group->evaluate(1000, {}, {});
  CHECK(w.store.dump() == "s 4@1000\n");
  CHECK(group->status().rules[1].last_error == "rule result is not a vector or scalar");
}

TEST_CASE("a failing rule keeps its error, the next ones run, its series are not stale yet") {
  World w;
  const auto group = w.group({World::record("a", "e1"), World::record("b", "e2")});
  w.answers.emplace("e1", vector_of({{{}, 1}}));
  w.answers.emplace("e2", vector_of({{{}, 2}}));
  group->evaluate(1000, {}, {});
  w.answers.at("e1") = fail(Code::execution, "query timed out in query execution");
  group->evaluate(2000, {}, {});
  CHECK(group->status().rules[0].health == RuleHealth::err);
  CHECK(group->status().rules[0].last_error == "query timed out in query execution");
  CHECK(group->status().rules[1].health == RuleHealth::ok);
  CHECK(w.store.dump() == "a 1@1000\nb 2@1000 2@2000\n");
  w.answers.at("e1") = vector_of({{{}, 3}});
  group->evaluate(3000, {}, {});
  CHECK(group->status().rules[0].health == RuleHealth::ok);
  CHECK(group->status().rules[0].last_error.empty());
}

TEST_CASE("equal outputs, too many outputs and refused samples are errors") {
  World w;
  const auto group =
      w.group({World::record("a", "same"), World::record("b", "many")}, {"g", "f.yml", 60'000, 0, 1});
  w.answers.emplace("same", vector_of({{{{"__name__", "x"}}, 1}, {{{"__name__", "y"}}, 2}}));
  w.answers.emplace("many", vector_of({{{{"l", "1"}}, 1}, {{{"l", "2"}}, 2}}));
  group->evaluate(1000, {}, {});
  CHECK(group->status().rules[0].last_error ==
        "vector contains metrics with the same labelset after applying rule labels");
  CHECK(group->status().rules[1].last_error == "exceeded limit of 1 with 2 series");
  CHECK(w.store.dump().empty());

  const auto other = w.group({World::record("c", "one")});
  w.answers.emplace("one", vector_of({{{}, 1}}));
  other->evaluate(1000, {}, {});
  other->evaluate(1000, {}, {});
  CHECK(other->status().rules[0].last_error == "{__name__=\"c\"}: out of order sample");
  w.store.fail_commits(true);
  other->evaluate(2000, {}, {});
  CHECK(other->status().rules[0].last_error == "no space left on device");
}

TEST_CASE("the query offset shifts what is asked and what is written") {
  World w;
  const auto group = w.group({World::record("a", "e")}, {"g", "f.yml", 60'000, 300, 0});
  w.answers.emplace("e", vector_of({{{}, 1}}));
  group->evaluate(1000, {}, {});
  CHECK((w.asked == std::vector<std::pair<std::string, Timestamp>>{{"e", 700}}));
  CHECK(w.store.dump() == "a 1@700\n");
}

TEST_CASE("alerts are notified and written, and their series end with them") {
  World w;
  const auto group = w.group({World::alert("Down", "e")});
  CHECK(group->status().rules[0].state == AlertState::unknown);
  w.answers.emplace("e", vector_of({{{{"job", "a"}}, 1}}));
  group->evaluate(60'000, {}, {});
  CHECK(w.notified.size() == 1);
  CHECK(group->status().rules[0].state == AlertState::firing);
  w.answers.at("e") = vector_of({});
  group->evaluate(120'000, {}, {});
  CHECK(w.store.dump() ==
        "ALERTS{alertname=\"Down\", alertstate=\"firing\", job=\"a\"} 1@60000 stale@120000\n"
        "ALERTS_FOR_STATE{alertname=\"Down\", job=\"a\"} 60@60000 stale@120000\n");
  CHECK(group->status().rules[0].state == AlertState::inactive);
}

TEST_CASE("a successor takes over alerts and series; those of rules that are gone become stale") {
  World w;
  w.answers.emplace("e", vector_of({{{}, 1}}));
  w.answers.emplace("a", vector_of({{{{"job", "a"}}, 1}}));
  const auto old =
      w.group({World::record("kept", "e"), World::record("gone", "e"), World::alert("Down", "a")});
  old->evaluate(60'000, {}, {});
  const auto fresh = w.group({World::alert("Down", "a"), World::record("kept", "e")});
  CHECK(!fresh->equals(*old));
  fresh->take_state_from(*old);
  CHECK(fresh->status().rules[0].alerts.size() == 1);
  fresh->evaluate(120'000, {}, {});
  CHECK(fresh->status().rules[0].alerts[0].active_at == 60'000);
  CHECK(w.store.dump() ==
        "ALERTS{alertname=\"Down\", alertstate=\"firing\", job=\"a\"} 1@60000 1@120000\n"
        "ALERTS_FOR_STATE{alertname=\"Down\", job=\"a\"} 60@60000 60@120000\n"
        "gone 1@60000 stale@120000\n"
        "kept 1@60000 1@120000\n");
  fresh->retire();
  fresh->write_stale(180'000);
  CHECK(w.store.dump().find("kept 1@60000 1@120000 stale@180000\n") != std::string::npos);
}

TEST_CASE("an interrupted evaluation leaves out the rest") {
  World w;
  const auto group = w.group({World::record("a", "e"), World::record("b", "e")});
  w.answers.emplace("e", vector_of({{{}, 1}}));
  const sync::StopSource stop;
  stop.stop(sync::StopReason::shutdown);
  group->evaluate(1000, stop.token(), {});
  CHECK(w.asked.empty());
  CHECK(group->status().last_evaluation == 0);
}

TEST_CASE("slots are an interval apart, never in the future, and depend on file and name") {
  World w;
  const auto group = w.group({});
  const Timestamp slot = group->slot_at(1'700'000'000'000);
  CHECK(slot <= 1'700'000'000'000);
  CHECK(slot > 1'700'000'000'000 - 60'000);
  CHECK(group->slot_at(slot) == slot);
  CHECK(group->slot_at(slot + 59'999) == slot);
  CHECK(group->slot_at(slot + 60'000) == slot + 60'000);
  const auto other = w.group({}, {"h", "f.yml", 60'000, 0, 0});
  CHECK(other->slot_at(1'700'000'000'000) != slot);
}

TEST_CASE("metrics carry the group, and go with it") {
  World w;
  auto group = w.group({World::record("a", "e")});
  w.answers.emplace("e", vector_of({{{}, 1}}));
  group->evaluate(1000, {}, {});
  group->count_missed(2);
  std::string text = telemetry::metrics_text(w.registry);
  for (const std::string_view line :
       {"prometheus_rule_group_iterations_missed_total{rule_group=\"f.yml;g\"} 2",
        "prometheus_rule_group_iterations_total{rule_group=\"f.yml;g\"} 3",
        "prometheus_rule_evaluations_total{rule_group=\"f.yml;g\"} 1",
        "prometheus_rule_evaluation_failures_total{rule_group=\"f.yml;g\"} 0",
        "prometheus_rule_group_interval_seconds{rule_group=\"f.yml;g\"} 60",
        "prometheus_rule_group_rules{rule_group=\"f.yml;g\"} 1",
        "prometheus_rule_group_last_evaluation_samples{rule_group=\"f.yml;g\"} 1"}) {
    CAPTURE(line);
    CHECK(text.find(line) != std::string::npos);
  }
  auto successor = w.group({});
  group.reset();
  text = telemetry::metrics_text(w.registry);
  CHECK(text.find("prometheus_rule_group_iterations_total{rule_group=\"f.yml;g\"} 3") != std::string::npos);
  successor.reset();
  CHECK(telemetry::metrics_text(w.registry).find("rule_group=\"f.yml;g\"") == std::string::npos);
}

TEST_CASE("queries of rules say which group asks") {
  World w;
  const auto group = w.group({World::record("r", "e")}, {"watch", "rules.yml", 60'000, 0, 0});
  group->evaluate(1'000'000, {}, {});
  CHECK(w.askers == std::vector<std::pair<std::string, std::string>>{{"rules.yml", "watch"}});
}

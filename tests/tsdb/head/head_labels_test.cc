// Matchers and label queries against a walk over all series.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>

#include "tests/tsdb/head/head_fixture.h"
#include "tsdb/head/head.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kSeries = 2000;

Labels labels_of(std::size_t i) {
  LabelsBuilder b(series_labels(i));
  if (i % 5 == 0) b.set("zone", i % 2 == 0 ? "a" : "b");
  if (i % 700 == 0) b.set("rare", "value-" + std::to_string(i));
  return b.labels();
}

void fill(Head& head) {
  auto appender = head.appender();
  for (std::size_t i = 0; i < kSeries; ++i) {
    const auto ref = appender->series(labels_of(i));
    REQUIRE(ref);
    appender->append(*ref, 1000, static_cast<double>(i));
  }
  REQUIRE(appender->commit());
}

bool matches_all(const Labels& labels, const std::vector<Matcher>& matchers) {
  return std::ranges::all_of(matchers, [&](const Matcher& m) { return m.matches(labels.get(m.name())); });
}

struct Term {
  MatchOp op;
  const char* name;
  const char* value;
};

const Term kTerms[] = {
    {MatchOp::equal, "__name__", "metric_3"},
    {MatchOp::equal, "instance", "host-17"},
    {MatchOp::equal, "job", "api"},
    {MatchOp::equal, "zone", ""},
    {MatchOp::equal, "zone", "a"},
    {MatchOp::equal, "missing", ""},
    {MatchOp::equal, "missing", "x"},
    {MatchOp::equal, "rare", "value-700"},
    {MatchOp::not_equal, "zone", ""},
    {MatchOp::not_equal, "zone", "a"},
    {MatchOp::not_equal, "job", "api"},
    {MatchOp::not_equal, "missing", ""},
    {MatchOp::not_equal, "missing", "x"},
    {MatchOp::regex, "instance", "host-1.*"},
    {MatchOp::regex, "instance", "host-1|host-2|host-250"},
    {MatchOp::regex, "zone", "a|"},
    {MatchOp::regex, "zone", ".*"},
    {MatchOp::regex, "zone", ".+"},
    {MatchOp::regex, "__name__", "metric_[0-3]"},
    {MatchOp::regex, "missing", ".*"},
    {MatchOp::regex, "missing", "x.*"},
    {MatchOp::not_regex, "instance", "host-.*"},
    {MatchOp::not_regex, "instance", "host-1|host-2"},
    {MatchOp::not_regex, "zone", "a|"},
    {MatchOp::not_regex, "zone", ".+"},
    {MatchOp::not_regex, "zone", "b"},
    {MatchOp::not_regex, "rare", "value-.*"},
    {MatchOp::not_regex, "missing", ".*"},
};

TEST_CASE("matchers: any three of them find what a walk over all series finds") {
  Head head({}, nullptr);
  fill(head);
  const auto querier = head.querier({});
  std::mt19937_64 random(7);
  for (int round = 0; round < 600; ++round) {
    std::vector<Matcher> matchers;
    // Each alone first, then at random.
    if (static_cast<std::size_t>(round) < std::size(kTerms)) {
      const Term& t = kTerms[round];
      matchers.push_back(match(t.op, t.name, t.value));
    } else {
      for (auto left = 1 + random() % 3; left > 0; --left) {
        const Term& t = kTerms[random() % std::size(kTerms)];
        matchers.push_back(match(t.op, t.name, t.value));
      }
    }
    std::string asked;
    for (const Matcher& m : matchers) asked += m.to_string() + " ";
    CAPTURE(asked);
    std::set<std::string> expected;
    std::set<std::string> names;
    std::set<std::string> zones;
    for (std::size_t i = 0; i < kSeries; ++i) {
      const Labels labels = labels_of(i);
      if (!matches_all(labels, matchers)) continue;
      expected.insert(labels.to_string());
      for (const LabelView l : labels) names.emplace(l.name);
      if (labels.has("zone")) zones.emplace(labels.get("zone"));
    }
    std::set<std::string> found;
    for (const auto& [labels, points] : read(*querier, matchers)) found.insert(labels);
    REQUIRE(found == expected);
    CHECK(*querier->label_names(matchers, 0) == std::vector<std::string>(names.begin(), names.end()));
    CHECK(*querier->label_values("zone", matchers, 0) ==
          std::vector<std::string>(zones.begin(), zones.end()));
  }
}

TEST_CASE("select: sorted by labels, and no more than asked for") {
  Head head({}, nullptr);
  fill(head);
  const auto querier = head.querier({});
  LabelPool pool;
  const std::vector<Matcher> none;
  const auto set = querier->select({}, none, pool, {.sorted = true, .limit = 100});
  REQUIRE(set);
  REQUIRE((*set)->size() == 100);
  std::vector<Labels> all;
  for (std::size_t i = 0; i < kSeries; ++i) all.push_back(labels_of(i));
  std::ranges::sort(all);
  for (std::size_t i = 0; i < 100; ++i) CHECK(pool.labels((*set)->labels(i)) == all[i]);
}

TEST_CASE("select: series without samples in the range are left out") {
  Head head({.no_time_bounds = true}, nullptr);
  auto appender = head.appender();
  appender->append(*appender->series(series_labels(1)), 1000, 1);
  appender->append(*appender->series(series_labels(2)), 5000, 1);
  REQUIRE(appender->commit());
  const auto querier = head.querier({});
  LabelPool pool;
  const std::vector<Matcher> none;
  const auto size = [&](TimeRange range) { return (*querier->select(range, none, pool, {}))->size(); };
  CHECK(size({0, 10'000}) == 2);
  CHECK(size({0, 2000}) == 1);
  CHECK(size({2000, 10'000}) == 1);
  CHECK(size({6000, 10'000}) == 0);
}

TEST_CASE("label queries: all names and values, sorted and limited") {
  Head head({}, nullptr);
  fill(head);
  const auto querier = head.querier({});
  const std::vector<Matcher> none;
  CHECK(*querier->label_names(none, 0) ==
        std::vector<std::string>{"__name__", "instance", "job", "rare", "zone"});
  CHECK(*querier->label_names(none, 2) == std::vector<std::string>{"__name__", "instance"});
  CHECK(*querier->label_values("zone", none, 0) == std::vector<std::string>{"a", "b"});
  CHECK(querier->label_values("missing", none, 0)->empty());
}

TEST_CASE("labels: those that are not wanted are left out, series are not") {
  Head head({}, nullptr);
  fill(head);
  const auto querier = head.querier({});
  LabelPool pool;
  const auto all = querier->select({}, {}, pool, {});
  for (const std::vector<std::string>& wanted :
       {std::vector<std::string>{}, {"zone"}, {"missing", "job", "zone"}}) {
    const auto set = querier->select({}, {}, pool, {.wanted_labels = wanted});
    REQUIRE(set);
    REQUIRE((*set)->size() == kSeries);
    for (std::size_t i = 0; i < kSeries; ++i) {
      LabelsBuilder expected;
      const Labels whole = pool.labels((*all)->labels(i));
      for (const LabelView label : whole)
        if (std::ranges::find(wanted, label.name) != wanted.end()) expected.set(label.name, label.value);
      CHECK(pool.labels((*set)->labels(i)) == expected.labels());
    }
  }
}

TEST_CASE("cardinality: the largest first") {
  Head head({}, nullptr);
  fill(head);
  const CardinalityStats stats = head.cardinality(3);
  REQUIRE(stats.series_by_metric_name.size() == 3);
  CHECK(stats.series_by_metric_name[0].name == "metric_0");
  CHECK(stats.series_by_metric_name[0].count == kSeries / 8);
  CHECK(stats.values_by_label_name[0].name == "instance");
  CHECK(stats.series_by_label_pair[0].name == "job=db");
}

TEST_CASE("series: no labels at all are refused") {
  Head head({}, nullptr);
  auto appender = head.appender();
  const auto ref = appender->series(Labels{});
  REQUIRE(!ref);
  CHECK(ref.error() == storage::AppendFault::invalid_labels);
}

}  // namespace
}  // namespace narthex::tsdb

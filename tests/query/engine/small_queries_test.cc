// Queries that a thread with other things to do may evaluate itself.
#include "query/engine/small_queries.h"

#include <doctest/doctest.h>

#include "query/engine/parsed_queries.h"
#include "telemetry/registry.h"
#include "tests/query/engine/engine_fixture.h"

namespace narthex::tests {

namespace {

using std::chrono::seconds;

query::QueryRequest range_request(std::string text, Timestamp end, DurationMs step) {
  query::QueryRequest request;
  request.query = std::move(text);
  request.end = end;
  request.step = step;
  return request;
}

/// What the summary of queue times has counted: every query that was evaluated.
std::uint64_t count_queries(telemetry::Registry& registry) {
  for (const auto& family : registry.Collect())
    if (family.name == "prometheus_engine_query_duration_seconds")
      return family.metric[0].summary.sample_count;
  return 0;
}

}  // namespace

TEST_CASE("a query has short steps if its series are looked up and its windows are short") {
  struct Row {
    const char* query;
    bool short_steps;
  };
  for (const Row& row : {
           Row{"up", true},
           Row{"1 + time()", true},
           Row{R"(rate({job="x"}[5m]) / on (a) group_left (b) (sum by (a) (-y{z!="1"})))", true},
           Row{R"(up{job=~"a|b"})", true},
           Row{R"(quantile_over_time(0.9, up[1h]))", true},
           Row{R"(topk(scalar(up), up))", true},
           Row{R"(up{job=~"a.*"})", false},
           Row{R"(up{job!~".*a"})", false},
           Row{R"({__name__!=""})", false},
           Row{R"({a!="", job=~"a|"})", false},
           Row{"max_over_time(up[61m])", false},
           Row{"max_over_time(up[5m:1s])", false},
           Row{"sum(rate(up[5m])) / count(max_over_time(up[1h:1m]))", false},
           Row{"info(up)", false},
           Row{R"(topk(scalar(up{a=~".+"}), up))", false},
       }) {
    CAPTURE(row.query);
    const auto root = query::parse(row.query, {true, true, true, true});
    REQUIRE(root.has_value());
    CHECK(query::SmallQueries::has_short_steps(**root) == row.short_steps);
  }
}

TEST_CASE("a query of many steps, or of much text, is not worth a try") {
  const query::SmallQueries small;
  CHECK(small.may_be_small(range_request("up", 0, 0), seconds(1)));
  CHECK(small.may_be_small(range_request("up", 3'600'000, 15'000), seconds(1)));
  CHECK_FALSE(small.may_be_small(range_request("up", 3'600'000, 1'000), seconds(1)));
  CHECK_FALSE(small.may_be_small(range_request("up", std::int64_t{25} * 3'600'000, 300'000), seconds(1)));
  CHECK_FALSE(small.may_be_small(range_request(std::string(2000, ' ') + "up", 0, 0), seconds(1)));
  auto profiled = range_request("up", 0, 0);
  profiled.profile = query::ProfileLevel::measured;
  CHECK_FALSE(small.may_be_small(profiled, seconds(1)));
}

TEST_CASE("a query that was given up is not tried again for a while") {
  query::SmallQueries small;
  small.note_given_up(range_request("up", 0, 0), seconds(60), query::SmallQueries::Limit::bytes);
  CHECK_FALSE(small.may_be_small(range_request("up", 0, 0), seconds(60)));
  CHECK_FALSE(small.may_be_small(range_request("up", 0, 0), seconds(119)));
  CHECK(small.may_be_small(range_request("down", 0, 0), seconds(61)));
  CHECK(small.may_be_small(range_request("up", 3'600'000, 15'000), seconds(61)));
  CHECK(small.may_be_small(range_request("up", 0, 0), seconds(121)));
}

TEST_CASE("a query that ran out of time is tried again soon") {
  query::SmallQueries small;
  // Also where the seconds that are kept begin anew.
  for (const std::int64_t now : {1, 60, (1 << 24) - 1, (1 << 24) + 5}) {
    small.note_given_up(range_request("up", 0, 0), seconds(now), query::SmallQueries::Limit::time);
    CHECK_FALSE(small.may_be_small(range_request("up", 0, 0), seconds(now + 1)));
    CHECK(small.may_be_small(range_request("up", 0, 0), seconds(now + 3)));
  }
}

TEST_CASE("what was parsed before is not parsed again, if its steps are short") {
  query::ParsedQueries parsed;
  const query::ParserOptions options;
  const auto first = parsed.small("rate(m[5m])", options);
  REQUIRE(first != nullptr);
  CHECK(parsed.small("rate(m[5m])", options) == first);
  const auto other = parsed.small("rate(m[6m])", options);
  REQUIRE(other != nullptr);
  CHECK(other != first);
  for (const char* text : {"rate(m[5m]", "m{a=~\"b.*\"}", "rate(m[2h])"})
    CHECK_MESSAGE(parsed.small(text, options) == nullptr, text);
}

TEST_CASE("a query that takes another's place among the parsed ones leaves it whole") {
  query::ParsedQueries parsed;
  const query::ParserOptions options;
  std::vector<std::shared_ptr<const query::Expr>> all;
  const auto text = [](int i) { return "m offset " + std::to_string(i + 1) + "s"; };
  for (int i = 0; i < 2000; ++i) all.push_back(parsed.small(text(i), options));
  for (int i = 0; i < 2000; ++i) {
    CHECK(query::print(*all[static_cast<std::size_t>(i)]) == query::print(*parsed.small(text(i), options)));
  }
}

TEST_CASE("a small query is answered at once, as any other") {
  EngineFixture f;
  f.load("m", kMinute, {1, 2, 3});
  telemetry::Registry registry;
  query::Engine engine(f.options, f.clock, &registry);
  const auto request = f.request("m + 1", 60'000, 120'000, 60'000);
  const auto small = engine.run_if_small(f.store, request, {});
  REQUIRE(small.has_value());
  REQUIRE(small->has_value());
  CHECK((*small)->series.at(0).v == query::ResultSeries::Column<double>{3, 4});
  CHECK((*small)->stats.total_queryable_samples == 2);
  CHECK(count_queries(registry) == 1);
  // An error of the evaluation is an answer.
  f.load(R"(m{a="1"})", kMinute, {1});
  const auto failing = engine.run_if_small(f.store, f.request("m * on () m"), {});
  REQUIRE(failing.has_value());
  CHECK(failing->error().code == Code::execution);
  CHECK(count_queries(registry) == 2);
}

TEST_CASE("a query that is more than it seemed is left to others, and not counted") {
  EngineFixture f;
  for (int i = 0; i < 3000; ++i) f.load("m{i=\"" + std::to_string(i) + "\"}", kMinute, {1});
  telemetry::Registry registry;
  query::Engine engine(f.options, f.clock, &registry);
  CHECK_FALSE(engine.run_if_small(f.store, f.request("m"), {}).has_value());
  CHECK(engine.memory_used() == 0);
  CHECK(engine.running().list().empty());
  CHECK(count_queries(registry) == 0);
  const auto whole = engine.run(f.store, f.request("m"), {});
  REQUIRE(whole.has_value());
  CHECK(whole->series.size() == 3000);
  CHECK(engine.run_if_small(f.store, f.request(R"(m{i="7"})"), {}).has_value());
}

TEST_CASE("a query that is no query is left to others") {
  EngineFixture f;
  query::Engine engine(f.options, f.clock, nullptr);
  CHECK_FALSE(engine.run_if_small(f.store, f.request("m +"), {}).has_value());
}

}  // namespace narthex::tests

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/query/engine/engine_fixture.h"

namespace narthex::tests {

TEST_CASE("instant selectors look back, but not to the edge, and not past a staleness marker") {
  EngineFixture f;
  f.load("m", kMinute, {1});
  f.load("gone", kMinute, {1, kStaleNan});
  CHECK(f.at("m", 5 * kMinute - 1) == "m 1@299.999");
  CHECK(f.at("m", 5 * kMinute) == "");
  CHECK(f.at("gone", kMinute - 1) == "gone 1@59.999");
  CHECK(f.at("gone", kMinute) == "");
  auto request = f.request("m", 90'000, 90'000);
  request.lookback = 60'000;
  CHECK(f.text(f.ask(request)) == "");
}

TEST_CASE("windows are left-open") {
  EngineFixture f;
  f.load("m", kMinute, {1, 2, 3, 4});
  const struct {
    std::string_view query;
    std::string_view want;
  } rows[] = {
      {"m[2m]", "m 3@120 4@180"},
      {"m[121s]", "m 2@60 3@120 4@180"},
      {"m[1m] offset 1m", "m 3@120"},
      {"m[1m] offset -1m", ""},
      {"m[2m] @ 60", "m 1@0 2@60"},
      {"m[2m] @ end()", "m 3@120 4@180"},
      {"m[2m:1m]", "m 3@120 4@180"},
      {"m[90s:1m] @ 130", "m 2@60 3@120"},
      {"m[2m:40s]", "m 2@80 3@120 3@160"},
      {"(m[2m:1m] offset 30s)", "m 2@60 3@120"},
      {"count_over_time(m[2m])", "{} 2@180"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    CHECK(f.at(row.query, 3 * kMinute) == row.want);
  }
}

TEST_CASE("subqueries lie on multiples of their step, whenever they are evaluated") {
  EngineFixture f;
  f.load("m", 10'000, std::vector<double>(100, 1));
  CHECK(f.at("timestamp(m)[60s:20s]", 305'000) == "{} 260@260 280@280 300@300");
  CHECK(f.at("time()[60s:20s]", 305'000).starts_with("error: 1:1: parse error"));
  CHECK(f.at("vector(time())[60s:20s]", 300'000) == "{} 260@260 280@280 300@300");
  CHECK(f.at("vector(time())[60s:20s] @ 100", 305'000) == "{} 60@60 80@80 100@100");
  CHECK(f.at("vector(time())[60s:20s] offset 15s", 305'000) == "{} 240@240 260@260 280@280");
  CHECK(f.at("vector(time())[60s:20s]", -30'000) == "{} -80@-80 -60@-60 -40@-40");
  f.options.default_subquery_step = 30'000;
  CHECK(f.at("vector(time())[60s:]", 305'000) == "{} 270@270 300@300");
}

TEST_CASE("`@` goes to the ends of time, where nothing is, and its neighbours are no further") {
  EngineFixture f;
  f.load("m", kMinute, {1, 2});
  for (const std::string_view at :
       {"9223372036854775", "7777777777777777", "-9223372036854775", "-9e17", "9e17"})
    for (const std::string_view form :
         {"m @ {0}", "m @ {0} offset -292y", "m @ {0} offset 292y", "rate(m[292y] @ {0})",
          "sum_over_time(m[292y:100y] @ {0} offset -292y)", "m smoothed @ {0}",
          "last_over_time((m @ {0})[1m:1m] @ {0})", "rate(m[292y] anchored @ {0} offset 292y)"}) {
      const std::string query = fmt::format(fmt::runtime(form), at);
      CAPTURE(query);
      CHECK(f.at(query, kMinute) == "");
    }
  CHECK(f.at("max_over_time(vector(time())[1m:1m] @ 9e15)", kMinute) == "{} 9e+15@60");
}

TEST_CASE("`@` fixes the time of a part, at every step of a range query") {
  EngineFixture f;
  f.load("m", kMinute, {1, 2, 3, 4});
  const struct {
    std::string_view query;
    std::string_view want;
  } rows[] = {
      {"m @ 60", "m 2@60 2@120 2@180"},
      {"m @ start()", "m 2@60 2@120 2@180"},
      {"m @ end() - m", "{} 2@60 1@120 0@180"},
      {"sum_over_time(m[2m] @ 60)", "{} 3@60 3@120 3@180"},
      {"sum_over_time((m @ 60)[2m:1m])", "{} 4@60 4@120 4@180"},
      {"predict_linear(m[2m] @ 60, 60)", "{} 3@60 4@120 5@180"},
      {"timestamp(m @ 60)", "{} 60@60 60@120 60@180"},
      {"timestamp(m @ 60 offset 1m)", "{} 0@60 0@120 0@180"},
      {"timestamp(m @ 180 offset -1m)", "{} 180@60 180@120 180@180"},
      {"timestamp(m @ 360 offset 5m)", ""},
      {"quantile_over_time(scalar(m - 1) / 3, m[4m] @ 180)", "{} 2@60 3@120 4@180"},
      {"vector(start()) + end() + step() + range()", "{} 420@60 420@120 420@180"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    CHECK(f.over(row.query, kMinute, 3 * kMinute, kMinute) == row.want);
  }
}

TEST_CASE("range results are sorted by labels, instant ones as they come or as sort() says") {
  EngineFixture f;
  f.load(R"(m{i="b10"})", kMinute, {3});
  f.load(R"(m{i="b9"})", kMinute, {1});
  f.load(R"(m{i="a"})", kMinute, {2});
  f.load(R"(n{i="x"})", kMinute, {kNormalNan});
  CHECK(f.at("m", 0) == R"(m{i="b10"} 3@0, m{i="b9"} 1@0, m{i="a"} 2@0)");
  CHECK(f.over("m", 0, 0, kMinute) == R"(m{i="a"} 2@0, m{i="b10"} 3@0, m{i="b9"} 1@0)");
  CHECK(f.at("sort(m or n)", 0) == R"(m{i="b9"} 1@0, m{i="a"} 2@0, m{i="b10"} 3@0, n{i="x"} NaN@0)");
  CHECK(f.at("sort_desc(m or n)", 0) == R"(m{i="b10"} 3@0, m{i="a"} 2@0, m{i="b9"} 1@0, n{i="x"} NaN@0)");
  CHECK(f.at(R"(sort_by_label(m, "i"))", 0) == R"(m{i="a"} 2@0, m{i="b9"} 1@0, m{i="b10"} 3@0)");
  CHECK(f.at("topk(2, m)", 0) == R"(m{i="b10"} 3@0, m{i="a"} 2@0)");
  CHECK(f.at("bottomk(2, m or n)", 0) == R"(m{i="b9"} 1@0, m{i="a"} 2@0)");
}

TEST_CASE("rate does not reach below zero, nor further than half an interval past its samples") {
  EngineFixture f;
  f.load("up_total", 10'000, {0, 10, 20, 30, 40, 50, 60});
  f.load("late_total", 10'000, {kGap, kGap, kGap, 100, 110, 120, 130});
  f.load("young_total", 10'000, {kGap, kGap, kGap, 1, 11, 21, 31});
  f.load("reset_total", 10'000, {50, 60, 5, 15, 0, 10, 20});
  const struct {
    std::string_view query;
    std::string_view want;
  } rows[] = {
      {"increase(up_total[1m])", "{} 60@60"},
      {"increase(late_total[1m])", "{} 35@60"},
      {"increase(young_total[1m])", "{} 31.000000000000004@60"},
      {"increase(reset_total[1m])", "{} 42@60"},
      {"delta(reset_total[1m])", "{} -48@60"},
      {"irate(reset_total[25s])", "{} 1@60"},
      {"idelta(reset_total[25s])", "{} 10@60"},
      {"resets(reset_total[2m])", "{} 2@60"},
      {"changes(reset_total[2m])", "{} 6@60"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    CHECK(f.at(row.query, 60'000) == row.want);
  }
}

}  // namespace narthex::tests

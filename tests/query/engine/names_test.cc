#include <doctest/doctest.h>

#include "tests/query/engine/engine_fixture.h"

namespace narthex::tests {

namespace {

void load_two(EngineFixture& f) {
  f.load(R"(up{job="a"})", kMinute, {1, 2, 3, 4});
}

}  // namespace

TEST_CASE("the engine drops the metric name where the result is another metric") {
  EngineFixture f;
  load_two(f);
  const struct {
    std::string_view query;
    std::string_view want;
  } rows[] = {
      {"up", R"(up{job="a"} 4@180)"},
      {"up > 1", R"(up{job="a"} 4@180)"},
      {"1 < up", R"(up{job="a"} 4@180)"},
      {"up > bool 1", R"({job="a"} 1@180)"},
      {"up + 1", R"({job="a"} 5@180)"},
      {"-up", R"({job="a"} -4@180)"},
      {"+up", R"(up{job="a"} 4@180)"},
      {"abs(up)", R"({job="a"} 4@180)"},
      {"timestamp(up)", R"({job="a"} 180@180)"},
      {"rate(up[3m])", R"({job="a"} 0.016666666666666666@180)"},
      {"max_over_time(up[3m])", R"({job="a"} 4@180)"},
      {"last_over_time(up[3m])", R"(up{job="a"} 4@180)"},
      {"first_over_time(up[3m])", R"(up{job="a"} 2@180)"},
      {"up and up", R"(up{job="a"} 4@180)"},
      {"up * on(job) up", R"({job="a"} 16@180)"},
      {"up == on(job) up", R"({job="a"} 4@180)"},
      {"up == ignoring(x) up", R"(up{job="a"} 4@180)"},
      {"sum by (__name__) (up)", R"(up 4@180)"},
      {"sum without (job) (up)", R"({} 4@180)"},
      {"topk(1, up)", R"(up{job="a"} 4@180)"},
      {R"q(label_replace(up, "x", "$1", "job", "(.*)"))q", R"(up{job="a", x="a"} 4@180)"},
      {R"q(label_replace(rate(up[3m]), "__name__", "speed", "", ""))q",
       R"(speed{job="a"} 0.016666666666666666@180)"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    CHECK(f.at(row.query, 3 * kMinute) == row.want);
  }
}

TEST_CASE("__type__ and __unit__ go with the metric name, but not through without()") {
  EngineFixture f;
  f.load(R"(m{__type__="gauge", __unit__="s", job="a"})", kMinute, {1, 2});
  CHECK(f.at("m", kMinute) == R"(m{__type__="gauge", __unit__="s", job="a"} 2@60)");
  CHECK(f.at("m * 2", kMinute) == R"({job="a"} 4@60)");
  CHECK(f.at("sum without (job) (m)", kMinute) == R"({__type__="gauge", __unit__="s"} 2@60)");
}

TEST_CASE("delayed name removal keeps names until the end of the query") {
  EngineFixture f;
  f.options.delayed_name_removal = true;
  f.load(R"(a_total{job="x"})", kMinute, {0, 60, 120, 180});
  f.load(R"(b_total{job="x"})", kMinute, {0, 120, 240, 360});
  const struct {
    std::string_view query;
    std::string_view want;
  } rows[] = {
      {R"q(rate({__name__=~".+_total", __name__!="b_total"}[3m]))q", R"({job="x"} 1@180)"},
      {R"q(label_replace(rate({__name__=~".+_total"}[3m]), "name", "$1", "__name__", "(.+)"))q",
       R"({job="x", name="a_total"} 1@180, {job="x", name="b_total"} 2@180)"},
      {R"(sum by (__name__) (rate({__name__=~".+_total"}[3m])))",
       "error: vector cannot contain metrics with the same labelset"},
      {R"(count_over_time({__name__=~".+_total"}[3m]))",
       "error: vector cannot contain metrics with the same labelset"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    CHECK(f.at(row.query, 3 * kMinute) == row.want);
  }
}

TEST_CASE("series that lose their names merge if they never meet, and collide at the step where they do") {
  EngineFixture f;
  f.load(R"(a{x="1"})", kMinute, {1, 2, kStaleNan});
  f.load(R"(b{x="1"})", kMinute, {kGap, kGap, 3, 4});
  f.load(R"(c{x="1"})", kMinute, {kGap, 7});
  const struct {
    std::string_view query;
    std::string_view want;
  } rows[] = {
      {R"(abs({__name__=~"a|b"}))", R"({x="1"} 1@0 2@60 3@120 4@180)"},
      {R"q(-{__name__=~"a|b"})q", R"({x="1"} -1@0 -2@60 -3@120 -4@180)"},
      {R"({__name__=~"a|b"} + 0)", R"({x="1"} 1@0 2@60 3@120 4@180)"},
      {R"({__name__=~"a|b"} * on(x) vector(1))", ""},
      {R"q(label_replace({__name__=~"a|b"}, "__name__", "n", "", ""))q", R"(n{x="1"} 1@0 2@60 3@120 4@180)"},
      {R"(abs({__name__=~"a|c"}))", "error: vector cannot contain metrics with the same labelset"},
      {R"q(-{__name__=~"a|c"})q", "error: vector cannot contain metrics with the same labelset"},
      {R"q(label_join({__name__=~"a|c"}, "__name__", "", "x"))q",
       "error: vector cannot contain metrics with the same labelset"},
      // Functions over range vectors look at labels alone.
      {R"(last_over_time({__name__=~"a|b"}[1m]) * 1)", R"({x="1"} 1@0 2@60 3@120 4@180)"},
      {R"(sum_over_time({__name__=~"a|b"}[1m]))",
       "error: vector cannot contain metrics with the same labelset"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    CHECK(f.over(row.query, 0, 3 * kMinute, kMinute) == row.want);
  }
}

}  // namespace narthex::tests

#include <doctest/doctest.h>

#include "tests/query/engine/engine_fixture.h"

namespace narthex::tests {

TEST_CASE("binary operators name the series that cannot be matched, for the earliest step") {
  EngineFixture f;
  f.load(R"(left{i="1"})", kMinute, {1, 1, 1, 1});
  f.load(R"(left{i="2"})", kMinute, {kGap, kGap, 2, 2});
  f.load(R"(right{k="a"})", kMinute, {5, 5, 5, 5});
  f.load(R"(right{k="b"})", kMinute, {kGap, kGap, kGap, 6});
  const struct {
    std::string_view query;
    std::string_view want;
  } rows[] = {
      {"left * on() right",
       "error: multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"},
      {"left * on() group_left right",
       R"(error: found duplicate series for the match group {} on the right hand-side of the operation: )"
       R"([{__name__="right", k="a"}, {__name__="right", k="b"}];many-to-many matching not allowed: )"
       "matching labels must be unique on one side"},
      {"right * on() group_right left",
       R"(error: found duplicate series for the match group {} on the left hand-side of the operation: )"
       R"([{__name__="right", k="a"}, {__name__="right", k="b"}];many-to-many matching not allowed: )"
       "matching labels must be unique on one side"},
      {"left * ignoring(i, k) group_left right",
       R"(error: found duplicate series for the match group {} on the right hand-side of the operation: )"
       R"([{__name__="right", k="a"}, {__name__="right", k="b"}];many-to-many matching not allowed: )"
       "matching labels must be unique on one side"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    CHECK(f.over(row.query, 0, 3 * kMinute, kMinute) == row.want);
  }
}

TEST_CASE("series of one signature that follow each other match without complaint") {
  EngineFixture f;
  f.load(R"(requests{pod="p"})", kMinute, {10, 20, 30, 40});
  f.load(R"(info{pod="p", version="1"})", kMinute, {1, 1, kStaleNan});
  f.load(R"(info{pod="p", version="2"})", kMinute, {kGap, kGap, 1, 1});
  CHECK(f.over("requests * on(pod) group_left(version) info", 0, 3 * kMinute, kMinute) ==
        R"({pod="p", version="1"} 10@0 20@60, {pod="p", version="2"} 30@120 40@180)");
  CHECK(f.over("requests * on(pod) info", 0, 3 * kMinute, kMinute) ==
        R"({pod="p"} 10@0 20@60 30@120 40@180)");
}

TEST_CASE("duplicates on the one side matter only where the other side has a sample") {
  EngineFixture f;
  f.load("one_a", kMinute, {1, 1, 1});
  f.load("one_b", kMinute, {kGap, 1, 1});
  f.load("many", kMinute, {5, kStaleNan});
  f.load("none", kMinute, {});
  CHECK(f.over(R"(many * on() {__name__=~"one_."})", 0, 2 * kMinute, kMinute) == "{} 5@0");
  CHECK(f.over(R"(many * on() fill(0) {__name__=~"one_."})", 0, 2 * kMinute, kMinute)
            .starts_with("error: found duplicate series"));
}

TEST_CASE("set operators decide per step") {
  EngineFixture f;
  f.load(R"(a{x="1"})", kMinute, {1, 2, 3, 4});
  f.load(R"(b{x="1"})", kMinute, {kGap, 5, 5, kStaleNan});
  f.load(R"(b{x="2"})", kMinute, {6, 6, 6, 6});
  const struct {
    std::string_view query;
    std::string_view want;
  } rows[] = {
      {"a and b", R"(a{x="1"} 2@60 3@120)"},
      {"a unless b", R"(a{x="1"} 1@0 4@180)"},
      {"b or a", R"(a{x="1"} 1@0 4@180, b{x="1"} 5@60 5@120, b{x="2"} 6@0 6@60 6@120 6@180)"},
      {"a and on() b", R"(a{x="1"} 1@0 2@60 3@120 4@180)"},
      {"a unless on(y) b", ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    CHECK(f.over(row.query, 0, 3 * kMinute, kMinute) == row.want);
  }
}

TEST_CASE("comparisons keep the left value, whichever side is the many side") {
  EngineFixture f;
  f.load(R"(many{i="1"})", kMinute, {1});
  f.load(R"(many{i="2"})", kMinute, {9});
  f.load("one", kMinute, {5});
  CHECK(f.at("many > on() group_left one", 0) == R"(many{i="2"} 9@0)");
  CHECK(f.at("one > on() group_right many", 0) == R"(many{i="1"} 5@0)");
  CHECK(f.at("one > bool on() group_right many", 0) == R"({i="1"} 1@0, {i="2"} 0@0)");
}

}  // namespace narthex::tests

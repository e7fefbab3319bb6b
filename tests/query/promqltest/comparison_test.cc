#include "query/promqltest/comparison.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <limits>
#include <string>
#include <utility>

#include "model/value.h"
#include "query/promqltest/notation.h"

using namespace narthex;
using namespace narthex::query;

namespace {

EvalCommand expectation(std::string_view block) {
  const auto commands = parse_script(block);
  REQUIRE(commands.size() == 1);
  REQUIRE(std::holds_alternative<EvalCommand>(commands[0]));
  return std::get<EvalCommand>(commands[0]);
}

ResultSeries series(Labels labels, ResultSeries::Column<Timestamp> t, ResultSeries::Column<double> v) {
  ResultSeries s;
  s.labels = std::move(labels);
  s.t = std::move(t);
  s.v = std::move(v);
  return s;
}

QueryResult result(ValueType type, std::vector<ResultSeries> all) {
  QueryResult r;
  r.type = type;
  r.series = std::move(all);
  return r;
}

FloatHistogram histogram(std::string_view text) {
  return *parse_series_description(fmt::format("m {}", text))->values[0].histogram;
}

}  // namespace

TEST_CASE("numbers are equal up to one part in a million") {
  const double tiny = std::numeric_limits<double>::denorm_min();
  const double infinity = std::numeric_limits<double>::infinity();
  const struct {
    double a;
    double b;
    bool want;
  } rows[] = {
      {1, 1.000001, true},
      {1, 1.00001, false},
      {0, 0, true},
      {0, 1e-12, false},
      {0, tiny, true},
      {-1, 1, false},
      {infinity, infinity, true},
      {infinity, -infinity, false},
      {infinity, 1, false},
      {kNormalNan, kNormalNan, true},
      {kStaleNan, kStaleNan, true},
      {kStaleNan, kNormalNan, false},
      {1e308, 1.0000001e308, true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.a);
    CAPTURE(row.b);
    CHECK(almost_equal(row.a, row.b) == row.want);
    CHECK(almost_equal(row.b, row.a) == row.want);
  }
}

TEST_CASE("histograms are compared without empty buckets; the hint counts where it is written") {
  const struct {
    std::string_view want;
    std::string_view got;
    bool equal;
  } rows[] = {
      {"{{count:3 buckets:[1 2]}}", "{{count:3 buckets:[0 1 2 0] offset:-1}}", true},
      {"{{count:3 buckets:[1 2]}}", "{{count:3 buckets:[1 2] offset:1}}", false},
      {"{{count:3}}", "{{count:4}}", false},
      {"{{schema:1}}", "{{schema:0}}", false},
      {"{{count:3}}", "{{count:3 counter_reset_hint:gauge}}", true},
      {"{{count:3 counter_reset_hint:unknown}}", "{{count:3 counter_reset_hint:gauge}}", false},
      {"{{schema:-53 custom_values:[1]}}", "{{schema:-53 custom_values:[2]}}", false},
      {"{{z_bucket_w:0.1}}", "{{z_bucket_w:0.2}}", false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.want);
    const auto described = parse_series_description(fmt::format("m {}", row.want));
    REQUIRE(described);
    CHECK(almost_equal(described->values[0], histogram(row.got)) == row.equal);
  }
}

TEST_CASE("a vector must have the expected series in any order, unless ordered") {
  const Labels a{{"x", "a"}};
  const Labels b{{"x", "b"}};
  const auto want = expectation("eval instant at 0 m\n {x=\"a\"} 1\n {x=\"b\"} 2\n");
  const auto ordered = expectation("eval_ordered instant at 0 m\n {x=\"a\"} 1\n {x=\"b\"} 2\n");
  const auto right = result(ValueType::vector, {series(a, {0}, {1}), series(b, {0}, {2})});
  const auto turned = result(ValueType::vector, {series(b, {0}, {2}), series(a, {0}, {1})});
  CHECK_FALSE(mismatch(want, right));
  CHECK_FALSE(mismatch(want, turned));
  CHECK_FALSE(mismatch(ordered, right));
  CHECK(mismatch(ordered, turned));
  CHECK(mismatch(want, result(ValueType::vector, {series(a, {0}, {1})})));
  CHECK(mismatch(want, result(ValueType::vector, {series(a, {0}, {1}), series(b, {0}, {3})})));
  CHECK(mismatch(expectation("eval instant at 0 m\n"), right));
  CHECK_FALSE(mismatch(expectation("eval instant at 0 m\n"), result(ValueType::vector, {})));
}

TEST_CASE("a matrix must be sorted and have its points at the right times") {
  const Labels a{{"x", "a"}};
  const Labels b{{"x", "b"}};
  const auto want = expectation("eval range from 0 to 2m step 1m m\n {x=\"a\"} 1 _ 3\n {x=\"b\"} _ 2\n");
  const auto right = result(ValueType::matrix, {series(a, {0, 120'000}, {1, 3}), series(b, {60'000}, {2})});
  CHECK_FALSE(mismatch(want, right));
  CHECK(mismatch(want, result(ValueType::matrix, {right.series[1], right.series[0]})));
  CHECK(mismatch(want, result(ValueType::matrix, {series(a, {0, 60'000}, {1, 3}), right.series[1]})));
  CHECK(mismatch(want, result(ValueType::matrix, {series(a, {0}, {1}), right.series[1]})));
  CHECK(mismatch(expectation("eval range from 0 to 1m step 1m m\n {x=\"a\"} 1 _ 3\n"),
                 result(ValueType::matrix, {right.series[0]})));
}

TEST_CASE("scalars and strings are compared by value") {
  QueryResult scalar;
  scalar.type = ValueType::scalar;
  scalar.scalar = 5;
  CHECK_FALSE(mismatch(expectation("eval instant at 0 5\n 5\n"), scalar));
  CHECK(mismatch(expectation("eval instant at 0 5\n 6\n"), scalar));
  CHECK(mismatch(expectation("eval instant at 0 5\n {} 5\n"), scalar));
  QueryResult string;
  string.type = ValueType::string;
  string.string = "a";
  CHECK_FALSE(mismatch(expectation("eval instant at 0 \"a\"\n expect string \"a\"\n"), string));
  CHECK(mismatch(expectation("eval instant at 0 \"a\"\n expect string `b`\n"), string));
}

TEST_CASE("each expected annotation must come, and no other of its kind") {
  const struct {
    std::string_view expect;
    std::vector<std::string> warnings;
    bool right;
  } rows[] = {
      {"", {"w"}, true},
      {" expect warn\n", {"w"}, true},
      {" expect warn\n", {}, false},
      {" expect no_warn\n", {"w"}, false},
      {" expect no_warn\n", {}, true},
      {" expect warn msg: w\n", {"w", "v"}, false},
      {" expect warn msg: w\n expect warn regex: v\n", {"w", "vv"}, true},
      {" expect warn msg: w\n expect warn regex: v\n", {"w"}, false},
      {" expect no_info\n", {"w"}, true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.expect);
    Annotations annotations;
    for (const std::string& text : row.warnings) annotations.add({AnnotationKind::warning, text});
    const auto want = expectation(fmt::format("eval instant at 0 m\n{}", row.expect));
    CHECK(annotation_mismatch(want, annotations).has_value() == !row.right);
  }
}

TEST_CASE("results are shown in the notation of scripts") {
  CHECK(to_notation(histogram("{{schema:1 count:3 sum:-2 z_bucket:1 z_bucket_w:0.5 buckets:[0 1 2] "
                              "n_buckets:[4] n_offset:-1 counter_reset_hint:reset}}")) ==
        "{{schema:1 count:3 sum:-2 z_bucket:1 z_bucket_w:0.5 counter_reset_hint:reset buckets:[0 1 2] "
        "n_offset:-1 n_buckets:[4]}}");
  CHECK(to_notation(result(ValueType::vector, {series({{"x", "a"}}, {1500}, {2})})) == "{x=\"a\"} 2@1.5");
  CHECK(to_notation(result(ValueType::vector, {})) == "nothing");
  CHECK(to_notation(expectation("eval instant at 0 m\n a 1\n b {{count:1}}\n")) == "a 1\nb {{count:1}}");
}

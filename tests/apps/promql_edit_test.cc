#include "apps/narthextool/promql_edit.h"

#include <doctest/doctest.h>

namespace narthex::apps {

namespace {

std::string text(const Result<std::string>& r) {
  return r ? *r : "error: " + r.error().text;
}

}  // namespace

TEST_CASE("promql format splits long queries and keeps short ones") {
  CHECK(text(format_promql("sum by(job)(rate(x[5m]))", {})) == "sum by (job) (rate(x[5m]))\n");
  CHECK(text(format_promql("up +", {})) == "error: 1:5: parse error: unexpected end of input");
  CHECK(text(format_promql("mad_over_time(x[5m])", {.experimental_functions = true})) ==
        "mad_over_time(x[5m])\n");
}

TEST_CASE("promql label-matchers set puts the matcher into every selector") {
  const struct {
    std::string_view query;
    MatchOp op;
    std::string name;
    std::string value;
    std::string_view want;
  } rows[] = {
      {"up", MatchOp::equal, "job", "x", "up{job=\"x\"}\n"},
      {"up{job=~\"a|b\"} / on (a) rate(x{job!=\"y\",z=\"1\"}[5m])", MatchOp::regex, "job", "n.*",
       "up{job=~\"n.*\"} / on (a) rate(x{job=~\"n.*\",z=\"1\"}[5m])\n"},
      {"max_over_time((-m)[1h:5m])", MatchOp::not_equal, "a", "b", "max_over_time((-m{a!=\"b\"})[1h:5m])\n"},
      {"topk(scalar(k), m)", MatchOp::not_regex, "a", "b", "topk(scalar(k{a!~\"b\"}), m{a!~\"b\"})\n"},
      {"1 + 1", MatchOp::equal, "a", "b", "1 + 1\n"},
      {"up", MatchOp::regex, "a", "(", "error: error parsing regexp: missing closing ): `(`"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    CHECK(text(set_label_matcher(row.query, row.op, row.name, row.value, {})) == row.want);
  }
}

TEST_CASE("promql label-matchers delete takes the label out of every selector") {
  CHECK(text(delete_label_matcher("up{job=\"x\",a=\"1\"} + b{job=~\"y\"}", "job", {})) ==
        "up{a=\"1\"} + b\n");
  CHECK(text(delete_label_matcher("up{job=\"x\",job!=\"y\"}", "job", {})) == "up\n");
  CHECK(text(delete_label_matcher("up", "job", {})) == "up\n");
}

}  // namespace narthex::apps

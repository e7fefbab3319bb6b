#include <doctest/doctest.h>

#include "query/promql/parser.h"

using namespace narthex;
using namespace narthex::query;

namespace {
constexpr ParserOptions kEverything{true, true, true, true};
}  // namespace

TEST_CASE("a query is printed in one canonical form, which parses to the same again") {
  const struct {
    std::string_view query;
    std::string_view want;
  } rows[] = {
      {"sum(foo)by(b,a)", "sum by (b, a) (foo)"},
      {"sum by()(foo)", "sum(foo)"},
      {"sum without() (foo)", "sum without () (foo)"},
      {"count by(\"a.b\")(foo)", "count by (\"a.b\") (foo)"},
      {"topk( 3,foo )", "topk(3, foo)"},
      {"foo{b='x',a=~\"y\"}", "foo{a=~\"y\",b=\"x\"}"},
      {"{\"foo\",a=\"b\"}", "{__name__=\"foo\",a=\"b\"}"},
      {"{\"a.b\"=\"c\",d=\"e\"}", "{\"a.b\"=\"c\",d=\"e\"}"},
      {"foo [300] offset -1h @ 1.5", "foo[5m] @ 1.500 offset -1h"},
      {"foo[5m] smoothed @ end()", "foo[5m] smoothed @ end()"},
      {"foo anchored @ start()", "foo @ start() anchored"},
      {"foo[90m:] offset 1m", "foo[1h30m:] offset 1m"},
      {"foo[2*1h:step()/2]", "foo[2 * 1h:step() / 2]"},
      {"foo offset -(5m)", "foo offset -(5m)"},
      {"foo[+(5)]", "foo[(5)]"},
      {"a + on(x) group_left(y) fill_left(1) b", "a + on (x) group_left (y) fill_left (1) b"},
      {"a + fill(-1.5) b", "a + fill (-1.5) b"},
      {"a - ignoring() b", "a - b"},
      {"a </ b", "a </ b"},
      {"1 <bool 2", "1 < bool 2"},
      {"info(a, {})", "info(a, {})"},
      {"-(a)", "-(a)"},
      {"+a", "+a"},
      {"1e3", "1000"},
      {"0x1f + 1_000", "31 + 1000"},
      {"5m + 1", "5m + 1"},
      {"-5m", "-5m"},
      {"'a\\'b\"'", "\"a'b\\\"\""},
      {"label_replace(a,'b','$1',\"c\",'d')", "label_replace(a, \"b\", \"$1\", \"c\", \"d\")"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    const auto tree = parse(row.query, kEverything);
    REQUIRE(tree);
    CHECK(print(**tree) == row.want);
    const auto again = parse(row.want, kEverything);
    REQUIRE(again);
    CHECK(print(**again) == row.want);
  }
}

TEST_CASE("a copy of a tree prints the same") {
  for (const char* query : {"sum by (a) (rate(foo{b=~\"c\"}[5m] @ 1.000 offset 1m))",
                            "topk(3, a) + on (x) group_left (y) fill (0) -b[1h:step() + 1] offset (5m)",
                            "label_replace(a, \"b\", \"c\", \"d\", \"e\") or (vector(1))"}) {
    CAPTURE(query);
    const auto tree = parse(query, kEverything);
    if (!tree) continue;
    const ExprPtr copy = clone(**tree);
    CHECK(print(*copy) == print(**tree));
    CHECK(copy->span == (*tree)->span);
  }
}

TEST_CASE("expressions longer than a line are split and indented") {
  const struct {
    std::string_view query;
    std::size_t width;
    std::string_view want;
  } rows[] = {
      {"sum(foo)", 10, "sum(foo)"},
      {"sum by(a)(foo_bar)", 10, "sum by (a) (\n  foo_bar\n)"},
      {"foo_1 + foo_2 + foo_3", 10, "    foo_1\n  +\n    foo_2\n+\n  foo_3"},
      {"quantile(0.9, foo_bar)", 10, "quantile(\n  0.9,\n  foo_bar\n)"},
      {"-rate(foo_bar[5m])", 10, "-rate(\n  foo_bar[5m]\n)"},
      {"(a_long_name)", 10, "(\n  a_long_name\n)"},
      {"rate(foo[1m])[5m:] offset 1m", 10, "rate(\n  foo[1m]\n)[5m:] offset 1m"},
      {"a_long_name == bool on(x) other_name", 10, "  a_long_name\n== bool on (x)\n  other_name"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    const auto tree = parse(row.query, kEverything);
    REQUIRE(tree);
    CHECK(pretty_print(**tree, row.width) == row.want);
  }
}

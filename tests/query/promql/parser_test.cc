#include "query/promql/parser.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "query/promql/functions.h"
#include "query/promql/text.h"

using namespace narthex;
using namespace narthex::query;

namespace {

constexpr ParserOptions kEverything{true, true, true, true};

/// The tree with all parentheses, so that precedence shows.
std::string shape(const Expr& e) {
  if (const auto* b = e.as<Binary>())
    return fmt::format("({}{}{})", shape(*b->lhs), text_of(b->op), shape(*b->rhs));
  if (const auto* u = e.as<Unary>()) return fmt::format("{}{}", u->negate ? '-' : '+', shape(*u->expr));
  if (const auto* p = e.as<Paren>()) return shape(*p->expr);
  return print(e);
}

std::string error_of(std::string_view query, const ParserOptions& options = kEverything) {
  const auto tree = parse(query, options);
  return tree ? "" : tree.error().text;
}

}  // namespace

TEST_CASE("operators bind by precedence, ^ to the right") {
  const struct {
    std::string_view query;
    std::string_view want;
  } rows[] = {
      {"a + b * c", "(a+(b*c))"},
      {"a * b + c", "((a*b)+c)"},
      {"a - b - c", "((a-b)-c)"},
      {"a ^ b ^ c", "(a^(b^c))"},
      {"-a ^ b", "-(a^b)"},
      {"-a * b", "(-a*b)"},
      {"a ^ -b * c", "((a^-b)*c)"},
      {"-1 ^ 2", "-(1^2)"},
      {"a or b and c unless d", "(aor((bandc)unlessd))"},
      {"a == bool b + c", "(a==(b+c))"},
      {"a < b > c", "((a<b)>c)"},
      {"a atan2 b % c", "((aatan2b)%c)"},
      {"a </ b + c", "(a</(b+c))"},
      {"a + b offset 1m", "(a+b offset 1m)"},
      {"-a @ 1", "-a @ 1.000"},
      {"a offset 1m + b", "(a offset 1m+b)"},
      {"a offset -2^2", "(a offset -2s^2)"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    const auto tree = parse(row.query, kEverything);
    REQUIRE(tree);
    CHECK(shape(**tree) == row.want);
  }
}

TEST_CASE("errors say where and what, in Prometheus' words") {
  const struct {
    std::string_view query;
    std::string_view want;
  } rows[] = {
      {"", "unknown position: parse error: no expression found in input"},
      {" ", "1:1: parse error: no expression found in input"},
      {"a b", "1:3: parse error: unexpected identifier \"b\""},
      {"a +\n  * b", "2:3: parse error: unexpected <op:*>"},
      {"sum(a b)", "1:7: parse error: unexpected identifier \"b\" in aggregation"},
      {"rate(a b)", "1:8: parse error: unexpected identifier \"b\""},
      {"sum by (a b) (c)",
       "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\""},
      {"a{b=c}", "1:5: parse error: unexpected identifier \"c\" in label matching, expected string"},
      {"a{b}", "1:4: parse error: unexpected \"}\" in label matching, expected label matching operator"},
      {"a{b=~\"(\"}", "1:3: parse error: error parsing regexp: missing closing ): `(`"},
      {"a[1m", "1:5: parse error: unclosed left bracket"},
      {"a[5m 1m]",
       "1:6: parse error: unexpected duration \"1m\" in subquery or range, expected \":\" or \"]\""},
      {"a offset b",
       "1:10: parse error: unexpected identifier \"b\" in offset, expected number, "
       "duration, step(), or range()"},
      {"a @ b", "1:5: parse error: unexpected identifier \"b\" in @, expected timestamp"},
      {"a @ start(b)", "1:11: parse error: unexpected identifier \"b\" in @, expected timestamp"},
      {"foo()", "1:1: parse error: unknown function with name \"foo\""},
      {"rate(a)",
       "1:6: parse error: expected type range vector in call to function \"rate\", got "
       "instant vector"},
      {"abs(a, b)", "1:1: parse error: expected 1 argument(s) in call to \"abs\", got 2"},
      {"round()", "1:1: parse error: expected at least 1 argument(s) in call to \"round\", got 0"},
      {"abs(a,)", "1:6: parse error: trailing commas not allowed in function call args"},
      {"sum()", "1:1: parse error: no arguments for aggregate expression provided"},
      {"topk(a)",
       "1:1: parse error: wrong number of arguments for aggregate expression provided, "
       "expected 2, got 1"},
      {"count_values(1, a)", "1:14: parse error: expected type string in aggregation parameter, got scalar"},
      {"1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"},
      {"a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"},
      {"a + on(b) group_left(b) c",
       "1:3: parse error: label \"b\" must not occur in ON and GROUP clause at once"},
      {"a and on(b) group_left c", "1:1: parse error: no grouping allowed for \"and\" operation"},
      {"1 + on(a) b", "1:1: parse error: vector matching only allowed between instant vectors"},
      {"a and 1", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"},
      {"{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
      {"a{__name__=\"b\"}", "1:1: parse error: metric name must not be set twice: \"a\" or \"b\""},
      {"a[5m][5m]", "1:6: parse error: ranges only allowed for vector selectors"},
      {"a[5m] offset 1m offset 1m", "1:1: parse error: offset may not be set multiple times"},
      {"a @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"},
      {"(a) offset 1m",
       "1:1: parse error: offset modifier must be preceded by an instant vector "
       "selector or range vector selector or a subquery"},
      {"a[5m] + 1", "1:1: parse error: binary expression must contain only scalar and instant vector types"},
      {"a[5m][5m:]", "1:1: parse error: subquery is only allowed on instant vector, got matrix instead"},
      {"-\"a\"",
       "1:1: parse error: unary expression only allowed on expressions of type scalar or "
       "instant vector, got \"string\""},
      {"a[0]", "1:3: parse error: duration must be greater than 0"},
      {"a[NaN]", "1:3: parse error: unexpected character in duration expression: 'N'"},
      {"a offset NaN", "1:10: parse error: duration out of range"},
      {"a[1m/0]", "1:5: parse error: division by zero"},
      {"a anchored smoothed", "1:1: parse error: anchored and smoothed modifiers cannot be used together"},
      {"1e999",
       "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"1e999\": value out of "
       "range"},
      {"info(a, b)", "1:9: parse error: expected label selectors only, got vector selector instead"},
      {"info(a, {b=\"c\"} == 1)", "1:9: parse error: expected label selectors only"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    CHECK(error_of(row.query) == row.want);
  }
}

TEST_CASE("labels of info() may match everything, whatever else is asked for in it") {
  CHECK(error_of(R"(info(a, {b=~".*"}))").empty());
  CHECK(error_of(R"(info(info(a, {b="c"}), {b=~".*"}))").empty());
  CHECK(error_of(R"(info({b=~".*"}, {b=~".*"}))") ==
        "1:6: parse error: vector selector must contain at least one non-empty matcher");
}

TEST_CASE("what is experimental must be switched on") {
  const ParserOptions off{false, false, false, false};
  const struct {
    std::string_view query;
    std::string_view want;
  } rows[] = {
      {"mad_over_time(a[5m])", "1:1: parse error: function \"mad_over_time\" is not enabled"},
      {"limitk(1, a)",
       "1:1: parse error: limitk() is experimental and must be enabled with "
       "--enable-feature=promql-experimental-functions"},
      {"a[5m] anchored", "1:1: parse error: anchored modifier is experimental and not enabled"},
      {"a + fill(1) b", "1:1: parse error: binop fill modifiers are experimental and not enabled"},
      {"a[1m+1m]", "1:3: parse error: experimental duration expression is not enabled"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    CHECK(error_of(row.query, off) == row.want);
    CHECK(error_of(row.query).empty());
  }
}

TEST_CASE("words of the language are metric and label names where nothing else can stand") {
  for (const char* query :
       {"sum", "by", "offset", "start", "fill + fill", "sum by (by, on, bool, start) (without)",
        "a + on (sum) group_left b", "{by=\"x\"}", "min_of", "avg offset 1m", "anchored anchored"}) {
    CAPTURE(query);
    CHECK(error_of(query).empty());
  }
}

TEST_CASE("a selector knows its matchers, the name last") {
  const auto tree = parse("foo{a=\"b\",c!~\"d\"}", kEverything);
  REQUIRE(tree);
  const auto& selector = *(*tree)->as<VectorSelector>();
  REQUIRE(selector.matchers.size() == 3);
  CHECK(selector.matchers[0].name() == "a");
  CHECK(selector.matchers[1].op() == MatchOp::not_regex);
  CHECK(selector.matchers[2].name() == kMetricName);
  CHECK(selector.matchers[2].value() == "foo");
  CHECK((*tree)->span == Span{0, 17});
}

TEST_CASE("durations become milliseconds unless they are expressions") {
  const auto plain = parse("foo[90s] offset -1.5", kEverything);
  REQUIRE(plain);
  const auto& range = *(*plain)->as<MatrixSelector>();
  CHECK(range.range.ms == 90'000);
  CHECK_FALSE(range.range.expr);
  CHECK(range.selector->as<VectorSelector>()->offset.ms == -1'500);

  const auto expression = parse("foo[step()+1m]", kEverything);
  REQUIRE(expression);
  CHECK((*expression)->as<MatrixSelector>()->range.expr->kind == DurationExpr::Kind::add);
}

TEST_CASE("set operators match many to many, scalars match nothing") {
  const auto set = parse("a and on(b) c", kEverything);
  CHECK((*set)->as<Binary>()->matching->card == Cardinality::many_to_many);
  const auto scalar = parse("a + 1", kEverything);
  CHECK_FALSE((*scalar)->as<Binary>()->matching);
}

TEST_CASE("queries that are too deep or too long are refused, not followed into the ground") {
  const auto repeat = [](std::string_view text, std::size_t n) {
    std::string out;
    for (std::size_t i = 0; i < n; ++i) out += text;
    return out;
  };
  CHECK(error_of(repeat("(", 1000) + "a" + repeat(")", 1000)).empty());
  CHECK(error_of(repeat("a+", 1500) + "a").empty());
  for (const std::string& query :
       {repeat("(", 100'000), repeat("-", 100'000) + "a", repeat("a+", 100'000) + "a",
        repeat("sum(", 100'000), fmt::format("a[{}1]", repeat("-", 10'000)),
        fmt::format("a[1{}]", repeat("+1", 10'000)), fmt::format("a[{}1", repeat("(", 10'000))})
    CHECK_FALSE(error_of(query).empty());
  CHECK(error_of(std::string(2 << 20, 'a')).contains("too long"));
}

TEST_CASE("a selector by itself is read as match[] takes it") {
  CHECK(parse_selector("foo{a=\"b\"}")->size() == 2);
  CHECK(parse_selector("{}")->empty());
  const struct {
    std::string_view text;
    std::string_view want;
  } rows[] = {
      {"", "unknown position: parse error: unexpected end of input"},
      {"sum(a)", "1:4: parse error: unexpected \"(\""},
      {"foo[5m]", "1:4: parse error: unexpected \"[\""},
      {"foo{", "1:5: parse error: unexpected end of input inside braces"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto matchers = parse_selector(row.text);
    REQUIRE_FALSE(matchers);
    CHECK(matchers.error().text == row.want);
  }
}

TEST_CASE("a metric by itself becomes labels") {
  CHECK(*parse_metric("foo{b=\"2\",a='1',}") == Labels{{"__name__", "foo"}, {"a", "1"}, {"b", "2"}});
  CHECK(*parse_metric("{\"foo.bar\"}") == Labels{{"__name__", "foo.bar"}});
  CHECK(parse_metric("")->empty());
  const auto bad = parse_metric("foo{a!=\"1\"}");
  REQUIRE_FALSE(bad);
  CHECK(bad.error().text == "1:6: parse error: unexpected <op:!=> in label set, expected \"=\"");
}

TEST_CASE("numbers are read as Go reads them") {
  const struct {
    std::string_view text;
    double want;
  } rows[] = {{"1_000", 1000}, {"0755", 493}, {"089", 89},         {"0x1F", 31},
              {"0_8", 8},      {"1e3", 1000}, {"1_000.5", 1000.5}, {".5", 0.5}};
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto value = parse_number(row.text);
    REQUIRE(value);
    CHECK(*value == row.want);
  }
  CHECK_FALSE(parse_number("1_e5"));
  CHECK_FALSE(parse_number("0x"));
}

TEST_CASE("strings are unquoted as Go unquotes them") {
  CHECK(*unquote("\"a\\n\\x41\\u00e9\\101\"") ==
        "a\nA\xc3\xa9"
        "A");
  CHECK(*unquote("`a\\n`") == "a\\n");
  CHECK(*unquote("'\\''") == "'");
  for (const char* bad : {"\"a", "'a'b'", "\"\\q\"", "\"\\400\"", ""}) {
    CAPTURE(bad);
    CHECK_FALSE(unquote(bad));
  }
}

TEST_CASE("every function of the table is found by its name") {
  for (const Function& f : all_functions()) CHECK(find_function(f.name) == &f);
  CHECK(find_function("ABS") == nullptr);
  CHECK(all_functions().size() == 90);
}

TEST_CASE("the selectors of a query, wherever they stand") {
  const auto tree = parse(
      "sum(rate(a{x=\"1\"}[5m])) by (j) / topk(scalar(b), max_over_time((c + 1)[1h:])) > 2", kEverything);
  REQUIRE(tree);
  std::string names;
  for (const auto& selector : selectors_of(*tree)) names += selector.back().value();
  CHECK(names == "abc");
  CHECK(selectors_of(*parse("1 + vector(2)", kEverything)).empty());
}

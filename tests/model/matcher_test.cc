#include "model/matcher.h"

#include <doctest/doctest.h>

using namespace narthex;

TEST_CASE("matchers match and print") {
  const struct {
    MatchOp op;
    std::string_view value;
    std::string_view text;
    bool want;
    bool empty;
    std::string_view printed;
  } rows[] = {
      {MatchOp::equal, "x", "x", true, false, R"(job="x")"},
      {MatchOp::equal, "", "x", false, true, R"(job="")"},
      {MatchOp::not_equal, "x", "x", false, true, R"(job!="x")"},
      {MatchOp::regex, "a.*", "abc", true, false, R"(job=~"a.*")"},
      {MatchOp::regex, "a|", "", true, true, R"(job=~"a|")"},
      {MatchOp::not_regex, "a.*", "abc", false, true, R"(job!~"a.*")"},
      {MatchOp::not_regex, ".+", "", true, true, R"(job!~".+")"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.printed);
    const auto matcher = Matcher::make(row.op, "job", std::string(row.value));
    REQUIRE(matcher.has_value());
    CHECK(matcher->matches(row.text) == row.want);
    CHECK(matcher->matches_empty() == row.empty);
    CHECK(matcher->to_string() == row.printed);
    CHECK(matcher->regex().has_value() == (row.op == MatchOp::regex || row.op == MatchOp::not_regex));
  }
}

TEST_CASE("names beyond the legacy characters are quoted") {
  CHECK(Matcher::literal(MatchOp::equal, "a.b", "1").to_string() == R"("a.b"="1")");
  CHECK(Matcher::literal(MatchOp::equal, "a:b", "1").to_string() == R"("a:b"="1")");
}

TEST_CASE("a bad expression is refused with Go's words") {
  const auto matcher = Matcher::make(MatchOp::regex, "job", "a(b");
  REQUIRE_FALSE(matcher.has_value());
  CHECK(matcher.error().text == "error parsing regexp: missing closing ): `a(b`");
}

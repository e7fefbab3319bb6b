#include "query/promql/lexer.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace narthex::query;

namespace {

std::vector<std::string> texts(std::string_view query) {
  Lexer lexer(query);
  std::vector<std::string> out;
  for (;;) {
    const Token t = lexer.next();
    if (t.kind == TokenKind::end_of_input) return out;
    if (t.kind == TokenKind::error) {
      out.push_back("error: " + lexer.error());
      return out;
    }
    out.emplace_back(t.text);
  }
}

std::vector<TokenKind> kinds(std::string_view query) {
  Lexer lexer(query);
  std::vector<TokenKind> out;
  for (;;) {
    const Token t = lexer.next();
    if (t.kind == TokenKind::end_of_input || t.kind == TokenKind::error) return out;
    out.push_back(t.kind);
  }
}

}  // namespace

TEST_CASE("a query is cut into tokens") {
  const struct {
    std::string_view query;
    std::vector<std::string> want;
  } rows[] = {
      {"a+b", {"a", "+", "b"}},
      {"a:b >= 1_000.5e-3 # note\n", {"a:b", ">=", "1_000.5e-3", "# note"}},
      {"x{a=~'b',c!~`d`}", {"x", "{", "a", "=~", "'b'", ",", "c", "!~", "`d`", "}"}},
      {"x[5m:30s]", {"x", "[", "5m", ":", "30s", "]"}},
      {"x[step()+1m]", {"x", "[", "step", "(", ")", "+", "1m", "]"}},
      {"1h30m 0x1F .5 5.", {"1h30m", "0x1F", ".5", "5."}},
      {"a </ b >/ c", {"a", "</", "b", ">/", "c"}},
      {"", {}},
      {"1a", {"error: bad number or duration syntax: \"1\""}},
      {"a ~ b", {"a", "error: unexpected character: '~'"}},
      {"\"a\\q\"", {"error: unknown escape sequence U+0071 'q'"}},
      {"'a", {"error: unterminated quoted string"}},
      {"'\\ud800'", {"error: escape sequence is an invalid Unicode code point"}},
      {"{a", {"{", "a", "error: unexpected end of input inside braces"}},
      {"(a", {"(", "a", "error: unclosed left parenthesis"}},
      {"a[1m", {"a", "[", "1m", "error: unclosed left bracket"}},
      {"a[1m::]", {"a", "[", "1m", ":", "error: unexpected colon ':'"}},
      {"a[:]", {"a", "[", "error: unexpected colon before duration in duration expression"}},
      {"\xff", {"error: unexpected character: '\xef\xbf\xbd'"}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    CHECK(texts(row.query) == row.want);
  }
}

TEST_CASE("keywords are known in any case, and are plain names inside braces") {
  CHECK(kinds("SuM") == std::vector{TokenKind::sum});
  CHECK(kinds("Inf") == std::vector{TokenKind::number});
  CHECK(kinds("{by}") == std::vector{TokenKind::left_brace, TokenKind::identifier, TokenKind::right_brace});
}

TEST_CASE("fill is a keyword only in front of a parenthesis") {
  CHECK(kinds("fill") == std::vector{TokenKind::identifier});
  CHECK(kinds("fill (")[0] == TokenKind::fill);
}

TEST_CASE("error texts name tokens by what they are") {
  const struct {
    Token token;
    std::string_view want;
  } rows[] = {
      {{TokenKind::identifier, 0, "a_rather_long_name"}, "identifier \"a_rather_long_name\""},
      {{TokenKind::string, 0, "\"a rather long string\""}, "string \"\\\"a rather \"..."},
      {{TokenKind::by, 0, "BY"}, "<BY>"},
      {{TokenKind::mul, 0, "*"}, "<op:*>"},
      {{TokenKind::sum, 0, "sum"}, "<aggr:sum>"},
      {{TokenKind::comma, 0, ","}, "\",\""},
      {{TokenKind::step, 0, "step"}, "\"step\""},
      {{TokenKind::end_of_input, 0, ""}, "end of input"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.want);
    CHECK(describe(row.token) == row.want);
  }
}

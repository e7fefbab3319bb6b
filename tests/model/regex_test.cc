#include "model/regex.h"

#include <doctest/doctest.h>

#include "model/regex_shape.h"

using narthex::Regex;

namespace {

Regex compiled(std::string_view pattern) {
  auto regex = Regex::compile(pattern);
  REQUIRE(regex.has_value());
  return *regex;
}

}  // namespace

TEST_CASE("a regular expression that needs more memory than allowed is too large") {
  constexpr std::uint64_t kMiB = 1 << 20;
  std::string repeated = "x";
  for (int i = 0; i < 600; ++i) repeated += "([a-z]{1000}|b)";
  CHECK(Regex::compile(repeated).has_value());
  const auto refused = Regex::compile(repeated, kMiB);
  REQUIRE(!refused.has_value());
  CHECK(refused.error().text.starts_with("error parsing regexp: expression too large: `x"));
  // Its text alone says so.
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "(a|b)c*";
  CHECK(!Regex::compile(text, kMiB).has_value());
  // What needs no program may be of any length.
  std::string names = "a";
  for (int i = 0; i < 50'000; ++i) names += "|name" + std::to_string(i);
  const auto alternation = Regex::compile(names, kMiB);
  REQUIRE(alternation.has_value());
  CHECK(alternation->matches("name49999"));
  CHECK(Regex::compile(repeated)->size_bytes() > 100'000);
}

TEST_CASE("regular expressions are accepted and refused as Go does, with Go's words") {
  const struct {
    std::string_view pattern;
    std::string_view error;
  } rows[] = {
      {"a(b", "error parsing regexp: missing closing ): `a(b`"},
      {"a)b", "error parsing regexp: unexpected ): `a)b`"},
      {"a**", "error parsing regexp: invalid nested repetition operator: `**`"},
      {"*a", "error parsing regexp: missing argument to repetition operator: `*`"},
      {"a{1001}", "error parsing regexp: invalid repeat count: `{1001}`"},
      {"(a{100}){100}", "error parsing regexp: invalid repeat count: `{100}`"},
      {"(?=a)", "error parsing regexp: invalid or unsupported Perl syntax: `(?=`"},
      {"(?<n>a)(?<n>b)", ""},
      {"(?P<n>a)(?P<n>b)", ""},
      {"(?P<n-x>a)", "error parsing regexp: invalid named capture: `(?P<n-x>`"},
      {"(?P<n", "error parsing regexp: invalid named capture: `(?P<n`"},
      {"(?<n", "error parsing regexp: invalid named capture: `(?<n`"},
      {"\\C", "error parsing regexp: invalid escape sequence: `\\C`"},
      {"\\1", "error parsing regexp: invalid escape sequence: `\\1`"},
      {"\\Z", "error parsing regexp: invalid escape sequence: `\\Z`"},
      {"a\\", "error parsing regexp: trailing backslash at end of expression: ``"},
      {"[a", "error parsing regexp: missing closing ]: `[a`"},
      {"[z-a]", "error parsing regexp: invalid character class range: `z-a`"},
      {"[[:foo:]]", "error parsing regexp: invalid character class range: `[:foo:]`"},
      {"\\pX", "error parsing regexp: invalid character class range: `\\pX`"},
      {"\\p{Foo}", "error parsing regexp: invalid character class range: `\\p{Foo}`"},
      {"a++", "error parsing regexp: invalid nested repetition operator: `++`"},
      {"a|*", "error parsing regexp: missing argument to repetition operator: `*`"},
      {"(*)", "error parsing regexp: missing argument to repetition operator: `*`"},
      {"(?i", "error parsing regexp: invalid or unsupported Perl syntax: `(?i`"},
      {"(?i)(?z)a", "error parsing regexp: invalid or unsupported Perl syntax: `(?z`"},
      {"a\xff", "error parsing regexp: invalid UTF-8: `\xff`"},
      {"x{2}{3}", "error parsing regexp: invalid nested repetition operator: `{2}{3}`"},
      {"[a-\\d]", "error parsing regexp: invalid escape sequence: `\\d`"},
      {"(?:a", "error parsing regexp: missing closing ): `(?:a`"},
      {"(?P=n)", "error parsing regexp: invalid or unsupported Perl syntax: `(?P`"},
      {"\\8", "error parsing regexp: invalid escape sequence: `\\8`"},
      {"[\\C]", "error parsing regexp: invalid escape sequence: `\\C`"},
      {"a{,2}", ""},
      {"a{2,1}", "error parsing regexp: invalid repeat count: `{2,1}`"},
      {"(?P<>a)", "error parsing regexp: invalid named capture: `(?P<>`"},
      {"^*", ""},
      {"$*", ""},
      {"a*?", ""},
      {"a*??", "error parsing regexp: invalid nested repetition operator: `*??`"},
      {"[]a]", ""},
      {"[]", "error parsing regexp: missing closing ]: `[]`"},
      {"[^]", "error parsing regexp: missing closing ]: `[^]`"},
      {"\\x{110000}", "error parsing regexp: invalid escape sequence: `\\x{110000`"},
      {"\\xg", "error parsing regexp: invalid escape sequence: `\\xg`"},
      {"\\Qa*", ""},
      {"\\pN", ""},
      {"(?s", "error parsing regexp: invalid or unsupported Perl syntax: `(?s`"},
      {"(?-", "error parsing regexp: invalid or unsupported Perl syntax: `(?-`"},
      {"(?-)", "error parsing regexp: invalid or unsupported Perl syntax: `(?-)`"},
      {"(?i-s)a", ""},
      {"(?", "error parsing regexp: invalid or unsupported Perl syntax: `(?`"},
      {"(?:", "error parsing regexp: missing closing ): `(?:`"},
      {"((((", "error parsing regexp: missing closing ): `((((`"},
      {"))", "error parsing regexp: unexpected ): `))`"},
      {"(?U)a+", ""},
      {"(?P<n>a", "error parsing regexp: missing closing ): `(?P<n>a`"},
      {"(|a)*", ""},
      {"(a*)*", ""},
      {"(?i:a", "error parsing regexp: missing closing ): `(?i:a`"},
      {"(?<!a)", "error parsing regexp: invalid named capture: `(?<!a)`"},
      {"(?#x)", "error parsing regexp: invalid or unsupported Perl syntax: `(?#`"},
      {"\\u1234", "error parsing regexp: invalid escape sequence: `\\u`"},
      {"\\G", "error parsing regexp: invalid escape sequence: `\\G`"},
      {"\\X", "error parsing regexp: invalid escape sequence: `\\X`"},
      {"a{1000}{2}", "error parsing regexp: invalid nested repetition operator: `{1000}{2}`"},
      {"(?P<名>x)", "error parsing regexp: invalid named capture: `(?P<名>`"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.pattern);
    const auto regex = Regex::compile(row.pattern);
    CHECK(regex.has_value() == row.error.empty());
    if (!regex) CHECK(regex.error().text == row.error);
    if (!regex) CHECK(regex.error().code == narthex::Code::invalid);
  }
}

TEST_CASE("a regular expression matches the whole text, newlines included") {
  const struct {
    std::string_view pattern;
    std::string_view text;
    bool want;
  } rows[] = {
      {"", "", true},
      {"", "a", false},
      {"abc", "abc", true},
      {"abc", "abcd", false},
      {"a|bc|", "bc", true},
      {"a|bc|", "", true},
      {"a|bc|", "c", false},
      {".*", "", true},
      {".*", "a\nb", true},
      {".+", "", false},
      {".+", "\n", true},
      {"a.b", "a\nb", true},
      {"api/.*", "api/v1", true},
      {"api/.*", "api", false},
      {"api/.+", "api/", false},
      {".*-canary", "web-canary", true},
      {".*-canary", "-canary", true},
      {".+-canary", "-canary", false},
      {"a.*b.*a", "aba", true},
      {"a.*b.*a", "aa", false},
      {"aba.*ba", "aba", false},
      {".+.+", "é", false},
      {".+.+", "éa", true},
      {".*foo.*", "a foo b", true},
      {".*foo.*", "a fo b", false},
      {"node-[0-3a]", "node-2", true},
      {"node-[0-3a]", "node-a", true},
      {"node-[0-3a]", "node-4", false},
      {"[a-]", "-", true},
      {"[^a]", "\n", true},
      {"colou?r", "color", true},
      {"colou?r", "colour", true},
      {"(GET|POST)_x", "POST_x", true},
      {"(?:GET|POST)?", "", true},
      {"(?i)get", "GeT", true},
      {"(?i:k)", "\xE2\x84\xAA", true},
      {"^foo$|^bar.*", "foo", true},
      {"^foo$|^bar.*", "barn", true},
      {"^foo$|^bar.*", "xfoo", false},
      {"a\\.b", "a.b", true},
      {"a\\.b", "axb", false},
      {"\\d+", "123", true},
      {"\\Qa.b\\E+", "a.bb", true},
      {"(?<year>\\d{4})", "2026", true},
      {"a{2,3}", "aaa", true},
      {"a{,2}", "a{,2}", true},
      {"日本|x", "日本", true},
      {"日?", "", true},
      {"x*", "xxx", true},
      {"(a|b)c*", "bcc", true},
      {"(a|b|)(c|d)", "d", true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.pattern);
    CAPTURE(row.text);
    CHECK(compiled(row.pattern).matches(row.text) == row.want);
  }
}

TEST_CASE("literal sets and prefixes are found") {
  const struct {
    std::string_view pattern;
    std::vector<std::string> literals;
    std::string_view prefix;
  } rows[] = {
      {"GET|POST", {"GET", "POST"}, ""},
      {"node-[12]", {"node-1", "node-2"}, "node-"},
      {"abc", {"abc"}, "abc"},
      {"a|a|b", {"a", "b"}, ""},
      {"(foo|ba(r|z))", {"bar", "baz", "foo"}, ""},
      {"colou?r", {"color", "colour"}, "colo"},
      {"^up$", {"up"}, "up"},
      {"a\\.b", {"a.b"}, "a.b"},
      {"api/.*", {}, "api/"},
      {"api/\\d+", {}, "api/"},
      {"api/v[12]/.*", {}, "api/v"},
      {"(foo|fox).*", {}, "fo"},
      {"foo|fox.*", {}, "fo"},
      {"(?i)foo", {}, ""},
      {"(?i:foo)bar", {}, ""},
      {"ab*", {}, "a"},
      {"ab{2}", {}, ""},
      {".*", {}, ""},
      {"foo$bar", {}, ""},
      {"(^a|b)", {}, ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.pattern);
    const Regex regex = compiled(row.pattern);
    CHECK(regex.literal_set() == row.literals);
    CHECK(regex.prefix() == row.prefix);
  }
}

TEST_CASE("a thousand alternatives are one set of literals") {
  std::string pattern = "host-0";
  for (int i = 1; i < 1000; ++i) pattern += "|host-" + std::to_string(i);
  const Regex regex = compiled(pattern);
  CHECK(regex.literal_set().size() == 1000);
  CHECK(regex.matches("host-999"));
  CHECK_FALSE(regex.matches("host-1000"));
  CHECK(regex.prefix() == "host-");
}

TEST_CASE("simple shapes agree with RE2") {
  // The same language twice: as it is, and with a detail that only RE2 reads.
  const std::string_view patterns[] = {
      "a|b",   "a.*", ".*a",   ".+",         "a.+b", ".*a.+b.*", "(a|b)(c|)", "[ab]+",   "a?b?",   "ab|a.*",
      "a.*.+", "",    "^a.*$", "[a-c]x|.+x", "é.*",  "(é|a)?",   "a\\.b",     "a.*|b.+", "(a.*)b", ".*.*a"};
  const std::string_view texts[] = {"",  "a",   "b",  "ab", "abc", "ba",  "aab",  "cab", "é", "éa",
                                    "x", "a.b", "bx", "ac", "bc",  "a\n", "é\né", "xa",  "ax"};
  for (const auto pattern : patterns) {
    const Regex fast = compiled(pattern);
    const Regex slow = compiled("(?m:)(?:" + std::string(pattern) + ")");
    CHECK(slow.literal_set().empty());
    for (const auto text : texts) {
      CAPTURE(pattern);
      CAPTURE(text);
      CHECK(fast.matches(text) == slow.matches(text));
      if (fast.matches(text)) CHECK(text.starts_with(fast.prefix()));
    }
  }
}

TEST_CASE("templates expand by Go's rules") {
  const struct {
    std::string_view pattern;
    std::string_view text;
    std::string_view replacement;
    std::optional<std::string> want;
  } rows[] = {
      {"(.*)", "abc", "$1", "abc"},
      {"(.*)", "abc", "$0-$1", "abc-abc"},
      {"(.*)", "abc", "x", "x"},
      {"a(b)", "c", "x", {}},
      {"(a)(b)?", "a", "<$2>", "<>"},
      {"(a)(b)", "ab", "$2$1", "ba"},
      {"(a)(b)", "ab", "$1_b", ""},
      {"(a)(b)", "ab", "${1}_b", "a_b"},
      {"(a)(b)", "ab", "$$1", "$1"},
      {"(a)(b)", "ab", "$", "$"},
      {"(a)(b)", "ab", "$-${", "$-${"},
      {"(a)(b)", "ab", "${1", "${1"},
      {"(a)(b)", "ab", "$3", ""},
      {"(a)(b)", "ab", "$01", ""},
      {"(?P<x>a)(?<y>b)", "ab", "${y}${x}$x", "baa"},
      {"(?P<n>a)|(?P<n>b)", "b", "$n", "b"},
      {"(?P<n>a)(?P<n>b)", "ab", "$n", "a"},
      {"(a)b", "ab", "$1é", ""},
      {"(a)b", "ab", "$1.", "a."},
      {"\\((.*)\\)", "(x)", "$1", "x"},
      {"[(](?P<in>.*)", "(x", "$in", "x"},
      {"\\Q(\\E(.)", "(x", "$1", "x"},
      {"(GET|POST)", "GET", "m_$1", "m_GET"},
      {"(.*)-(.*)", "a-b-c", "$2", "c"},
      {"(.*?)-(.*)", "a-b-c", "$2", "b-c"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.pattern);
    CAPTURE(row.replacement);
    CHECK(compiled(row.pattern).expand(row.text, row.replacement) == row.want);
  }
}

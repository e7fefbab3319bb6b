#include "rules/template.h"

#include <doctest/doctest.h>

#include <limits>

using namespace narthex;
using namespace narthex::rules;

namespace {

const Labels kLabels{{"job", "api"}, {"instance", "host:9090"}, {"message", "hello world"}};
const Labels kExternal{{"dc", "eu"}};

/// The text, or `error: ...`.
std::string expand(std::string_view text, double value = 0.25) {
  const auto parsed = Template::parse(text);
  if (!parsed) return "parse error: " + parsed.error().text;
  const auto out = parsed->expand({kLabels, kExternal, "http://p:9090", value});
  return out ? *out : "error: " + out.error().text;
}

}  // namespace

TEST_CASE("fields, texts, trimming and comments expand") {
  const struct {
    std::string_view text;
    std::string_view want;
  } rows[] = {
      {"", ""},
      {"plain", "plain"},
      {"{{ $labels.job }} is down", "api is down"},
      {"{{$labels.job}}/{{.Labels.instance}}/{{ $.Labels.job }}", "api/host:9090/api"},
      {"{{ $labels.missing }}.", "."},
      {"{{ $value }}", "0.25"},
      {"{{ .Value }}", "0.25"},
      {"{{ $externalLabels.dc }} {{ .ExternalLabels.dc }}", "eu eu"},
      {"{{ $externalURL }}/x {{ .ExternalURL }}", "http://p:9090/x http://p:9090"},
      {"{{ $labels }}", "map[instance:host:9090 job:api message:hello world]"},
      {"a {{- $labels.job -}} b", "aapib"},
      {"a {{- /* nothing */ -}} b", "ab"},
      {"{{ \"quoted \\\"text\\\"\" }} {{ `raw\\n` }}", "quoted \"text\" raw\\n"},
      {"{{ 5 }} {{ 1.5 }} {{ true }} {{ -3 }}", "5 1.5 true -3"},
      {"{{ (($labels.job)) }}", "api"},
      {"{{ $labels.job | toUpper }}", "API"},
      {"{{ toUpper $labels.job | toLower | title }}", "Api"},
      {"{{ $labels.message | title }}", "Hello World"},
      {"{{ title \"it's foo-bar foo_bar 2nd\" }}", "It's Foo-Bar Foo_bar 2Nd"},
      {"}} alone", "}} alone"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(expand(row.text) == row.want);
  }
}

TEST_CASE("numbers are made readable as Prometheus does") {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const struct {
    std::string_view function;
    double value;
    std::string_view want;
  } rows[] = {
      {"humanize", 0, "0"},
      {"humanize", 1, "1"},
      {"humanize", 1234567, "1.235M"},
      {"humanize", -1234567, "-1.235M"},
      {"humanize", 0.12, "120m"},
      {"humanize", 1e-9, "1n"},
      {"humanize", 1e30, "1e+06Y"},
      {"humanize", kInf, "+Inf"},
      {"humanize1024", 1048576, "1Mi"},
      {"humanize1024", 0.5, "0.5"},
      {"humanize1024", 1500, "1.465ki"},
      {"humanizeDuration", 0, "0s"},
      {"humanizeDuration", 1.2345, "1.234s"},
      {"humanizeDuration", 899.99, "14m 59s"},
      {"humanizeDuration", 3600, "1h 0m 0s"},
      {"humanizeDuration", -183845, "-2d 3h 4m 5s"},
      {"humanizeDuration", 0.12345, "123.5ms"},
      {"humanizePercentage", 0.12345, "12.35%"},
      {"humanizePercentage", 1, "100%"},
      {"humanizeTimestamp", 1435065584.128, "2015-06-23 13:19:44.128 +0000 UTC"},
      {"humanizeTimestamp", 1435065584, "2015-06-23 13:19:44 +0000 UTC"},
      {"humanizeTimestamp", kInf, "+Inf"},
      {"printf \"%.2f\"", 3.14159, "3.14"},
      {"printf \"%6.1f|\"", 3.14159, "   3.1|"},
      {"printf \"%-6.1f|\"", 3.14159, "3.1   |"},
      {"printf \"%06.1f\"", -3.14159, "-003.1"},
      {"printf \"%+.0f%%\"", 3, "+3%"},
      {"printf \"%v %s\" \"a\"", 2, "a %!s(float64=2)"},
      {"printf \"%d\"", 2, "%!d(float64=2)"},
      {"printf \"%e\"", 1234.5, "1.234500e+03"},
      {"printf \"%g\"", 1e21, "1e+21"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.function);
    CAPTURE(row.value);
    CHECK(expand("{{ $value | " + std::string(row.function) + " }}", row.value) == row.want);
  }
  CHECK(expand("{{ printf \"%q %5s|%-5s|%.1s %x\" $labels.job \"ab\" \"cd\" \"ef\" \"gh\" }}") ==
        "\"api\"    ab|cd   |e 6768");
  CHECK(expand("{{ printf \"%d%d\" 1 }} {{ printf \"x\" 1 2 }} {{ printf \"%\" }}") ==
        "1%!d(MISSING) x%!(EXTRA int=1, int=2) %!(NOVERB)");
  CHECK(expand("{{ humanize \"1500\" }}") == "1.5k");
}

TEST_CASE("what is wrong or not supported is refused with its place") {
  const struct {
    std::string_view text;
    std::string_view want;
  } rows[] = {
      {"{{ $labels.job", "parse error: 1:15: unclosed action"},
      {"a\n{{ }}", "parse error: 2:4: missing value for command"},
      {"{{ foo }}", "parse error: 1:4: function \"foo\" not defined"},
      {"{{ $x }}", "parse error: 1:4: undefined variable \"$x\""},
      {"{{ .Foo }}", "parse error: 1:4: can't evaluate field Foo"},
      {"{{ \"a }}", "parse error: 1:9: unterminated quoted string"},
      {"{{ humanize }}", "parse error: 1:13: wrong number of args for humanize: want 1 got 0"},
      {"{{ $value | $value }}", "parse error: 1:20: can't give argument to non-function"},
      {"{{ ($value }}", "parse error: 1:12: unclosed left paren"},
      {"{{ 1x }}", "parse error: 1:4: bad number syntax: \"1x\""},
      {"{{ if $value }}x{{ end }}", "parse error: 1:4: if in templates is not supported by Narthex yet"},
      {"{{ query \"up\" | first }}", "parse error: 1:4: query in templates is not supported by Narthex yet"},
      {"{{ $x := 1 }}", "parse error: 1:4: undefined variable \"$x\""},
      {"{{ . }}", "parse error: 1:4: the whole data as a value is not supported by Narthex yet"},
      {"{{ /* x }}", "parse error: 1:4: unclosed comment"},
      {"{{ humanize \"x\" }}",
       "error: error calling humanize: strconv.ParseFloat: parsing \"x\": invalid syntax"},
      {"{{ toUpper $value }}",
       "error: error calling toUpper: wrong type for value; expected string; got float64"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(expand(row.text) == row.want);
  }
  CHECK(expand(std::string("{{ ") + std::string(100, '(')).starts_with("parse error: "));
}

TEST_CASE("a native histogram as the value is an error, not a zero") {
  const auto parsed = Template::parse("{{ $value }}");
  REQUIRE(parsed);
  const auto out = parsed->expand({kLabels, kExternal, "", 0, true});
  REQUIRE(!out);
  CHECK(out.error().text == "native histograms in templates are not supported by Narthex yet");
}

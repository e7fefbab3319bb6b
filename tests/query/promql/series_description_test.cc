#include "query/promql/series_description.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <string>

#include "model/value.h"

using namespace narthex;
using namespace narthex::query;

namespace {

/// Values as text: numbers, `_`, `stale`, `h` for histograms.
std::string values_of(std::string_view text) {
  const auto described = parse_series_description(text);
  if (!described) return described.error().text;
  std::string out;
  for (const SequenceValue& v : described->values) {
    if (!out.empty()) out += ' ';
    out += v.omitted ? "_" : v.histogram ? "h" : is_stale_nan(v.value) ? "stale" : format_general(v.value);
  }
  return out;
}

FloatHistogram histogram_of(std::string_view text, std::size_t i = 0) {
  const auto described = parse_series_description(fmt::format("m {}", text));
  REQUIRE(described);
  REQUIRE(i < described->values.size());
  REQUIRE(described->values[i].histogram);
  return *described->values[i].histogram;
}

}  // namespace

TEST_CASE("a series description names a series and its values") {
  const auto described = parse_series_description("http_requests{job=\"a\",\"x.y\"='b'} 1 2");
  REQUIRE(described);
  CHECK(described->labels == Labels{{"__name__", "http_requests"}, {"job", "a"}, {"x.y", "b"}});
  CHECK(described->values.size() == 2);
}

TEST_CASE("values are numbers, gaps, staleness markers and repetitions of them") {
  const struct {
    std::string_view text;
    std::string_view want;
  } rows[] = {
      {"m", ""},
      {"m 1 -2 +3 1e3 .5", "1 -2 3 1000 0.5"},
      {"m _ _x3 1", "_ _ _ _ 1"},
      {"m _x0 1", "1"},
      {"m stale stalex1",
       "1:9: parse error: unexpected identifier \"stalex1\" in series values, "
       "expected number or \"stale\""},
      {"m stale", "stale"},
      {"m 1x2", "1 1 1"},
      {"m 1+2x3", "1 3 5 7"},
      {"m 10-3x2", "10 7 4"},
      {"m -1-1x1", "-1 -2"},
      {"m 0x2", "0 0 0"},
      {"m NaN Inf -Inf", "NaN +Inf -Inf"},
      {"m  1   2 ", "1 2"},
      {"{} 3", "3"},
      {"m{a=\"b\"}\t4", "4"},
      {"m 5m", "1:3: parse error: bad number syntax: \"5\""},
      {"m {{}}", "h"},
      {"m {{schema:1}}x2 1", "h h h 1"},
      {"m 1+2", "1:6: parse error: unexpected end of input in series values"},
      {"m foo",
       "1:3: parse error: unexpected identifier \"foo\" in series values, expected number or "
       "\"stale\""},
      {"m 1x", "1:5: parse error: unexpected end of input in series values"},
      {"m 1x99999999999", "1:5: parse error: series description has more than 1000000 values"},
      {"m{a=1} 1", "1:5: parse error: unexpected character inside braces: '1'"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(values_of(row.text) == row.want);
  }
}

TEST_CASE("a histogram is described by keys and values") {
  const FloatHistogram h = histogram_of(
      "{{schema:2 sum:-1.5 count:7 z_bucket:1 z_bucket_w:0.01 buckets:[1 0 2] offset:-3 n_buckets:[3] "
      "n_offset:1 counter_reset_hint:gauge}}");
  CHECK(h.schema == 2);
  CHECK(h.sum == -1.5);
  CHECK(h.count == 7);
  CHECK(h.zero_count == 1);
  CHECK(h.zero_threshold == 0.01);
  CHECK(h.positive_spans == std::vector<HistogramSpan>{{-3, 3}});
  CHECK(h.positive_buckets == std::vector<double>{1, 0, 2});
  CHECK(h.negative_spans == std::vector<HistogramSpan>{{1, 1}});
  CHECK(h.negative_buckets == std::vector<double>{3});
  CHECK(h.hint == CounterResetHint::gauge);

  const FloatHistogram custom = histogram_of("{{schema:-53 custom_values:[5 10] buckets:[1 Inf]}}");
  CHECK(custom.schema == kCustomBucketsSchema);
  CHECK(custom.custom_values == std::vector<double>{5, 10});
  CHECK(std::isinf(custom.positive_buckets[1]));
}

TEST_CASE("a histogram that is described wrongly is refused") {
  for (const char* text :
       {"{{schema}}", "{{schema:1", "{{schema:1 schema:2}}", "{{foo:1}}", "{{buckets:[1 x]}}",
        "{{buckets:[1 2}}", "{{buckets:[Inf5]}}", "{{counter_reset_hint:maybe}}", "{{sum:}}",
        "{{schema:99999999999}}", "{{schema:1}}+{{schema:0}}x1", "{{}}+{{schema:-53}}x1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_series_description(fmt::format("m {}", text)));
  }
}

TEST_CASE("a histogram may grow or shrink by another at each step") {
  const FloatHistogram grown =
      histogram_of("{{count:4 sum:5 buckets:[1 2 1]}}+{{count:2 sum:1 buckets:[1 0 1] offset:2}}x3", 2);
  CHECK(grown.count == 8);
  CHECK(grown.sum == 7);
  CHECK(grown.positive_spans == std::vector<HistogramSpan>{{0, 5}});
  CHECK(grown.positive_buckets == std::vector<double>{1, 2, 3, 0, 2});

  const FloatHistogram shrunk = histogram_of("{{count:4 buckets:[1 2]}}-{{count:1 buckets:[0 1]}}x1", 1);
  CHECK(shrunk.count == 3);
  CHECK(shrunk.positive_buckets == std::vector<double>{1, 1});
}

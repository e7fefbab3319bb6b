#include "model/histogram.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "model/value.h"

namespace narthex {
namespace {

Histogram sound() {
  Histogram h;
  h.schema = 1;
  h.zero_count = 2;
  h.count = 12;
  h.sum = 5;
  h.positive_spans = {{0, 2}, {1, 1}};
  h.positive_deltas = {1, 1, 1};
  h.negative_spans = {{-3, 1}, {0, 0}, {2, 1}};
  h.negative_deltas = {1, 2};
  return h;
}

Histogram custom() {
  Histogram h;
  h.schema = kCustomBucketsSchema;
  h.count = 3;
  h.positive_spans = {{1, 2}};
  h.positive_deltas = {1, 1};
  h.custom_values = {0.5, 2};
  return h;
}

struct Row {
  const char* name;
  Histogram h;
  std::string want;      ///< empty: fine
  std::string as_float;  ///< the same histogram as floats; "=": the same text
};

Row row(const char* name, Histogram h, void (*spoil)(Histogram&), std::string want,
        std::string as_float = "=") {
  spoil(h);
  return {name, std::move(h), std::move(want), std::move(as_float)};
}

std::string text_of(const Result<void>& result) {
  return result ? "" : result.error().text;
}

TEST_CASE("validate: each contradiction has Prometheus' text") {
  const Row rows[] = {
      row(
          "sound", sound(), [](Histogram&) {}, ""),
      row(
          "custom buckets", custom(), [](Histogram&) {}, ""),
      row(
          "count too small", sound(), [](Histogram& h) { h.count = 11; },
          "12 observations found in buckets, but the Count field is 11: histogram's observation count should "
          "equal the number of observations found in the buckets (in absence of NaN)",
          ""),
      row(
          "NaN observed, none in a bucket", sound(),
          [](Histogram& h) {
            h.sum = kNormalNan;
            h.count = 13;
          },
          ""),
      row(
          "NaN observed, count too small", sound(),
          [](Histogram& h) {
            h.sum = kNormalNan;
            h.count = 4;
          },
          "12 observations found in buckets, but the Count field is 4: histogram's observation count should "
          "be "
          "at least the number of observations found in the buckets",
          ""),
      row(
          "negative bucket", sound(), [](Histogram& h) { h.positive_deltas = {1, -3, 1}; },
          "positive side: bucket number 2 has observation count of -2: histogram has a bucket whose "
          "observation count is negative"),
      row(
          "negative bucket on the negative side", sound(), [](Histogram& h) { h.negative_deltas = {-1, 1}; },
          "negative side: bucket number 1 has observation count of -1: histogram has a bucket whose "
          "observation count is negative"),
      row(
          "span going back", sound(), [](Histogram& h) { h.positive_spans[1].offset = -1; },
          "positive side: span number 2 with offset -1: histogram has a span whose offset is negative"),
      row(
          "buckets missing", sound(), [](Histogram& h) { h.negative_deltas = {1}; },
          "negative side: spans need 2 buckets, have 1 buckets: histogram spans specify different number of "
          "buckets than provided"),
      row(
          "unknown schema", sound(), [](Histogram& h) { h.schema = 9; },
          "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 "
          "for "
          "custom buckets, got schema 9"),
      row(
          "bounds on an exponential schema", sound(), [](Histogram& h) { h.custom_values = {1}; },
          "histogram with exponential schema must not have custom bounds"),
      row(
          "bounds going down", custom(), [](Histogram& h) { h.custom_values = {2, 0.5}; },
          "custom buckets: previous bound is 2.000000 and current is 0.500000: histogram custom bounds must "
          "be "
          "in strictly increasing order"),
      row(
          "bound NaN", custom(), [](Histogram& h) { h.custom_values = {kNormalNan, 1}; },
          "custom buckets: histogram custom bounds must not be NaN"),
      row(
          "bound infinite", custom(),
          [](Histogram& h) { h.custom_values = {1, std::numeric_limits<double>::infinity()}; },
          "custom buckets: last +Inf bound must not be explicitly defined: histogram custom bounds must be "
          "finite"),
      row(
          "too few bounds", custom(), [](Histogram& h) { h.custom_values = {1}; },
          "custom buckets: only 1 custom bounds defined which is insufficient to cover total span length of "
          "3: "
          "histogram custom bounds are too few"),
      row(
          "first span going back", custom(), [](Histogram& h) { h.positive_spans[0].offset = -1; },
          "custom buckets: span number 1 with offset -1: histogram has a span whose offset is negative"),
      row(
          "custom buckets missing", custom(), [](Histogram& h) { h.positive_deltas.pop_back(); },
          "custom buckets: spans need 2 buckets, have 1 buckets: histogram spans specify different number of "
          "buckets than provided"),
      row(
          "zero count", custom(), [](Histogram& h) { h.zero_count = 1; },
          "custom buckets: must have zero count of 0"),
      row(
          "zero threshold", custom(), [](Histogram& h) { h.zero_threshold = 1; },
          "custom buckets: must have zero threshold of 0"),
      row(
          "negative spans", custom(), [](Histogram& h) { h.negative_spans = {{0, 1}}; },
          "custom buckets: must not have negative spans"),
      row(
          "negative buckets", custom(), [](Histogram& h) { h.negative_deltas = {1}; },
          "custom buckets: must not have negative buckets"),
  };
  for (const Row& r : rows) {
    CAPTURE(r.name);
    CHECK(text_of(validate(r.h)) == r.want);
    CHECK(text_of(validate(to_float(r.h))) == (r.as_float == "=" ? r.want : r.as_float));
  }
}

TEST_CASE("validate: floats may not be negative either") {
  FloatHistogram h = to_float(sound());
  h.zero_count = -0.5;
  CHECK(text_of(validate(h)) ==
        "zero bucket has observation count of -0.5: histogram has a bucket whose observation count is "
        "negative");
  h = to_float(sound());
  h.count = -1;
  CHECK(text_of(validate(h)) == "observation count is  -1: histogram's observation count is negative");
  h = to_float(sound());
  h.positive_buckets[2] = -2.5;
  CHECK(text_of(validate(h)) ==
        "positive side: bucket number 3 has observation count of -2.5: histogram has a bucket whose "
        "observation count is negative");
}

TEST_CASE("validate: sums that overflow are refused, not trusted") {
  Histogram h;
  h.positive_spans = {{0, 2}};
  h.positive_deltas = {std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::max()};
  CHECK_FALSE(validate(h));
  h.positive_spans = {{0, ~0U}, {0, ~0U}, {0, 4}};
  CHECK_FALSE(validate(h));
}

}  // namespace
}  // namespace narthex

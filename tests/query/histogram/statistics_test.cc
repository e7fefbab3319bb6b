#include "query/histogram/statistics.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "query/histogram/buckets.h"
#include "query/histogram/interpolate.h"
#include "query/histogram/trim.h"

using namespace narthex;
using namespace narthex::query;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

/// 4 in (1, 2], 4 in (2, 4].
FloatHistogram exponential() {
  FloatHistogram h;
  h.count = 8;
  h.sum = 18;
  h.positive_spans = {{1, 2}};
  h.positive_buckets = {4, 4};
  return h;
}

/// 5 up to 5, 5 up to 10, 10 above.
FloatHistogram custom() {
  FloatHistogram h;
  h.schema = kCustomBucketsSchema;
  h.count = 20;
  h.sum = 200;
  h.custom_values = {5, 10};
  h.positive_spans = {{0, 3}};
  h.positive_buckets = {5, 5, 10};
  return h;
}

}  // namespace

TEST_CASE("quantiles lie on a logarithmic scale in exponential buckets, on a line in custom ones") {
  struct Row {
    FloatHistogram h;
    double q;
    double value;
  };
  for (const Row& row :
       {Row{exponential(), 0, 1}, Row{exponential(), 0.25, std::sqrt(2.0)}, Row{exponential(), 0.5, 2},
        Row{exponential(), 1, 4}, Row{exponential(), -1, -kInf}, Row{exponential(), 2, kInf},
        Row{custom(), 0.125, 2.5}, Row{custom(), 0.5, 10}, Row{custom(), 0.9, 10}}) {
    CAPTURE(row.h.schema);
    CAPTURE(row.q);
    const double value = native_quantile(row.q, row.h).value;
    CHECK((value == row.value || value == doctest::Approx(row.value)));
  }
}

TEST_CASE("observations of NaN are told of") {
  FloatHistogram h = exponential();
  h.count = 10;  // two are in no bucket
  h.sum = std::numeric_limits<double>::quiet_NaN();
  CHECK(native_quantile(0.1, h).is_skewed_by_nans);
  CHECK(native_quantile(0.9, h).is_nan_for_nans);
  CHECK(std::isnan(native_quantile(0.9, h).value));
  CHECK(native_fraction(-kInf, kInf, h).leaves_out_nans);
  CHECK(native_fraction(-kInf, kInf, h).value == doctest::Approx(0.8));
}

TEST_CASE("fractions are the inverse of quantiles") {
  for (const double q : {0.1, 0.25, 0.5, 0.6, 0.99}) {
    CAPTURE(q);
    const auto h = exponential();
    CHECK(native_fraction(-kInf, native_quantile(q, h).value, h).value == doctest::Approx(q));
  }
  CHECK(native_fraction(2, 1, exponential()).value == 0);
  CHECK(std::isnan(native_fraction(0, 1, FloatHistogram{}).value));
}

TEST_CASE("buckets come in order of value, cut at the zero bucket") {
  FloatHistogram h;
  h.zero_threshold = 1.5;
  h.zero_count = 7;
  h.positive_spans = {{1, 1}};  // (1, 2]
  h.positive_buckets = {1};
  h.negative_spans = {{1, 2}};  // [-2, -1), [-4, -2)
  h.negative_buckets = {2, 3};
  const auto buckets = all_buckets(h);
  REQUIRE(buckets.size() == 4);
  CHECK(buckets[0].lower == -4);
  CHECK(buckets[1].upper == -1.5);
  CHECK(buckets[2].count == 7);
  CHECK(buckets[3].lower == 1.5);
}

TEST_CASE("trimming keeps one side, and a share of the bucket at the limit") {
  struct Row {
    FloatHistogram h;
    double limit;
    Keep keep;
    double count;
  };
  for (const Row& row :
       {Row{exponential(), 2, Keep::below, 4}, Row{exponential(), 2, Keep::above, 4},
        Row{exponential(), std::sqrt(2.0), Keep::below, 2}, Row{exponential(), 8, Keep::below, 8},
        Row{exponential(), 8, Keep::above, 0}, Row{custom(), 7.5, Keep::below, 7.5},
        Row{custom(), 7.5, Keep::above, 12.5}, Row{custom(), 20, Keep::below, 10}}) {
    CAPTURE(row.h.schema);
    CAPTURE(row.limit);
    FloatHistogram h = row.h;
    trim(h, row.limit, row.keep);
    CHECK(h.count == doctest::Approx(row.count));
  }
  FloatHistogram untouched = exponential();
  trim(untouched, 8, Keep::below);
  CHECK(untouched == exponential());
}

TEST_CASE("a histogram between two samples lies on the line, or on that from zero after a reset") {
  const FloatHistogram a = exponential();
  FloatHistogram b = a;
  b.count = 16;
  b.positive_buckets = {8, 8};
  const auto middle = interpolate({0, &a}, {100, &b}, 25, true);
  REQUIRE(middle.value);
  CHECK(middle.value->count == 10);
  CHECK(middle.value->positive_buckets == std::vector<double>{5, 5});
  const auto after_reset = interpolate({0, &b}, {100, &a}, 25, true);
  REQUIRE(after_reset.value);
  CHECK(after_reset.value->count == 2);
  const FloatHistogram other = custom();
  CHECK_FALSE(interpolate({0, &a}, {100, &other}, 25, false).value);
}

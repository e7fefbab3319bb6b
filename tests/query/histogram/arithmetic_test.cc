#include "query/histogram/arithmetic.h"

#include <doctest/doctest.h>

#include <cmath>

#include "query/histogram/compensated.h"

using namespace narthex;
using namespace narthex::query;

TEST_CASE("histograms of different shape are brought to a common one before they are added") {
  FloatHistogram fine;
  fine.schema = 1;
  fine.positive_spans = {{1, 4}};
  fine.positive_buckets = {1, 2, 3, 4};
  FloatHistogram coarse;
  coarse.positive_spans = {{1, 1}};
  coarse.positive_buckets = {10};
  FloatHistogram sum = coarse;
  REQUIRE(add(sum, fine));
  CHECK(sum.schema == 0);
  CHECK(sum.positive_spans == std::vector<HistogramSpan>{{1, 2}});
  CHECK(sum.positive_buckets == std::vector<double>{13, 7});

  FloatHistogram wide_zero;
  wide_zero.zero_threshold = 1.5;  // inside the bucket (1, 2]
  wide_zero.zero_count = 5;
  FloatHistogram widened = coarse;
  REQUIRE(add(widened, wide_zero));
  CHECK(widened.zero_threshold == 2);
  CHECK(widened.zero_count == 15);
  CHECK(widened.positive_buckets.empty());

  FloatHistogram custom_a;
  custom_a.schema = kCustomBucketsSchema;
  custom_a.custom_values = {1, 2, 3};
  custom_a.positive_spans = {{0, 4}};
  custom_a.positive_buckets = {1, 2, 3, 4};
  FloatHistogram custom_b = custom_a;
  custom_b.custom_values = {1, 3, 5};
  FloatHistogram common = custom_a;
  REQUIRE(add(common, custom_b));
  CHECK(common.custom_values == std::vector<double>{1, 3});
  CHECK(common.positive_buckets == std::vector<double>{2, 7, 11});
}

TEST_CASE("a compensated sum loses nothing of buckets that are merged before they are added") {
  FloatHistogram coarse;
  coarse.positive_spans = {{1, 1}};
  coarse.positive_buckets = {1};
  FloatHistogram fine;
  fine.schema = 1;
  fine.positive_spans = {{1, 2}};
  fine.positive_buckets = {1e16, 1};
  HistogramSum sum(coarse);
  REQUIRE(sum.add(fine));
  CHECK(sum.value().positive_buckets == std::vector<double>{1e16 + 2});
}

TEST_CASE("exponential and custom buckets are not added, and the sum stays as it was") {
  FloatHistogram exponential;
  exponential.count = 3;
  FloatHistogram custom;
  custom.schema = kCustomBucketsSchema;
  FloatHistogram sum = exponential;
  CHECK_FALSE(add(sum, custom));
  CHECK_FALSE(subtract(sum, custom));
  CHECK(sum == exponential);
}

TEST_CASE("the hint of a sum follows from those of its parts") {
  using enum CounterResetHint;
  struct Row {
    CounterResetHint a;
    CounterResetHint b;
    CounterResetHint sum;
    bool collide;
  };
  for (const Row& row : {Row{unknown, unknown, unknown, false}, Row{not_reset, not_reset, not_reset, false},
                         Row{unknown, not_reset, unknown, false}, Row{reset, unknown, unknown, false},
                         Row{gauge, not_reset, gauge, false}, Row{unknown, gauge, gauge, false},
                         Row{reset, not_reset, unknown, true}, Row{not_reset, reset, unknown, true}}) {
    CAPTURE(static_cast<int>(row.a));
    CAPTURE(static_cast<int>(row.b));
    FloatHistogram a;
    a.hint = row.a;
    FloatHistogram b;
    b.hint = row.b;
    const auto done = add(a, b);
    REQUIRE(done);
    CHECK(a.hint == row.sum);
    CHECK(done->reset_collision == row.collide);
  }
}

TEST_CASE("a histogram less itself has no buckets once it is compacted") {
  FloatHistogram h;
  h.count = 6;
  h.positive_spans = {{0, 2}, {3, 1}};
  h.positive_buckets = {1, 2, 3};
  FloatHistogram difference = h;
  REQUIRE(subtract(difference, h));
  CHECK(difference.positive_buckets == std::vector<double>{0, 0, 0});
  compact(difference);
  CHECK(difference.positive_buckets.empty());
  CHECK(difference.positive_spans.empty());
}

TEST_CASE("division by zero leaves no buckets") {
  FloatHistogram h;
  h.count = 1;
  h.positive_spans = {{0, 1}};
  h.positive_buckets = {1};
  divide(h, 0);
  CHECK(h.positive_buckets.empty());
  CHECK(std::isinf(h.count));
}

TEST_CASE("a compensated sum does not lose what is small") {
  FloatHistogram huge;
  huge.count = huge.sum = 1e100;
  huge.positive_spans = {{0, 1}};
  huge.positive_buckets = {1e100};
  FloatHistogram one = huge;
  one.count = one.sum = 1;
  one.positive_buckets = {1};
  FloatHistogram minus = huge;
  multiply(minus, -1);
  HistogramSum sum(huge);
  REQUIRE(sum.add(one));
  REQUIRE(sum.add(minus));
  CHECK(sum.value().count == 1);
  CHECK(sum.value().sum == 1);
  CHECK(sum.value().positive_buckets == std::vector<double>{1});
}

TEST_CASE("a mean does not overflow where its sum would") {
  FloatHistogram big;
  big.count = big.sum = 1.5e308;
  HistogramMean mean(big);
  REQUIRE(mean.add(big));
  REQUIRE(mean.add(big));
  CHECK(mean.value().count == doctest::Approx(1.5e308));
}

TEST_CASE("a histogram counts for max-samples by its size") {
  FloatHistogram h;
  CHECK(counted_samples(h) == 11);
  h.positive_spans = {{0, 2}};
  h.positive_buckets = {1, 2};
  CHECK(counted_bytes(h) == 192);
  CHECK(counted_samples(h) == 12);
}

TEST_CASE("equality is to the last bit, however buckets are parted in spans") {
  FloatHistogram a;
  a.positive_spans = {{0, 2}};
  a.positive_buckets = {1, 2};
  FloatHistogram b = a;
  b.positive_spans = {{0, 1}, {0, 1}};
  b.hint = CounterResetHint::gauge;
  CHECK(same_value(a, b));
  b.positive_spans = {{0, 1}, {1, 1}};
  CHECK_FALSE(same_value(a, b));
}

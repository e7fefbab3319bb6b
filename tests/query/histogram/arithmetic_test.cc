#include "query/histogram/arithmetic.h"

#include <doctest/doctest.h>

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

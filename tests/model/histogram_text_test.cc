#include "model/histogram_text.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "model/histogram_bounds.h"

using namespace narthex;

// The texts are those of Prometheus 3.14's String() methods for the same values.

TEST_CASE("an integer histogram prints whole counts, its float twin Go's shortest floats") {
  Histogram h;
  h.schema = 1;
  h.count = 1234567;
  h.sum = 18.4;
  h.zero_threshold = 0.001;
  h.zero_count = 2;
  h.positive_spans = {{-2, 2}, {3, 1}};
  h.positive_deltas = {3, -3, 5};
  h.negative_spans = {{0, 2}};
  h.negative_deltas = {1, 1};
  const std::string buckets =
      ", sum:18.4, [-1.414213562373095,-1):2, [-1,-0.7071067811865475):1, [-0.001,0.001]:2, "
      "(0.35355339059327373,0.5]:3, (2,2.82842712474619]:5}";
  CHECK(to_text(h) == "{count:1234567" + buckets);
  CHECK(to_text(to_float(h)) == "{count:1.234567e+06" + buckets);
}

TEST_CASE("the last bucket of numbers ends at the greatest double, the one behind it at infinity") {
  Histogram h;
  h.count = 3;
  h.sum = std::numeric_limits<double>::infinity();
  h.zero_count = 1;
  h.positive_spans = {{1024, 2}};
  h.positive_deltas = {1, 0};
  CHECK(to_text(h) ==
        "{count:3, sum:+Inf, [-0,0]:1, (8.98846567431158e+307,1.7976931348623157e+308]:1, "
        "(1.7976931348623157e+308,+Inf]:1}");
}

TEST_CASE("custom buckets begin at -Inf and end at +Inf") {
  Histogram h;
  h.schema = kCustomBucketsSchema;
  h.count = 6;
  h.sum = 1e21;
  h.positive_spans = {{0, 3}};
  h.positive_deltas = {1, 1, 1};
  h.custom_values = {0.1, 2.5};
  CHECK(to_text(h) == "{count:6, sum:1e+21, [-Inf,0.1]:1, (0.1,2.5]:2, (2.5,+Inf]:3}");
}

TEST_CASE("coarse and fine schemas have Prometheus' bounds, and empty spans are passed over") {
  FloatHistogram coarse;
  coarse.schema = -4;
  coarse.count = 2.5;
  coarse.sum = std::nan("");
  coarse.positive_spans = {{1, 0}, {62, 2}};
  coarse.positive_buckets = {0.25, 1e-7};
  coarse.negative_spans = {{-1, 1}, {2, 1}};
  coarse.negative_buckets = {2, 3};
  CHECK(to_text(coarse) ==
        "{count:2.5, sum:NaN, [-4.294967296e+09,-65536):3, [-1.52587890625e-05,-2.3283064365386963e-10):2, "
        "(4.185580496821357e+298,2.7430620343968443e+303]:0.25, "
        "(2.7430620343968443e+303,1.7976931348623157e+308]:1e-07}");
  FloatHistogram fine;
  fine.schema = 8;
  fine.count = 2;
  fine.sum = 3;
  fine.positive_spans = {{-255, 1}, {5, 1}, {300, 1}};
  fine.positive_buckets = {1, 1, 1};
  CHECK(to_text(fine) ==
        "{count:2, sum:3, (0.5,0.5013556375251013]:1, (0.5081891574554764,0.509566998038869]:1, "
        "(1.1480764788401787,1.1511892299529827]:1}");
}

TEST_CASE("bounds of any index and schema are numbers or NaN, never a fault") {
  CHECK(bucket_bound(std::numeric_limits<std::int32_t>::max(), 8, {}) ==
        std::numeric_limits<double>::infinity());
  CHECK(bucket_bound(std::numeric_limits<std::int32_t>::min(), -4, {}) == 0);
  CHECK(std::isnan(bucket_bound(0, 9, {})));
  CHECK(std::isnan(bucket_bound(2, kCustomBucketsSchema, {})));
  CHECK(bucket_bound(0, kCustomBucketsSchema, {}) == std::numeric_limits<double>::infinity());
}

#include "query/histogram/reset.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>

using namespace narthex;
using namespace narthex::query;

namespace {

FloatHistogram base() {
  FloatHistogram h;
  h.schema = 1;
  h.zero_threshold = 0.001;
  h.zero_count = 2;
  h.count = 10;
  h.positive_spans = {{0, 2}, {1, 1}};
  h.positive_buckets = {3, 2, 3};
  return h;
}

FloatHistogram custom(std::vector<double> bounds, std::vector<double> counts) {
  FloatHistogram h;
  h.schema = kCustomBucketsSchema;
  h.custom_values = std::move(bounds);
  h.positive_spans = {{0, static_cast<std::uint32_t>(counts.size())}};
  for (const double c : counts) h.count += c;
  h.positive_buckets = std::move(counts);
  return h;
}

}  // namespace

TEST_CASE("a histogram was reset if anything has fallen or cannot be compared") {
  struct Row {
    std::string what;
    std::function<void(FloatHistogram&)> change;
    bool reset;
  };
  const std::vector<Row> rows = {
      {"nothing", [](FloatHistogram&) {}, false},
      {"count fell", [](FloatHistogram& h) { h.count = 9; }, true},
      {"its hint says so", [](FloatHistogram& h) { h.hint = CounterResetHint::reset; }, true},
      {"its hint denies it",
       [](FloatHistogram& h) {
         h.count = 1;
         h.hint = CounterResetHint::not_reset;
       },
       false},
      {"zero bucket fell", [](FloatHistogram& h) { h.zero_count = 1; }, true},
      {"a bucket fell", [](FloatHistogram& h) { h.positive_buckets = {3, 1, 9}; }, true},
      {"a populated bucket is gone",
       [](FloatHistogram& h) {
         h.positive_spans = {{0, 2}};
         h.positive_buckets = {9, 9};
       },
       true},
      {"a bucket is new",
       [](FloatHistogram& h) {
         h.count = 11;
         h.positive_spans = {{0, 4}};
         h.positive_buckets = {3, 2, 1, 3};
       },
       false},
      {"finer than before", [](FloatHistogram& h) { h.schema = 2; }, true},
      {"coarser, with all there was",
       [](FloatHistogram& h) {
         h.schema = 0;
         h.positive_spans = {{0, 3}};
         h.positive_buckets = {3, 2, 3};
       },
       false},
      {"narrower zero bucket", [](FloatHistogram& h) { h.zero_threshold = 0.0001; }, true},
      {"wider zero bucket, inside a populated one",
       [](FloatHistogram& h) {
         h.zero_threshold = 0.9;
         h.zero_count = 100;
       },
       true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    FloatHistogram h = base();
    row.change(h);
    CHECK(was_reset(h, base()) == row.reset);
  }
}

TEST_CASE("custom buckets are compared under the bounds both have") {
  const auto before = custom({1, 2, 3}, {1, 2, 3, 4});
  CHECK_FALSE(was_reset(custom({1, 3, 5}, {1, 5, 2, 2}), before));
  CHECK(was_reset(custom({1, 3, 5}, {1, 4, 3, 3}), before));
  CHECK(was_reset(before, base()));
}

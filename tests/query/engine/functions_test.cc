#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "query/engine/step_column.h"
#include "query/functions/calendar.h"
#include "query/functions/classic_buckets.h"
#include "query/functions/kahan.h"
#include "query/functions/quantile.h"
#include "query/functions/sort.h"

namespace narthex::query {

TEST_CASE("natural order compares digits as numbers") {
  const struct {
    std::string_view a;
    std::string_view b;
    int want;
  } rows[] = {
      {"a2", "a10", -1}, {"a10", "a9", 1},      {"a", "a1", -1},
      {"", "a", -1},     {"x1y2", "x1y10", -1}, {"b1", "a2", 1},
      {"01", "1", 0},    {"same", "same", 0},   {"99999999999999999999", "1", 1},
  };
  for (const auto& row : rows) {
    CAPTURE(row.a);
    CAPTURE(row.b);
    const int order = compare_natural(row.a, row.b);
    CHECK((order > 0) - (order < 0) == row.want);
  }
}

TEST_CASE("parts of a time are those of the proleptic Gregorian calendar in UTC") {
  const struct {
    FunctionId part;
    std::int64_t seconds;
    double want;
  } rows[] = {
      {FunctionId::year, 0, 1970},
      {FunctionId::month, 0, 1},
      {FunctionId::day_of_week, 0, 4},
      {FunctionId::day_of_year, 0, 1},
      {FunctionId::year, -1, 1969},
      {FunctionId::month, -1, 12},
      {FunctionId::day_of_month, -1, 31},
      {FunctionId::hour, -1, 23},
      {FunctionId::minute, -1, 59},
      {FunctionId::day_of_week, -1, 3},
      {FunctionId::days_in_month, 951'782'400, 29},  // 2000-02-29
      {FunctionId::day_of_month, 951'782'400, 29},
      {FunctionId::day_of_year, 978'220'800, 366},     // 2000-12-31
      {FunctionId::days_in_month, 4'107'542'400, 28},  // 2100-02-29 is no day; 2100-03-01 minus one
      {FunctionId::hour, 1'136'239'445, 22},
      {FunctionId::minute, 1'136'239'445, 4},
      {FunctionId::year, -62'167'219'201, -1},
      // NaN and what is too large become the least of integers, from where Go wraps around.
      {FunctionId::month, std::numeric_limits<std::int64_t>::min(), 12},
      {FunctionId::hour, std::numeric_limits<std::int64_t>::min(), 15},
  };
  for (const auto& row : rows) {
    CAPTURE(row.seconds);
    CAPTURE(static_cast<int>(row.part));
    const auto seconds = row.seconds == 4'107'542'400 ? row.seconds - 86'400 : row.seconds;
    CHECK(calendar_part(row.part, seconds) == row.want);
  }
}

TEST_CASE("quantiles lie on the line between two values") {
  const double inf = std::numeric_limits<double>::infinity();
  const struct {
    double q;
    std::vector<double> values;
    double want;
  } rows[] = {
      {0.5, {3, 1, 2}, 2}, {0.25, {0, 10}, 2.5}, {1, {1, 2}, 2}, {-0.1, {1}, -inf}, {1.1, {1}, inf},
  };
  for (auto row : rows) {
    CAPTURE(row.q);
    CHECK(quantile_of(row.q, row.values) == row.want);
  }
  std::vector<double> none;
  CHECK(std::isnan(quantile_of(0.5, none)));
}

TEST_CASE("compensated sums keep what plain sums lose, and means do not overflow") {
  KahanSum sum;
  for (const double v : {1.0, 1e100, 1.0, -1e100}) sum.add(v);
  CHECK(sum.value() == 2);
  KahanSum past_all;
  for (const double v : {1.0, 1.7e308, 1.7e308}) past_all.add(v);
  CHECK(std::isinf(past_all.value()));
  past_all.add(-std::numeric_limits<double>::infinity());
  CHECK(std::isnan(past_all.value()));
  KahanMean mean;
  for (int i = 0; i < 4; ++i) mean.add(1.7e308);
  CHECK(mean.value() == doctest::Approx(1.7e308));
}

TEST_CASE("bucket quantiles lift falling counts, but not rounding") {
  const double inf = std::numeric_limits<double>::infinity();
  ClassicBuckets buckets{{1, 5}, {2, 3}, {4, 5 + 1e-13}, {inf, 10}};
  const auto quantile = bucket_quantile(0.5, buckets);
  CHECK(quantile.forced_monotonic);
  CHECK(quantile.min_bucket == 2);
  CHECK(quantile.max_bucket == 2);
  CHECK(quantile.max_diff == 2);
  CHECK(quantile.value == 1);
  ClassicBuckets open{{1, 5}, {2, 6}};
  CHECK(std::isnan(bucket_quantile(0.5, open).value));
  ClassicBuckets whole{{1, 5}, {2, 10}, {inf, 10}};
  CHECK(bucket_fraction(0, 1.5, whole) == 0.75);
}

TEST_CASE("bitmaps know their first common step and never set bits past their end") {
  StepBitmap a(130);
  StepBitmap b(130);
  CHECK(a.first() == 130);
  a.set_all();
  CHECK(a.count() == 130);
  b.set(129);
  b.set(64);
  CHECK(a.first_common(b) == 64);
  a.subtract(b);
  CHECK(a.count() == 128);
  CHECK_FALSE(a.intersects(b));
}

TEST_CASE("bitmaps set ranges of steps, whole words and parts of them") {
  const struct {
    std::size_t begin;
    std::size_t end;
  } rows[] = {{0, 1}, {0, 64}, {3, 64}, {63, 65}, {64, 128}, {5, 200}, {129, 200}, {199, 200}};
  for (const auto& row : rows) {
    CAPTURE(row.begin);
    CAPTURE(row.end);
    StepBitmap bits(200);
    bits.set_range(row.begin, row.end);
    CHECK(bits.count() == row.end - row.begin);
    CHECK(bits.first() == row.begin);
    CHECK(bits.test(row.end - 1));
  }
}

}  // namespace narthex::query

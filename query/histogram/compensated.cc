#include "query/histogram/compensated.h"

#include <algorithm>
#include <cmath>

#include "query/histogram/arithmetic.h"

namespace narthex::query {

std::optional<Combination> HistogramSum::add(const FloatHistogram& other) {
  auto done = combine(rows_, RowHistogram(other), 1, true);
  if (done) compensated_ = true;
  return done;
}

template <class F>
void HistogramSum::for_each_number(F&& f) {
  for (double* v : {&rows_.base.zero_count, &rows_.base.count, &rows_.base.sum, &rows_.zero_lost,
                    &rows_.count_lost, &rows_.sum_lost})
    f(*v);
  for (BucketRow* row : {&rows_.positive, &rows_.negative}) {
    std::ranges::for_each(row->count, f);
    std::ranges::for_each(row->lost, f);
  }
}

void HistogramSum::multiply(double factor) {
  for_each_number([factor](double& v) { v *= factor; });
}

void HistogramSum::divide(double by) {
  for_each_number([by](double& v) { v /= by; });
}

bool HistogramSum::has_overflow() const {
  const auto infinite = [](double v) { return std::isinf(v); };
  return infinite(rows_.base.zero_count) || infinite(rows_.base.count) || infinite(rows_.base.sum) ||
         std::ranges::any_of(rows_.positive.count, infinite) ||
         std::ranges::any_of(rows_.negative.count, infinite) ||
         std::ranges::any_of(rows_.base.custom_values, infinite);
}

FloatHistogram HistogramSum::value() const {
  FloatHistogram h = rows_.to_histogram();
  if (!compensated_) return h;
  h.zero_count += rows_.zero_lost;
  h.count += rows_.count_lost;
  h.sum += rows_.sum_lost;
  const auto give_back = [](std::vector<double>& counts, const std::vector<double>& lost) {
    for (std::size_t i = 0; i < lost.size(); ++i) counts[i] += lost[i];
  };
  give_back(h.positive_buckets, rows_.positive.lost);
  give_back(h.negative_buckets, rows_.negative.lost);
  return h;
}

std::optional<Combination> HistogramMean::add(const FloatHistogram& other) {
  count_ += 1;
  if (!incremental_) {
    HistogramSum with = sum_;
    auto done = with.add(other);
    if (!done) return done;
    if (!with.has_overflow()) {
      sum_ = std::move(with);
      return done;
    }
    incremental_ = true;
    sum_.divide(count_ - 1);
  }
  sum_.multiply((count_ - 1) / count_);
  FloatHistogram share = other;
  divide(share, count_);
  return sum_.add(share);
}

FloatHistogram HistogramMean::value() const {
  if (incremental_) return sum_.value();
  HistogramSum mean = sum_;
  mean.divide(count_);
  return mean.value();
}

}  // namespace narthex::query

// RowHistogram: a native histogram while it is being added up, its buckets as rows, with what
// rounding has lost beside each number where sums are compensated.
//
// Two histograms need not have the same shape: the finer schema is reduced to the coarser, the
// narrower zero bucket widened (further, where its bound falls into a populated bucket), and
// custom buckets are brought under the bounds both have.
//
// Threads: values.
// Source: Prometheus model/histogram/float_histogram.go, Add, Sub, KahanAdd, reconcileZeroBuckets
#pragma once

#include <optional>

#include "query/histogram/bucket_rows.h"

namespace narthex::query {

/// What is worth telling of an addition or subtraction.
struct Combination {
  bool reset_collision = false;    ///< one says it was reset, the other that it was not
  bool bounds_reconciled = false;  ///< custom buckets were brought under common bounds
};

struct RowHistogram {
  RowHistogram() = default;
  explicit RowHistogram(const FloatHistogram& h);

  FloatHistogram base;  ///< everything but spans and buckets
  BucketRow positive;
  BucketRow negative;
  double zero_lost = 0;
  double count_lost = 0;
  double sum_lost = 0;

  /// What the buckets hold, what was lost left aside.
  [[nodiscard]] FloatHistogram to_histogram() const;
};

/// `to` + sign * `other`. Null: one has custom buckets, the other exponential ones; `to` is as it was.
/// @param compensate  keep what rounding loses
std::optional<Combination> combine(RowHistogram& to, RowHistogram other, double sign, bool compensate);

/// The hint of a sum. @return  true if the two contradict each other
bool combine_hints(CounterResetHint& to, CounterResetHint other);

struct ZeroBucket {
  double count = 0;
  double threshold = 0;
  double lost = 0;
};
/// The zero bucket of `h` at `threshold` or the next bound above that is not inside a populated
/// bucket. @param threshold  not below that of `h`
ZeroBucket widened_zero_bucket(const RowHistogram& h, double threshold, bool compensated);

}  // namespace narthex::query

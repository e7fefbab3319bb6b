// Classic histograms as numbers: cumulative buckets, their quantiles and fractions.
//
// Threads: any.
// Source: Prometheus promql/quantile.go
#pragma once

#include <vector>

namespace narthex::query {

struct ClassicBucket {
  double upper = 0;
  double count = 0;  ///< of this and all lower buckets
};
using ClassicBuckets = std::vector<ClassicBucket>;

struct BucketQuantile {
  double value = 0;
  /// Counts fell from one bucket to the next and were lifted; the bounds between which.
  bool forced_monotonic = false;
  double min_bucket = 0;
  double max_bucket = 0;
  double max_diff = 0;
};

/// Buckets sorted by `upper`; merges equal bounds and lifts falling counts in place.
/// NaN without a +Inf bucket, with fewer than two buckets or without observations.
BucketQuantile bucket_quantile(double q, ClassicBuckets& buckets);

/// Share of observations between two bounds, on a line inside a bucket. Buckets sorted by
/// `upper`; merges equal bounds in place.
double bucket_fraction(double lower, double upper, ClassicBuckets& buckets);

}  // namespace narthex::query

// The buckets of a native histogram with their bounds, in order of value.
//
// Threads: any.
// Source: Prometheus model/histogram/generic.go, Bucket; float_histogram.go, AllBucketIterator
#pragma once

#include <vector>

#include "model/histogram.h"

namespace narthex::query {

struct Bucket {
  double lower = 0;
  double upper = 0;
  double count = 0;
  bool holds_lower = false;  ///< its bounds are among its observations
  bool holds_upper = false;

  /// Share of the bucket below `v`, which lies in it; observations are taken to be spread
  /// evenly (linear), or evenly over buckets of a finer exponential schema.
  [[nodiscard]] double fraction_below(double v, bool linear) const;
};

/// One side, from zero outwards, empty buckets too; the i-th is that of positive_buckets[i].
std::vector<Bucket> positive_side(const FloatHistogram& h);
std::vector<Bucket> negative_side(const FloatHistogram& h);
/// All from the lowest to the highest, none reaching into the zero bucket, which is among them
/// if it is populated.
std::vector<Bucket> all_buckets(const FloatHistogram& h);

}  // namespace narthex::query

// HistogramSum and HistogramMean: many native histograms added up or averaged, with what
// rounding loses kept for every bucket (Neumaier), as Prometheus does it for floats.
//
// Threads: one at a time.
// Source: Prometheus model/histogram/float_histogram.go, KahanAdd; promql/engine.go, aggregation
#pragma once

#include "query/histogram/row_histogram.h"

namespace narthex::query {

class HistogramSum {
 public:
  explicit HistogramSum(const FloatHistogram& first) : rows_(first) {}
  /// Null: the kinds of buckets do not go together; the sum is of no use then.
  std::optional<Combination> add(const FloatHistogram& other);
  void multiply(double factor);
  void divide(double by);
  [[nodiscard]] bool has_overflow() const;
  /// Not compacted.
  [[nodiscard]] FloatHistogram value() const;

 private:
  template <class F>
  void for_each_number(F&& f);

  RowHistogram rows_;
  bool compensated_ = false;  ///< something was added
};

/// The mean of the sum until that would overflow, then incrementally.
class HistogramMean {
 public:
  explicit HistogramMean(const FloatHistogram& first) : sum_(first) {}
  std::optional<Combination> add(const FloatHistogram& other);
  /// Not compacted.
  [[nodiscard]] FloatHistogram value() const;

 private:
  HistogramSum sum_;  ///< or the mean itself, once incremental
  double count_ = 1;
  bool incremental_ = false;
};

}  // namespace narthex::query

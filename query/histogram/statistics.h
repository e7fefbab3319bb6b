// What a native histogram tells of its observations: quantiles, fractions, mean and variance.
//
// Observations are taken to be spread evenly in custom buckets and in the zero bucket, and
// evenly over the buckets of a finer schema in exponential ones.
//
// Threads: any.
// Source: Prometheus promql/quantile.go, HistogramQuantile, HistogramFraction; promql/functions.go
#pragma once

#include "model/histogram.h"

namespace narthex::query {

struct NativeQuantile {
  double value = 0;
  bool is_nan_for_nans = false;  ///< the quantile falls among observations of NaN
  bool is_skewed_by_nans = false;
};
/// NaN without observations; -Inf and +Inf for q outside [0, 1].
NativeQuantile native_quantile(double q, const FloatHistogram& h);

struct NativeFraction {
  double value = 0;
  bool leaves_out_nans = false;
};
/// Share of the observations between two bounds.
NativeFraction native_fraction(double lower, double upper, const FloatHistogram& h);

double native_mean(const FloatHistogram& h);
double native_variance(const FloatHistogram& h);

}  // namespace narthex::query

// Sums of native histograms, for descriptions that grow by a histogram at each step.
//
// Threads: any.
// Source: Prometheus model/histogram/float_histogram.go, Add and Sub
#pragma once

#include "model/histogram.h"
#include "model/result.h"

namespace narthex::query {

/// `base` + sign * `step`. Differing schemas, zero thresholds and custom bounds are
/// reconciled; the result has no empty spans.
/// Errors: invalid (one has custom buckets, the other exponential ones).
Result<FloatHistogram> add_scaled(const FloatHistogram& base, const FloatHistogram& step, double sign);

}  // namespace narthex::query

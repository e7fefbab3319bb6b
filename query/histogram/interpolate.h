// A native histogram on the line between two samples.
//
// Threads: any.
// Source: Prometheus promql/functions.go, interpolateHistograms
#pragma once

#include <optional>

#include "model/histogram.h"
#include "model/time.h"

namespace narthex::query {

struct TimedHistogram {
  Timestamp t = 0;
  const FloatHistogram* h = nullptr;
};

struct Interpolated {
  /// Null: the kinds of buckets do not go together.
  std::optional<FloatHistogram> value;
  bool reconciled_in_subtraction = false;
  bool reconciled_in_addition = false;
};

/// At `t`, which lies between a and b. A counter that was reset in between began at zero.
Interpolated interpolate(const TimedHistogram& a, const TimedHistogram& b, Timestamp t, bool is_counter);

}  // namespace narthex::query

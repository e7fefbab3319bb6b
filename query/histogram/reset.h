// Whether a native histogram that counts began anew between two samples.
//
// Threads: any.
// Source: Prometheus model/histogram/float_histogram.go, DetectReset; promql/histogram_stats_iterator.go
#pragma once

#include "model/histogram.h"

namespace narthex::query {

/// `h` began anew since `previous`: its hint says so, or some count has fallen, or it has a
/// resolution or a zero bucket that `previous` cannot be brought to.
bool was_reset(const FloatHistogram& h, const FloatHistogram& previous);

}  // namespace narthex::query

// The trimming operators: `h </ x` keeps the observations below x, `h >/ x` those above.
//
// Threads: any.
// Source: Prometheus model/histogram/float_histogram.go, TrimBuckets
#pragma once

#include "model/histogram.h"

namespace narthex::query {

enum class Keep : std::uint8_t { below, above };

/// Count and sum are estimated anew if anything is cut off.
void trim(FloatHistogram& h, double limit, Keep keep);

}  // namespace narthex::query

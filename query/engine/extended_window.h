// The samples of `x[5m] anchored` and `x[5m] smoothed` shown as a result: those inside the
// window, and one at each of its bounds.
#pragma once

#include "query/engine/range_window.h"
#include "storage/querier.h"

namespace narthex::query {

/// Replaces `samples`, which begin a lookback before the window (and, smoothed, end one after
/// it), by the window at evaluation time `t`.
/// Source: Prometheus promql/engine.go, extendFloats
/// Errors: execution (there are native histograms, which it cannot do).
Result<void> extend_window(storage::SampleColumns& samples, Timestamp t, const WindowShape& shape,
                           bool smoothed);

}  // namespace narthex::query

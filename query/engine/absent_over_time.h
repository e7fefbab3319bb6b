// absent_over_time: 1 at the steps at which no series of the source has a sample.
//
// Threads: one at a time.
#pragma once

#include "query/engine/operator.h"
#include "query/engine/range_window.h"

namespace narthex::query {

/// @param labels  of the one output series
VectorOperatorPtr make_absent_over_time(EvalContext& context, RangeSourcePtr source, const WindowShape& shape,
                                        LabelIds labels);

}  // namespace narthex::query

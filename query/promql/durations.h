// Durations of ranges, steps and offsets, from the parser's form to milliseconds.
//
// Threads: any.
#pragma once

#include "query/promql/ast.h"

namespace narthex::query {

/// Seconds to milliseconds by way of whole nanoseconds, as Prometheus does.
DurationMs duration_from_seconds(double seconds);

/// A plain literal becomes milliseconds, anything else stays an expression.
Duration to_duration(DurationExprPtr e);

}  // namespace narthex::query

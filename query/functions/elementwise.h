// Functions of each value of an instant vector: mathematics, trigonometry, clamping,
// rounding, parts of a time; and the vectors made of nothing but scalars.
//
// Threads: one at a time.
// Source: Prometheus promql/functions.go
#pragma once

#include "query/engine/operator.h"
#include "query/promql/functions.h"

namespace narthex::query {

/// abs ... year applied to `child`. Null if `id` is none of them.
/// @param scalars  the other arguments (clamp, clamp_min, clamp_max, round)
VectorOperatorPtr make_elementwise(EvalContext& context, FunctionId id, VectorOperatorPtr child,
                                   std::vector<ScalarOperatorPtr> scalars);
/// hour(), minute() ... without argument: of the time of evaluation.
VectorOperatorPtr make_calendar_of_time(EvalContext& context, FunctionId id);
/// vector(s).
VectorOperatorPtr make_vector_of(EvalContext& context, ScalarOperatorPtr scalar);
/// absent(v): 1 at the steps without any series. @param labels  of the output
VectorOperatorPtr make_absent(EvalContext& context, VectorOperatorPtr child, LabelIds labels);
/// timestamp(v) of anything but a selector: the time of evaluation, where a series is present.
VectorOperatorPtr make_evaluation_time(EvalContext& context, VectorOperatorPtr child);
/// start_timestamp(v) of anything but a selector: nothing.
VectorOperatorPtr make_nothing(EvalContext& context, VectorOperatorPtr child);
/// Drops the metric name of an instant selector that already yields times.
VectorOperatorPtr make_unnamed(EvalContext& context, VectorOperatorPtr child);

}  // namespace narthex::query

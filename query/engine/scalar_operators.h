// Scalars: numbers, time(), scalar(), and arithmetic between scalars.
//
// Threads: one at a time.
#pragma once

#include "query/engine/operator.h"
#include "query/promql/ast.h"

namespace narthex::query {

ScalarOperatorPtr make_number(const EvalContext& context, double value);
ScalarOperatorPtr make_time(const EvalContext& context);
/// The value of the one series present at a step, NaN if there are none or several.
ScalarOperatorPtr make_scalar_of(EvalContext& context, VectorOperatorPtr vector);
ScalarOperatorPtr make_scalar_binary(BinaryOp op, ScalarOperatorPtr lhs, ScalarOperatorPtr rhs);
ScalarOperatorPtr make_scalar_negation(ScalarOperatorPtr of);
/// min_of, max_of.
ScalarOperatorPtr make_scalar_extreme(bool highest, ScalarOperatorPtr a, ScalarOperatorPtr b);

/// One operator applied to two numbers; comparisons give 0 or 1.
double apply_scalar(BinaryOp op, double lhs, double rhs);

}  // namespace narthex::query

// and, or, unless: which series go on is decided per step by the signatures present on the
// other side.
//
// Threads: one at a time.
#pragma once

#include "query/engine/operator.h"
#include "query/promql/ast.h"

namespace narthex::query {

VectorOperatorPtr make_set_operator(EvalContext& context, BinaryOp op, const VectorMatching& matching,
                                    VectorOperatorPtr lhs, VectorOperatorPtr rhs);

}  // namespace narthex::query

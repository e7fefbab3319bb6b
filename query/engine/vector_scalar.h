// Arithmetic and comparisons between a vector and a scalar, and unary minus on a vector.
//
// Threads: one at a time.
#pragma once

#include "query/engine/operator.h"
#include "query/promql/ast.h"

namespace narthex::query {

struct VectorScalarSpec {
  BinaryOp op = BinaryOp::add;
  bool scalar_first = false;  ///< 2 * x rather than x * 2
  bool return_bool = false;
  Span span;
};

VectorOperatorPtr make_vector_scalar(EvalContext& context, VectorOperatorPtr vector, ScalarOperatorPtr scalar,
                                     const VectorScalarSpec& spec);
VectorOperatorPtr make_negation(EvalContext& context, VectorOperatorPtr of);

/// The operator makes another metric of what it is applied to: arithmetic, not comparison.
bool changes_metric(BinaryOp op);

}  // namespace narthex::query

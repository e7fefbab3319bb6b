// Arithmetic and comparisons between two vectors, with all matchings, bool and fill.
//
// The "one" side is read into columns, the "many" side streams past it. What may not be is
// judged per step, and the error reported is that of the earliest step.
//
// Threads: one at a time.
#pragma once

#include "query/engine/operator.h"
#include "query/promql/ast.h"

namespace narthex::query {

struct BinarySpec {
  BinaryOp op = BinaryOp::add;
  bool return_bool = false;
  Span span;
};

/// @param matching  must outlive the operator
VectorOperatorPtr make_vector_binary(EvalContext& context, const BinarySpec& spec,
                                     const VectorMatching& matching, VectorOperatorPtr lhs,
                                     VectorOperatorPtr rhs);

}  // namespace narthex::query

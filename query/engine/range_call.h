// A function over a range vector: reads one series after another, cuts its windows, runs the
// function, forgets the samples.
//
// Threads: one at a time.
#pragma once

#include <functional>

#include "query/engine/operator.h"
#include "query/engine/range_window.h"
#include "query/promql/functions.h"

namespace narthex::query {

struct RangeCallParts {
  RangeSourcePtr source;
  WindowShape shape;
  /// Called by each thread that computes; annotations go where it is told.
  std::function<RangeFunctionPtr(AnnotationCollector&)> make_function;
  FunctionId id = FunctionId::rate;
  std::vector<ScalarOperatorPtr> scalars;  ///< the other arguments
  Span first_argument;                     ///< where annotations point to
};

VectorOperatorPtr make_range_call(EvalContext& context, RangeCallParts parts);

}  // namespace narthex::query

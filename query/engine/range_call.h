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

/// How the windows of a range vector lie in time.
struct WindowShape {
  DurationMs range = 0;
  DurationMs offset = 0;
  std::optional<Timestamp> at;
  DurationMs before = 0;  ///< anchored, smoothed: also samples this much before the window
  DurationMs after = 0;   ///< smoothed: and this much after it
  bool from_subquery = false;
};

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

/// absent_over_time: 1 at the steps at which no series of the source has a sample.
/// @param labels  of the one output series
VectorOperatorPtr make_absent_over_time(EvalContext& context, RangeSourcePtr source, const WindowShape& shape,
                                        LabelIds labels);

}  // namespace narthex::query

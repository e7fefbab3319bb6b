// Subqueries: an expression evaluated on a grid of its own, as samples for a range function.
//
// The grid lies at absolute multiples of its step, so that neighbouring windows share points.
// Threads: one at a time.
#pragma once

#include "query/engine/operator.h"
#include "query/engine/step_invariant.h"

namespace narthex::query {

struct SubquerySpec {
  DurationMs range = 0;
  DurationMs step = 0;  ///< above 0
  DurationMs offset = 0;
  std::optional<Timestamp> at;
  /// The subquery is the whole query: all its points are looked at, once.
  bool is_result = false;
};

/// @param build  makes the inner expression on the grid it is given
Result<RangeSourcePtr> make_subquery(EvalContext& outer, const SubquerySpec& spec, const BuildVector& build);

}  // namespace narthex::query

// Parts of a query that do not depend on the step (`@`, constants) run once, on a grid of one
// step, and are repeated.
//
// Threads: one at a time.
#pragma once

#include <functional>

#include "query/engine/operator.h"

namespace narthex::query {

/// The grid and statistics of a step-invariant part; owned by its operator.
class StepInvariantPart {
 public:
  explicit StepInvariantPart(EvalContext& outer)
      : outer_(outer),
        stats_(outer.steps.first_only(), false),
        inner_{outer.query, outer.steps.first_only(), stats_} {}
  StepInvariantPart(const StepInvariantPart&) = delete;
  StepInvariantPart& operator=(const StepInvariantPart&) = delete;

  [[nodiscard]] EvalContext& inner() { return inner_; }
  [[nodiscard]] std::size_t outer_steps() const { return outer_.steps.count(); }
  /// Once, when the part has been read to its end.
  void hand_over_stats() { outer_.stats.add_step_invariant(stats_); }

 private:
  EvalContext& outer_;
  SampleStats stats_;
  EvalContext inner_;
};

using BuildVector = std::function<Result<VectorOperatorPtr>(EvalContext&)>;
using BuildScalar = std::function<Result<ScalarOperatorPtr>(EvalContext&)>;

/// @param build  makes the part on the grid it is given
Result<VectorOperatorPtr> make_step_invariant(EvalContext& outer, const BuildVector& build);
Result<ScalarOperatorPtr> make_step_invariant_scalar(EvalContext& outer, const BuildScalar& build);

}  // namespace narthex::query

// Series that end up with the same labels: one series if they never meet at a step, an error
// if they do.
//
// This is how instant functions, arithmetic, label_replace, label_join and the final removal
// of metric names treat what other operators produced.
#pragma once

#include "query/engine/operator.h"

namespace narthex::query {

/// Merges series of `child` with equal labels into the first of them.
/// Errors: execution (kSameLabelset), after `child` has been read to its end.
VectorOperatorPtr merge_same_labels(VectorOperatorPtr child, const EvalContext& context);

/// merge_same_labels, but for the case where Prometheus does not look: a single step under
/// delayed name removal.
VectorOperatorPtr merge_after_function(VectorOperatorPtr child, const EvalContext& context);

}  // namespace narthex::query

// histogram_count, histogram_sum, histogram_avg, histogram_stddev, histogram_stdvar: a number of
// each native histogram; floats are ignored.
//
// Threads: one at a time.
#pragma once

#include "query/engine/operator.h"
#include "query/engine/query_state.h"
#include "query/promql/functions.h"

namespace narthex::query {

VectorOperatorPtr make_histogram_value(EvalContext& context, FunctionId id, VectorOperatorPtr child);

}  // namespace narthex::query

// histogram_quantile, histogram_quantiles and histogram_fraction, over native histograms and
// classic ones: series that differ in `le` alone make one histogram.
//
// Threads: one at a time.
// Source: Prometheus promql/functions.go
#pragma once

#include <string>

#include "query/engine/operator.h"
#include "query/promql/ast.h"

namespace narthex::query {

struct HistogramArgument {
  VectorOperatorPtr vector;
  Span span;  ///< where annotations about histograms point to
};

struct QuantileArgument {
  ScalarOperatorPtr q;
  Span span;
};

VectorOperatorPtr make_histogram_quantile(EvalContext& context, QuantileArgument q, HistogramArgument of);
/// @param label  that takes the quantile
VectorOperatorPtr make_histogram_quantiles(EvalContext& context, HistogramArgument of, std::string label,
                                           std::vector<QuantileArgument> qs);
VectorOperatorPtr make_histogram_fraction(EvalContext& context, ScalarOperatorPtr lower,
                                          ScalarOperatorPtr upper, HistogramArgument of);

}  // namespace narthex::query

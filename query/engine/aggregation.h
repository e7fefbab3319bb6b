// Aggregations: sum, avg, min, max, count, group, stddev, stdvar, quantile over groups of
// series; topk, bottomk, limitk, limit_ratio that choose among them; count_values.
//
// Input series are added to their group one after another and forgotten, in order: sums are
// compensated, and another order would give other last bits than Prometheus.
//
// Threads: one at a time.
#pragma once

#include "query/engine/operator.h"
#include "query/promql/ast.h"

namespace narthex::query {

struct AggregateSpec {
  AggregateOp op = AggregateOp::sum;
  std::vector<std::string> grouping;
  bool without = false;
  Span param_span;
  Span argument_span;  ///< of what is aggregated
  Span span;           ///< of the whole aggregation
};

/// The numeric parameter of an aggregation.
struct AggregateParam {
  std::vector<double> values;  ///< per step
  double min = 0;
  double max = 0;
  bool has_nan = false;

  /// Evaluates it. Without an operator: zeros.
  static Result<AggregateParam> evaluate(const EvalContext& context, ScalarOperator* from);
};

/// sum, avg, min, max, count, group, stddev, stdvar, quantile.
/// @param param  of quantile, else null
VectorOperatorPtr make_aggregation(EvalContext& context, const AggregateSpec& spec, VectorOperatorPtr child,
                                   ScalarOperatorPtr param);
/// topk, bottomk, limitk, limit_ratio (aggregation_choice.cc).
VectorOperatorPtr make_choice(EvalContext& context, const AggregateSpec& spec, VectorOperatorPtr child,
                              ScalarOperatorPtr param);
/// count_values (count_values.cc). @param label  that takes the value; checked when opened
VectorOperatorPtr make_count_values(EvalContext& context, const AggregateSpec& spec, VectorOperatorPtr child,
                                    std::string label);

}  // namespace narthex::query

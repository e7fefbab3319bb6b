// OperatorBuilder: makes the operators of a query from its syntax tree.
//
// Threads: one at a time.
#pragma once

#include "query/engine/operator.h"
#include "query/engine/plan.h"
#include "query/engine/range_call.h"
#include "query/engine/selector.h"
#include "query/promql/ast.h"

namespace narthex::query {

class OperatorBuilder {
 public:
  /// Tree and plan must outlive the operators.
  explicit OperatorBuilder(const QueryPlan& plan) : plan_(plan) {}

  /// `e` is of type vector (scalars are no vectors: use scalar()).
  Result<VectorOperatorPtr> vector(const Expr& e, EvalContext& context) const;
  Result<ScalarOperatorPtr> scalar(const Expr& e, EvalContext& context) const;

  struct Range {
    RangeSourcePtr source;
    WindowShape shape;
    bool anchored = false;
    bool smoothed = false;
    bool repeated = false;  ///< its samples are those of a place before
  };
  /// A matrix selector or subquery.
  /// @param is_result  it is the whole query, not the argument of a function
  Result<Range> range(const Expr& e, EvalContext& context, bool is_result) const;

 private:
  /// The operators of `e` at its place alone.
  Result<VectorOperatorPtr> own_vector(const Expr& e, EvalContext& context) const;
  /// Those of a part that stands at several places of this context. @param number  the plan's
  Result<VectorOperatorPtr> repeated_vector(const Expr& e, std::size_t number, EvalContext& context) const;
  Result<VectorOperatorPtr> vector_node(const Expr& e, EvalContext& context) const;
  Result<VectorOperatorPtr> binary(const Expr& e, const Binary& node, EvalContext& context) const;
  Result<VectorOperatorPtr> aggregate(const Expr& e, const Aggregate& node, EvalContext& context) const;
  Result<VectorOperatorPtr> call(const Expr& e, const Call& node, EvalContext& context) const;
  Result<VectorOperatorPtr> range_call(const Call& node, std::size_t range_argument,
                                       EvalContext& context) const;
  Result<VectorOperatorPtr> label_call(const Call& node, EvalContext& context) const;
  Result<VectorOperatorPtr> histogram_call(const Call& node, EvalContext& context) const;
  Result<VectorOperatorPtr> info_call(const Call& node, EvalContext& context) const;
  Result<VectorOperatorPtr> timestamp_call(const Call& node, EvalContext& context) const;
  Result<VectorOperatorPtr> elementwise_call(const Call& node, EvalContext& context) const;
  Result<ScalarOperatorPtr> scalar_node(const Expr& e, EvalContext& context) const;
  Result<ScalarOperatorPtr> scalar_call(const Call& node, EvalContext& context) const;
  Result<Range> range_selector(const Expr& e, EvalContext& context) const;
  Result<Range> subquery(const Subquery& node, EvalContext& context, bool is_result) const;

  [[nodiscard]] SelectorSpec selector_spec(const VectorSelector& s, Span span) const;
  /// The labels absent() gives its series: those the selector matches exactly.
  [[nodiscard]] LabelIds labels_of_absent(const Expr& argument, LabelPool& pool) const;

  const QueryPlan& plan_;
};

}  // namespace narthex::query

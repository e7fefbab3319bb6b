// Signatures: the labels by which the two sides of a binary operator find each other, as
// numbers, computed once per series.
//
// Threads: one at a time.
#pragma once

#include "query/engine/label_ops.h"
#include "query/engine/operator.h"
#include "query/promql/ast.h"

namespace narthex::query {

class Signatures {
 public:
  Signatures(EvalContext& context, const VectorMatching& matching);
  /// The number of each series' signature; the same numbers for all calls.
  /// Errors: limit.
  Result<std::vector<std::uint32_t>> of(const std::vector<SeriesInfo>& series);
  [[nodiscard]] std::size_t count() const { return index_.size(); }
  /// The labels two sides match by; for `ignoring` the metric name is not among them.
  [[nodiscard]] LabelIds matched_labels(const LabelIds& labels) const;

 private:
  const QueryState& query_;
  bool on_;
  NameSet names_;  ///< to match on, or to ignore (with __name__)
  LabelIdsIndex index_;
  BudgetShare share_;
};

}  // namespace narthex::query

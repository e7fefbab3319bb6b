// QueryPlan: what is known of a query before it runs: durations and `@` as numbers, which
// parts do not depend on the step, and the time range it reads.
//
// Threads: one at a time.
// Source: Prometheus promql/engine.go (PreprocessExpr, FindMinMaxTime), promql/durations.go
#pragma once

#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "model/result.h"
#include "query/engine/steps.h"
#include "query/promql/ast.h"

namespace narthex::query {

class QueryPlan {
 public:
  /// @param root  must outlive the plan
  /// @param text  that it was parsed from; must outlive the plan
  /// @param step  0 for an instant query
  /// Errors: invalid (a duration expression that is not above 0, not finite, ...).
  static Result<QueryPlan> make(const Expr& root, std::string_view text, Timestamp start, Timestamp end,
                                DurationMs step);

  /// This part is evaluated once, at the first step of the grid it stands on.
  [[nodiscard]] bool is_step_invariant(const Expr& e) const { return invariant_.contains(&e); }
  /// Of the histograms that a selector finds only count and sum are used.
  [[nodiscard]] bool wants_stats_only(const VectorSelector& s) const { return stats_only_.contains(&s); }
  /// The labels of a selector's series that matter to what stands around it; not set: all of them.
  [[nodiscard]] std::optional<std::vector<std::string>> wanted_labels(const VectorSelector& s) const;
  /// The number of a part that is written several times and worth evaluating once; nothing: it is not.
  [[nodiscard]] std::optional<std::size_t> repeated_part(const Expr& e) const;
  [[nodiscard]] DurationMs ms(const Duration& d) const;
  [[nodiscard]] std::optional<Timestamp> at(const AtModifier& m) const;
  /// start(), end(), range() and step() are numbers once the query is known.
  [[nodiscard]] std::optional<double> constant(const Call& call) const;
  /// Everything selectors may read; {0, 0} without selectors.
  [[nodiscard]] TimeRange time_range(const Expr& root, DurationMs lookback) const;

 private:
  class RepetitionFinder;
  struct Invariance {
    bool invariant = false;
    bool wrap = false;  ///< worth a step-invariant part of its own, if its parent is not one
  };
  /// What stands between the root and a selector.
  struct Outer {
    DurationMs offset = 0;  ///< of subqueries, as are range and at
    DurationMs range = 0;
    std::optional<Timestamp> at;
    bool info = false;  ///< info(), which looks back for info series when the selector looks
  };

  QueryPlan(Timestamp start, Timestamp end, DurationMs step) : start_(start), end_(end), step_(step) {}

  Result<void> resolve_durations(const Expr& e);
  Result<void> resolve(const Duration& d, bool may_be_negative);
  Result<double> evaluate(const DurationExpr& e) const;
  /// @param wanted  inside a function that takes only count and sum of histograms
  void find_stats_only(const Expr& e, bool wanted);
  void find_aggregated(const Expr& e);
  void find_repeated(const Expr& root, std::string_view text);
  Invariance find_invariant(const Expr& e);
  Invariance find_invariant_call(const Call& call);
  Invariance find_invariant_sides(const Binary& binary);
  void widen(const Expr& e, Outer outer, DurationMs range, DurationMs lookback, TimeRange& into) const;
  void widen_selector(const VectorSelector& s, const Outer& outer, DurationMs range, DurationMs lookback,
                      TimeRange& into) const;

  Timestamp start_;
  Timestamp end_;
  DurationMs step_;
  std::unordered_map<const Duration*, DurationMs> durations_;
  std::unordered_set<const Expr*> invariant_;
  std::unordered_set<const VectorSelector*> stats_only_;
  std::unordered_map<const VectorSelector*, const Aggregate*> aggregated_;  ///< directly, by some labels
  std::unordered_map<const Expr*, std::size_t> repeated_;                   ///< numbers of parts
};

/// Calls f(child) for each direct part of `e`, in the order they are written.
template <class F>
void for_each_child(const Expr& e, F&& f) {
  if (const auto* matrix = e.as<MatrixSelector>()) f(*matrix->selector);
  if (const auto* subquery = e.as<Subquery>()) f(*subquery->expr);
  if (const auto* call = e.as<Call>())
    for (const auto& arg : call->args) f(*arg);
  if (const auto* unary = e.as<Unary>()) f(*unary->expr);
  if (const auto* paren = e.as<Paren>()) f(*paren->expr);
  if (const auto* binary = e.as<Binary>()) {
    f(*binary->lhs);
    f(*binary->rhs);
  }
  if (const auto* aggregate = e.as<Aggregate>()) {
    if (aggregate->param) f(*aggregate->param);
    f(*aggregate->expr);
  }
}

}  // namespace narthex::query

// HistogramTotals: the native histograms of sum and avg, beside the floats of the same groups.
// A step at which a group has both kinds, or kinds of buckets that do not go together, has no
// result.
//
// Threads: one at a time.
// Source: Prometheus promql/engine.go, aggregation
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <variant>

#include "query/engine/operator.h"
#include "query/engine/query_state.h"
#include "query/histogram/compensated.h"

namespace narthex::query {

class HistogramTotals {
 public:
  /// @param argument  where annotations point to
  HistogramTotals(EvalContext& context, bool mean, const Annotator& annotator, Span argument);

  void resize(std::size_t groups) { groups_.resize(groups); }
  /// Takes the histograms out of `column`, and the floats that come too late to count.
  /// @param floats_seen  steps at which the group has floats; may be empty
  Result<void> take(std::uint32_t group, StepColumn& column, const StepBitmap& floats_seen,
                    std::string_view metric_name);
  /// Adds the group's results to those of its floats.
  void write(std::uint32_t group, StepColumn& out) const;

 private:
  struct Total {
    std::optional<std::variant<HistogramSum, HistogramMean>> value;  ///< none if floats came first
    bool incompatible = false;
    bool any_reset = false;
    bool any_not_reset = false;
  };
  using Group = boost::unordered_flat_map<std::uint32_t, Total>;

  void add(Total& total, const FloatHistogram& h, std::string_view metric_name) const;

  bool mean_;
  Span argument_;
  Annotator annotator_;
  BudgetShare share_;
  std::vector<Group> groups_;
};

}  // namespace narthex::query

#include "query/engine/subquery.h"

#include <optional>

namespace narthex::query {

namespace {

Steps subquery_steps(const Steps& outer, const SubquerySpec& spec) {
  const Timestamp from = spec.at.value_or(outer.start) - spec.offset;
  const Timestamp after = from - spec.range;
  Steps steps;
  steps.interval = spec.step;
  // The first multiple of the step after the window's start.
  steps.start = after / spec.step * spec.step;
  if (steps.start <= after) steps.start += spec.step;
  steps.end = from + (outer.last() - outer.start);
  return steps;
}

class SubquerySource final : public RangeSource {
 public:
  SubquerySource(EvalContext& outer, const SubquerySpec& spec)
      : outer_(outer), spec_(spec), steps_(subquery_steps(outer.steps, spec)), share_(outer.query.budget) {}

  Result<void> build(const BuildVector& build_child) {
    if (steps_.count() == 0) return {};
    // Before anything of this size is made: a range of years at a step of milliseconds must not
    // take the server down. Samples, one column, and the numbers per step.
    const std::uint64_t bytes = std::uint64_t{steps_.count()} * sizeof(double) * 5;
    if (auto charged = share_.add(0, bytes); !charged) return charged;
    stats_.emplace(steps_, outer_.steps.count() > 1);
    inner_.emplace(EvalContext{outer_.query, steps_, *stats_});
    auto child = build_child(*inner_);
    if (!child) return pass(child);
    child_ = std::move(*child);
    return {};
  }

  Result<std::vector<SeriesInfo>> open() override {
    if (!child_) return std::vector<SeriesInfo>{};
    return child_->open();
  }

  Result<bool> next(storage::SampleColumns& out) override {
    out.clear();
    if (!child_) return false;
    auto more = child_->next(column_);
    if (!more) return more;
    if (!*more) {
      hand_over_stats();
      return false;
    }
    column_.present.for_each([&](std::size_t step) {
      if (const auto* h = column_.histogram(step)) {
        out.histograms.push_back({out.t.size(), *h});
        // Samples between two steps are left out: what one knew of the one before no longer holds.
        auto& hint = out.histograms.back().value.hint;
        if (!spec_.is_result && hint != CounterResetHint::gauge) hint = CounterResetHint::unknown;
      }
      out.t.push_back(steps_.at(step));
      out.v.push_back(column_.values[step]);
    });
    return true;
  }

 private:
  void hand_over_stats() {
    if (spec_.is_result) {
      outer_.stats.add_total(outer_.steps.count() - 1, stats_->total());
      outer_.stats.add_subquery_reads(*stats_, 0, 0);
    } else {
      outer_.stats.add_subquery_reads(*stats_, spec_.offset, spec_.range);
    }
  }

  EvalContext& outer_;
  SubquerySpec spec_;
  Steps steps_;
  BudgetShare share_;
  std::optional<SampleStats> stats_;
  std::optional<EvalContext> inner_;
  VectorOperatorPtr child_;
  StepColumn column_;
};

}  // namespace

Result<RangeSourcePtr> make_subquery(EvalContext& outer, const SubquerySpec& spec, const BuildVector& build) {
  auto source = std::make_unique<SubquerySource>(outer, spec);
  if (auto built = source->build(build); !built) return pass(built);
  return RangeSourcePtr(std::move(source));
}

}  // namespace narthex::query

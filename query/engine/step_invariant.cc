#include "query/engine/step_invariant.h"

namespace narthex::query {

namespace {

class StepInvariant final : public VectorOperator {
 public:
  explicit StepInvariant(EvalContext& outer) : part_(outer) {}
  Result<void> build(const BuildVector& build_child) {
    auto child = build_child(part_.inner());
    if (!child) return pass(child);
    child_ = std::move(*child);
    return {};
  }

  Result<std::vector<SeriesInfo>> open() override { return child_->open(); }

  Result<bool> next(StepColumn& out) override {
    auto more = child_->next(once_);
    if (!more) return more;
    if (!*more) {
      part_.hand_over_stats();
      return false;
    }
    const auto steps = part_.outer_steps();
    out.reset(steps);
    if (!once_.present.test(0)) return true;
    if (once_.histogram(0)) out.histograms.assign(steps, once_.histograms[0]);
    out.values.assign(steps, once_.values[0]);
    out.present.set_all();
    return true;
  }

 private:
  StepInvariantPart part_;
  VectorOperatorPtr child_;
  StepColumn once_;
};

class StepInvariantScalar final : public ScalarOperator {
 public:
  explicit StepInvariantScalar(EvalContext& outer) : part_(outer) {}
  Result<void> build(const BuildScalar& build_child) {
    auto child = build_child(part_.inner());
    if (!child) return pass(child);
    child_ = std::move(*child);
    return {};
  }

  Result<std::vector<double>> values() override {
    auto once = child_->values();
    if (!once) return once;
    part_.hand_over_stats();
    return std::vector<double>(part_.outer_steps(), once->front());
  }

 private:
  StepInvariantPart part_;
  ScalarOperatorPtr child_;
};

}  // namespace

Result<VectorOperatorPtr> make_step_invariant(EvalContext& outer, const BuildVector& build) {
  auto part = std::make_unique<StepInvariant>(outer);
  if (auto built = part->build(build); !built) return pass(built);
  return VectorOperatorPtr(std::move(part));
}

Result<ScalarOperatorPtr> make_step_invariant_scalar(EvalContext& outer, const BuildScalar& build) {
  auto part = std::make_unique<StepInvariantScalar>(outer);
  if (auto built = part->build(build); !built) return pass(built);
  return ScalarOperatorPtr(std::move(part));
}

}  // namespace narthex::query

#include "query/engine/step_invariant.h"

namespace narthex::query {

namespace {

class StepInvariant final : public VectorOperator {
 public:
  explicit StepInvariant(EvalContext& outer) : part_(outer), once_(outer.query.budget) {}
  Result<void> build(const BuildVector& build_child) {
    auto child = build_child(part_.inner());
    if (!child) return pass(child);
    child_ = std::move(*child);
    return {};
  }

  Result<std::vector<SeriesInfo>> open() override { return child_->open(); }

  /// All series are read before the first is repeated: until then they are one sample each, as
  /// max-samples counts them.
  Result<bool> next(StepColumn& out) override {
    if (!drained_) {
      if (auto read = drain(*child_, once_); !read) return pass(read);
      part_.hand_over_stats();
      drained_ = true;
    }
    if (next_ == once_.size()) return false;
    // What is done with each may take long, and nothing is read from the store any more.
    if (auto going_on = part_.inner().query.deadline.check(); !going_on) return pass(going_on);
    const StepColumn once = once_.take(next_++);
    const auto steps = part_.outer_steps();
    out.reset(steps);
    if (!once.present.test(0)) return true;
    if (once.histogram(0)) out.histograms.assign(steps, once.histograms[0]);
    out.values.assign(steps, once.values[0]);
    out.present.set_all();
    return true;
  }

 private:
  StepInvariantPart part_;
  VectorOperatorPtr child_;
  HeldColumns once_;
  bool drained_ = false;
  std::size_t next_ = 0;
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

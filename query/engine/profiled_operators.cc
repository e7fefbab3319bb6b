#include "query/engine/profiled_operators.h"

namespace narthex::query {

namespace {

/// What the observers have in common.
class Observer {
 public:
  Observer(ProfileNode& node, const EvalContext& context)
      : node_(node), clock_(context.query.deadline.clock()), budget_(context.query.budget) {}
  NodeTimer timer() { return NodeTimer(node_, clock_, budget_, held_); }
  ProfileNode& node() { return node_; }

 private:
  ProfileNode& node_;
  const Clock& clock_;
  const QueryBudget& budget_;
  std::int64_t held_ = 0;
};

class ObservedVector final : public VectorOperator {
 public:
  ObservedVector(VectorOperatorPtr op, ProfileNode& node, const EvalContext& context)
      : op_(std::move(op)), observer_(node, context) {}
  Result<std::vector<SeriesInfo>> open() override {
    const NodeTimer timer = observer_.timer();
    auto series = op_->open();
    if (series) observer_.node().series += series->size();
    return series;
  }
  Result<bool> next(StepColumn& out) override {
    const NodeTimer timer = observer_.timer();
    auto more = op_->next(out);
    if (more && *more) observer_.node().samples += out.present.count();
    return more;
  }

 private:
  VectorOperatorPtr op_;
  Observer observer_;
};

class ObservedScalar final : public ScalarOperator {
 public:
  ObservedScalar(ScalarOperatorPtr op, ProfileNode& node, const EvalContext& context)
      : op_(std::move(op)), observer_(node, context) {}
  Result<std::vector<double>> values() override {
    const NodeTimer timer = observer_.timer();
    auto values = op_->values();
    if (values) observer_.node().samples += values->size();
    return values;
  }

 private:
  ScalarOperatorPtr op_;
  Observer observer_;
};

class ObservedRange final : public RangeSource {
 public:
  ObservedRange(RangeSourcePtr source, ProfileNode& node, const EvalContext& context)
      : source_(std::move(source)), observer_(node, context) {}
  Result<std::vector<SeriesInfo>> open() override {
    const NodeTimer timer = observer_.timer();
    auto series = source_->open();
    if (series) observer_.node().series += series->size();
    return series;
  }
  Result<bool> next(storage::SampleColumns& out) override {
    const NodeTimer timer = observer_.timer();
    auto more = source_->next(out);
    if (more && *more) observer_.node().samples += out.t.size();
    return more;
  }

 private:
  RangeSourcePtr source_;
  Observer observer_;
};

}  // namespace

VectorOperatorPtr observe(VectorOperatorPtr op, ProfileNode& node, const EvalContext& context) {
  return std::make_unique<ObservedVector>(std::move(op), node, context);
}

ScalarOperatorPtr observe(ScalarOperatorPtr op, ProfileNode& node, const EvalContext& context) {
  return std::make_unique<ObservedScalar>(std::move(op), node, context);
}

RangeSourcePtr observe(RangeSourcePtr source, ProfileNode& node, const EvalContext& context) {
  return std::make_unique<ObservedRange>(std::move(source), node, context);
}

}  // namespace narthex::query

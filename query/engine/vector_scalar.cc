#include "query/engine/vector_scalar.h"

#include "query/engine/column_map.h"
#include "query/engine/element_operators.h"
#include "query/engine/merge.h"
#include "query/engine/scalar_operators.h"
#include "query/histogram/arithmetic.h"

namespace narthex::query {

namespace {

class VectorScalar final : public ColumnMap {
 public:
  VectorScalar(EvalContext& context, VectorOperatorPtr vector, ScalarOperatorPtr scalar,
               const VectorScalarSpec& spec)
      : ColumnMap(context, std::move(vector), changes_metric(spec.op) || spec.return_bool),
        scalar_(std::move(scalar)),
        spec_(spec),
        annotator_(context.query.annotator()) {}

 private:
  [[nodiscard]] bool takes_histograms() const override { return true; }

  Result<void> prepare() override {
    auto values = scalar_->values();
    if (!values) return pass(values);
    values_ = std::move(*values);
    return {};
  }

  void map(StepColumn& column) override {
    if (!column.histograms.empty()) return map_mixed(column);
    if (spec_.op == BinaryOp::trim_upper || spec_.op == BinaryOp::trim_lower) return refuse_floats(column);
    const bool filters = is_comparison(spec_.op) && !spec_.return_bool;
    column.present.for_each([&](std::size_t step) {
      const double v = column.values[step];
      const double s = values_[step];
      const double result = spec_.scalar_first ? apply_scalar(spec_.op, s, v) : apply_scalar(spec_.op, v, s);
      if (!filters)
        column.values[step] = result;
      else if (result == 0)
        column.present.clear(step);
    });
  }

  void map_mixed(StepColumn& column) {
    const bool filters = is_comparison(spec_.op) && !spec_.return_bool;
    column.present.for_each([&](std::size_t step) {
      const ElementValue of_vector{column.values[step], column.histogram(step)};
      const ElementValue scalar{values_[step], nullptr};
      auto result = spec_.scalar_first ? apply_elements(spec_.op, scalar, of_vector)
                                       : apply_elements(spec_.op, of_vector, scalar);
      if (result.note != BinaryNote::none) note(annotator_, result.note, spec_.op, spec_.span);
      if (result.failed || (filters && !result.keep)) {
        column.present.clear(step);
      } else if (result.histogram) {
        column.set_histogram(step, std::move(*result.histogram));
      } else if (!filters && !of_vector.histogram) {
        column.values[step] = result.value;
      }
    });
  }

  /// Trimming is for histograms.
  void refuse_floats(StepColumn& column) {
    if (!column.present.any()) return;
    note(annotator_, BinaryNote::float_float, spec_.op, spec_.span);
    column.present.reset(column.values.size());
  }

  ScalarOperatorPtr scalar_;
  VectorScalarSpec spec_;
  Annotator annotator_;
  std::vector<double> values_;
};

class NegatedVector final : public ColumnMap {
 public:
  NegatedVector(EvalContext& context, VectorOperatorPtr of) : ColumnMap(context, std::move(of), true) {}

 private:
  [[nodiscard]] bool takes_histograms() const override { return true; }
  void map(StepColumn& column) override {
    for (auto& h : column.histograms) {
      if (!h) continue;
      FloatHistogram negated = *h;
      multiply(negated, -1);
      h = std::make_shared<const FloatHistogram>(std::move(negated));
    }
    for (auto& v : column.values) v = -v;
  }
};

}  // namespace

bool changes_metric(BinaryOp op) {
  switch (op) {
    case BinaryOp::add:
    case BinaryOp::sub:
    case BinaryOp::mul:
    case BinaryOp::div:
    case BinaryOp::mod:
    case BinaryOp::pow:
    case BinaryOp::atan2:
      return true;
    default:
      return false;
  }
}

VectorOperatorPtr make_vector_scalar(EvalContext& context, VectorOperatorPtr vector, ScalarOperatorPtr scalar,
                                     const VectorScalarSpec& spec) {
  return merge_after_function(
      std::make_unique<VectorScalar>(context, std::move(vector), std::move(scalar), spec), context);
}

VectorOperatorPtr make_negation(EvalContext& context, VectorOperatorPtr of) {
  auto negated = std::make_unique<NegatedVector>(context, std::move(of));
  if (context.query.delayed_name_removal) return negated;
  return merge_same_labels(std::move(negated), context);
}

}  // namespace narthex::query

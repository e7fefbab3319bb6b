#include "query/engine/vector_scalar.h"

#include <fmt/format.h>

#include "query/engine/column_map.h"
#include "query/engine/merge.h"
#include "query/engine/scalar_operators.h"

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
  Result<void> prepare() override {
    auto values = scalar_->values();
    if (!values) return pass(values);
    values_ = std::move(*values);
    return {};
  }

  void map(StepColumn& column) override {
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

  /// Trimming is for histograms.
  void refuse_floats(StepColumn& column) {
    if (!column.present.any()) return;
    const auto op = text_of(spec_.op);
    annotator_.info(
        fmt::format("incompatible sample types encountered for binary operator \"{0}\": float {0} float", op),
        spec_.span);
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
  void map(StepColumn& column) override {
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

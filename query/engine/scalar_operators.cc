#include "query/engine/scalar_operators.h"

#include <cmath>
#include <limits>

#include "query/functions/go_math.h"

namespace narthex::query {

namespace {

class Number final : public ScalarOperator {
 public:
  Number(std::size_t steps, double value) : steps_(steps), value_(value) {}
  Result<std::vector<double>> values() override { return std::vector<double>(steps_, value_); }

 private:
  std::size_t steps_;
  double value_;
};

class Time final : public ScalarOperator {
 public:
  explicit Time(const Steps& steps) : steps_(steps) {}
  Result<std::vector<double>> values() override {
    std::vector<double> times(steps_.count());
    for (std::size_t i = 0; i < times.size(); ++i) times[i] = static_cast<double>(steps_.at(i)) / 1000;
    return times;
  }

 private:
  Steps steps_;
};

class ScalarOf final : public ScalarOperator {
 public:
  ScalarOf(EvalContext& context, VectorOperatorPtr vector) : context_(context), vector_(std::move(vector)) {}

  Result<std::vector<double>> values() override {
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    const auto steps = context_.steps.count();
    std::vector<double> values(steps, kNan);
    StepBitmap seen(steps);
    if (auto series = vector_->open(); !series) return pass(series);
    StepColumn column;
    for (;;) {
      auto more = vector_->next(column);
      if (!more) return pass(more);
      if (!*more) return values;
      column.drop_histograms();
      column.present.for_each(
          [&](std::size_t step) { values[step] = seen.test(step) ? kNan : column.values[step]; });
      seen |= column.present;
    }
  }

 private:
  EvalContext& context_;
  VectorOperatorPtr vector_;
};

/// f(lhs, rhs) at each step.
template <class F>
class OfTwo final : public ScalarOperator {
 public:
  OfTwo(F f, ScalarOperatorPtr a, ScalarOperatorPtr b) : f_(f), a_(std::move(a)), b_(std::move(b)) {}
  Result<std::vector<double>> values() override {
    auto a = a_->values();
    if (!a) return a;
    auto b = b_->values();
    if (!b) return b;
    for (std::size_t i = 0; i < a->size(); ++i) (*a)[i] = f_((*a)[i], (*b)[i]);
    return a;
  }

 private:
  F f_;
  ScalarOperatorPtr a_;
  ScalarOperatorPtr b_;
};

class Negation final : public ScalarOperator {
 public:
  explicit Negation(ScalarOperatorPtr of) : of_(std::move(of)) {}
  Result<std::vector<double>> values() override {
    auto values = of_->values();
    if (values)
      for (auto& v : *values) v = -v;
    return values;
  }

 private:
  ScalarOperatorPtr of_;
};

template <class F>
ScalarOperatorPtr of_two(F f, ScalarOperatorPtr a, ScalarOperatorPtr b) {
  return std::make_unique<OfTwo<F>>(f, std::move(a), std::move(b));
}

}  // namespace

ScalarOperatorPtr make_number(const EvalContext& context, double value) {
  return std::make_unique<Number>(context.steps.count(), value);
}

ScalarOperatorPtr make_time(const EvalContext& context) {
  return std::make_unique<Time>(context.steps);
}

ScalarOperatorPtr make_scalar_of(EvalContext& context, VectorOperatorPtr vector) {
  return std::make_unique<ScalarOf>(context, std::move(vector));
}

ScalarOperatorPtr make_scalar_binary(BinaryOp op, ScalarOperatorPtr lhs, ScalarOperatorPtr rhs) {
  return of_two([op](double a, double b) { return apply_scalar(op, a, b); }, std::move(lhs), std::move(rhs));
}

ScalarOperatorPtr make_scalar_negation(ScalarOperatorPtr of) {
  return std::make_unique<Negation>(std::move(of));
}

ScalarOperatorPtr make_scalar_extreme(bool highest, ScalarOperatorPtr a, ScalarOperatorPtr b) {
  return of_two([highest](double x, double y) { return highest ? go_max(x, y) : go_min(x, y); }, std::move(a),
                std::move(b));
}

double apply_scalar(BinaryOp op, double lhs, double rhs) {
  switch (op) {
    case BinaryOp::add:
      return lhs + rhs;
    case BinaryOp::sub:
      return lhs - rhs;
    case BinaryOp::mul:
      return lhs * rhs;
    case BinaryOp::div:
      return lhs / rhs;
    case BinaryOp::mod:
      return std::fmod(lhs, rhs);
    case BinaryOp::pow:
      return std::pow(lhs, rhs);
    case BinaryOp::atan2:
      return std::atan2(lhs, rhs);
    case BinaryOp::eq:
      return lhs == rhs ? 1 : 0;
    case BinaryOp::ne:
      return lhs != rhs ? 1 : 0;
    case BinaryOp::lt:
      return lhs < rhs ? 1 : 0;
    case BinaryOp::le:
      return lhs <= rhs ? 1 : 0;
    case BinaryOp::gt:
      return lhs > rhs ? 1 : 0;
    case BinaryOp::ge:
      return lhs >= rhs ? 1 : 0;
    case BinaryOp::trim_upper:
    case BinaryOp::trim_lower:
    case BinaryOp::logical_and:
    case BinaryOp::logical_or:
    case BinaryOp::unless:
      break;  // the parser refuses these between scalars
  }
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace narthex::query

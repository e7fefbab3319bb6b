// deriv and predict_linear: a line through the samples of a window by least squares;
// double_exponential_smoothing: level and trend carried along the window.
// Source: Prometheus promql/functions.go, linearRegression, funcDoubleExponentialSmoothing
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "query/functions/kahan.h"
#include "query/functions/range_functions.h"

namespace narthex::query {

namespace {

struct Line {
  double slope = 0;
  double at_origin = 0;
};

Line fit_line(std::span<const Timestamp> t, std::span<const double> v, Timestamp origin) {
  KahanSum x_sum;
  KahanSum y_sum;
  KahanSum xy_sum;
  KahanSum xx_sum;
  bool is_constant = true;
  for (std::size_t i = 0; i < t.size(); ++i) {
    if (i > 0 && v[i] != v[0]) is_constant = false;
    const double x = static_cast<double>(t[i] - origin) / 1e3;
    x_sum.add(x);
    y_sum.add(v[i]);
    xy_sum.add(x * v[i]);
    xx_sum.add(x * x);
  }
  if (is_constant) {
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    if (std::isinf(v[0])) return {kNan, kNan};
    return {0, v[0]};
  }
  const auto n = static_cast<double>(t.size());
  const double x = x_sum.value();
  const double y = y_sum.value();
  const double cov = xy_sum.value() - x * y / n;
  const double var = xx_sum.value() - x * x / n;
  const double slope = cov / var;
  return {slope, y / n - slope * x / n};
}

class Derivative final : public RangeFunction {
 public:
  Result<void> run(const RangeInput& in, StepColumn& out) override {
    for (std::size_t step = 0; step < in.windows.size(); ++step) {
      if (in.windows[step].size() < 2) continue;
      const auto t = in.times(step);
      out.set(step, fit_line(t, in.values(step), t.front()).slope);
    }
    return {};
  }
};

class PredictLinear final : public RangeFunction {
 public:
  Result<void> prepare(std::vector<std::vector<double>> scalars) override {
    ahead_ = std::move(scalars[0]);
    return {};
  }
  Result<void> run(const RangeInput& in, StepColumn& out) override {
    for (std::size_t step = 0; step < in.windows.size(); ++step) {
      if (in.windows[step].size() < 2) continue;
      const Line line = fit_line(in.times(step), in.values(step), in.steps.at(step));
      out.set(step, line.slope * ahead_[step] + line.at_origin);
    }
    return {};
  }

 private:
  std::vector<double> ahead_;  ///< seconds
};

class DoubleExponentialSmoothing final : public RangeFunction {
 public:
  Result<void> prepare(std::vector<std::vector<double>> scalars) override {
    smoothing_ = std::move(scalars[0]);
    trend_ = std::move(scalars[1]);
    return {};
  }
  Result<void> run(const RangeInput& in, StepColumn& out) override {
    for (std::size_t step = 0; step < in.windows.size(); ++step) {
      if (in.windows[step].empty()) continue;
      if (auto good = check_arguments(step); !good) return good;
      if (in.windows[step].size() >= 2)
        out.set(step, smooth(in.values(step), smoothing_[step], trend_[step]));
    }
    return {};
  }
  Result<void> check_arguments(std::size_t step) const override {
    const double sf = smoothing_[step];
    const double tf = trend_[step];
    if (sf <= 0 || sf >= 1) return out_of_bounds("smoothing", "sf", sf);
    if (tf <= 0 || tf >= 1) return out_of_bounds("trend", "tf", tf);
    return {};
  }

 private:
  static std::unexpected<Error> out_of_bounds(std::string_view what, std::string_view letter, double got) {
    return fail(Code::execution,
                fmt::format("invalid {} factor. Expected: 0 < {} < 1, got: {:f}", what, letter, got));
  }

  static double smooth(std::span<const double> v, double sf, double tf) {
    double before = 0;
    double level = v[0];
    double trend = v[1] - v[0];
    for (std::size_t i = 1; i < v.size(); ++i) {
      const double x = sf * v[i];
      if (i > 1) trend = tf * (level - before) + (1 - tf) * trend;
      const double y = (1 - sf) * (level + trend);
      before = level;
      level = x + y;
    }
    return level;
  }

  std::vector<double> smoothing_;
  std::vector<double> trend_;
};

}  // namespace

RangeFunctionPtr make_trend_function(FunctionId id) {
  switch (id) {
    case FunctionId::deriv:
      return std::make_unique<Derivative>();
    case FunctionId::predict_linear:
      return std::make_unique<PredictLinear>();
    default:
      return std::make_unique<DoubleExponentialSmoothing>();
  }
}

}  // namespace narthex::query

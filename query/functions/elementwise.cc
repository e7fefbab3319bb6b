#include "query/functions/elementwise.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "query/engine/column_map.h"
#include "query/engine/merge.h"
#include "query/functions/calendar.h"
#include "query/functions/go_math.h"

namespace narthex::query {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kPi = std::numbers::pi;

/// What becomes of histograms before a function sees a column.
enum class Histograms : std::uint8_t { dropped, taken_for_samples };

/// f(column) for each series.
template <class F>
class MapWith final : public ColumnMap {
 public:
  MapWith(EvalContext& context, VectorOperatorPtr child, F f, Histograms histograms)
      : ColumnMap(context, std::move(child), true), f_(std::move(f)), histograms_(histograms) {}

 private:
  [[nodiscard]] bool takes_histograms() const override {
    return histograms_ == Histograms::taken_for_samples;
  }
  void map(StepColumn& column) override {
    column.histograms.clear();
    f_(column);
  }
  F f_;
  Histograms histograms_;
};

template <class F>
VectorOperatorPtr map_with(EvalContext& context, VectorOperatorPtr child, F f,
                           Histograms histograms = Histograms::taken_for_samples) {
  return merge_after_function(
      std::make_unique<MapWith<F>>(context, std::move(child), std::move(f), histograms), context);
}

/// f(value) for each value.
template <class F>
VectorOperatorPtr map_values(EvalContext& context, VectorOperatorPtr child, F f) {
  const auto on_column = [f](StepColumn& column) {
    column.present.for_each([&](std::size_t step) { column.values[step] = f(column.values[step]); });
  };
  return map_with(context, std::move(child), on_column, Histograms::dropped);
}

/// Functions of a value alone; null for others.
double (*value_function(FunctionId id))(double) {
  switch (id) {
    case FunctionId::abs:
      return [](double v) { return std::fabs(v); };
    case FunctionId::ceil:
      return [](double v) { return std::ceil(v); };
    case FunctionId::floor:
      return [](double v) { return std::floor(v); };
    case FunctionId::exp:
      return [](double v) { return std::exp(v); };
    case FunctionId::sqrt:
      return [](double v) { return std::sqrt(v); };
    case FunctionId::ln:
      return [](double v) { return std::log(v); };
    case FunctionId::log2:
      return [](double v) { return std::log2(v); };
    case FunctionId::log10:
      return [](double v) { return std::log10(v); };
    case FunctionId::sin:
      return [](double v) { return std::sin(v); };
    case FunctionId::cos:
      return [](double v) { return std::cos(v); };
    case FunctionId::tan:
      return [](double v) { return std::tan(v); };
    case FunctionId::asin:
      return [](double v) { return std::asin(v); };
    case FunctionId::acos:
      return [](double v) { return std::acos(v); };
    case FunctionId::atan:
      return [](double v) { return std::atan(v); };
    case FunctionId::sinh:
      return [](double v) { return std::sinh(v); };
    case FunctionId::cosh:
      return [](double v) { return std::cosh(v); };
    case FunctionId::tanh:
      return [](double v) { return std::tanh(v); };
    case FunctionId::asinh:
      return [](double v) { return std::asinh(v); };
    case FunctionId::acosh:
      return [](double v) { return std::acosh(v); };
    case FunctionId::atanh:
      return [](double v) { return std::atanh(v); };
    case FunctionId::rad:
      return [](double v) { return v * kPi / 180; };
    case FunctionId::deg:
      return [](double v) { return v * 180 / kPi; };
    case FunctionId::sgn:
      return [](double v) { return v < 0 ? -1.0 : v > 0 ? 1.0 : v; };
    default:
      return nullptr;
  }
}

bool is_calendar(FunctionId id) {
  switch (id) {
    case FunctionId::minute:
    case FunctionId::hour:
    case FunctionId::day_of_week:
    case FunctionId::day_of_month:
    case FunctionId::day_of_year:
    case FunctionId::days_in_month:
    case FunctionId::month:
    case FunctionId::year:
      return true;
    default:
      return false;
  }
}

class Clamp final : public ColumnMap {
 public:
  /// A null bound is infinite.
  Clamp(EvalContext& context, VectorOperatorPtr child, ScalarOperatorPtr least, ScalarOperatorPtr most)
      : ColumnMap(context, std::move(child), true), least_(std::move(least)), most_(std::move(most)) {}

 private:
  Result<void> prepare() override {
    if (auto read = evaluate(least_, -kInf, least_values_); !read) return read;
    return evaluate(most_, kInf, most_values_);
  }

  Result<void> evaluate(const ScalarOperatorPtr& bound, double otherwise, std::vector<double>& into) const {
    if (!bound) {
      into.assign(context_.steps.count(), otherwise);
      return {};
    }
    auto values = bound->values();
    if (!values) return pass(values);
    into = std::move(*values);
    return {};
  }

  void map(StepColumn& column) override {
    column.present.for_each([&](std::size_t step) {
      if (most_values_[step] < least_values_[step])
        column.present.clear(step);
      else
        column.values[step] = go_max(least_values_[step], go_min(most_values_[step], column.values[step]));
    });
  }

  ScalarOperatorPtr least_;
  ScalarOperatorPtr most_;
  std::vector<double> least_values_;
  std::vector<double> most_values_;
};

class Round final : public ColumnMap {
 public:
  Round(EvalContext& context, VectorOperatorPtr child, ScalarOperatorPtr to_nearest)
      : ColumnMap(context, std::move(child), true), to_nearest_(std::move(to_nearest)) {}

 private:
  Result<void> prepare() override {
    inverse_.assign(context_.steps.count(), 1);
    if (!to_nearest_) return {};
    auto values = to_nearest_->values();
    if (!values) return pass(values);
    for (std::size_t step = 0; step < inverse_.size(); ++step) inverse_[step] = 1.0 / (*values)[step];
    return {};
  }
  void map(StepColumn& column) override {
    column.present.for_each([&](std::size_t step) {
      column.values[step] = std::floor(column.values[step] * inverse_[step] + 0.5) / inverse_[step];
    });
  }

  ScalarOperatorPtr to_nearest_;
  std::vector<double> inverse_;
};

class CalendarOfTime final : public SingleSeries {
 public:
  CalendarOfTime(EvalContext& context, FunctionId id) : SingleSeries(context), id_(id) {}
  Result<std::vector<SeriesInfo>> open() override { return std::vector<SeriesInfo>(1); }

 private:
  void fill(StepColumn& out) override {
    for (std::size_t step = 0; step < out.values.size(); ++step)
      out.set(step, calendar_part(id_, context_.steps.at(step) / 1000));
  }
  FunctionId id_;
};

class VectorOf final : public SingleSeries {
 public:
  VectorOf(EvalContext& context, ScalarOperatorPtr scalar)
      : SingleSeries(context), scalar_(std::move(scalar)) {}
  Result<std::vector<SeriesInfo>> open() override {
    auto values = scalar_->values();
    if (!values) return pass(values);
    values_ = std::move(*values);
    return std::vector<SeriesInfo>(1);
  }

 private:
  void fill(StepColumn& out) override {
    out.values = std::move(values_);
    out.present.set_all();
  }
  ScalarOperatorPtr scalar_;
  std::vector<double> values_;
};

class Absent final : public SingleSeries {
 public:
  Absent(EvalContext& context, VectorOperatorPtr child, LabelIds labels)
      : SingleSeries(context), child_(std::move(child)), labels_(std::move(labels)) {}

  Result<std::vector<SeriesInfo>> open() override {
    found_.reset(context_.steps.count());
    if (auto series = child_->open(); !series) return series;
    StepColumn column;
    for (;;) {
      auto more = child_->next(column);
      if (!more) return pass(more);
      if (!*more) return std::vector<SeriesInfo>{{labels_, false}};
      found_ |= column.present;
    }
  }

 private:
  void fill(StepColumn& out) override {
    for (std::size_t step = 0; step < out.values.size(); ++step)
      if (!found_.test(step)) out.set(step, 1);
  }
  VectorOperatorPtr child_;
  LabelIds labels_;
  StepBitmap found_;
};

}  // namespace

VectorOperatorPtr make_elementwise(EvalContext& context, FunctionId id, VectorOperatorPtr child,
                                   std::vector<ScalarOperatorPtr> scalars) {
  if (const auto f = value_function(id)) return map_values(context, std::move(child), f);
  if (is_calendar(id))
    return map_values(context, std::move(child), [id](double v) { return calendar_part(id, go_int64(v)); });
  const auto merged = [&](VectorOperatorPtr op) { return merge_after_function(std::move(op), context); };
  switch (id) {
    case FunctionId::clamp:
      return merged(
          std::make_unique<Clamp>(context, std::move(child), std::move(scalars[0]), std::move(scalars[1])));
    case FunctionId::clamp_min:
      return merged(std::make_unique<Clamp>(context, std::move(child), std::move(scalars[0]), nullptr));
    case FunctionId::clamp_max:
      return merged(std::make_unique<Clamp>(context, std::move(child), nullptr, std::move(scalars[0])));
    case FunctionId::round:
      return merged(std::make_unique<Round>(context, std::move(child),
                                            scalars.empty() ? nullptr : std::move(scalars[0])));
    default:
      return nullptr;
  }
}

VectorOperatorPtr make_calendar_of_time(EvalContext& context, FunctionId id) {
  return std::make_unique<CalendarOfTime>(context, id);
}

VectorOperatorPtr make_vector_of(EvalContext& context, ScalarOperatorPtr scalar) {
  return std::make_unique<VectorOf>(context, std::move(scalar));
}

VectorOperatorPtr make_absent(EvalContext& context, VectorOperatorPtr child, LabelIds labels) {
  return std::make_unique<Absent>(context, std::move(child), std::move(labels));
}

VectorOperatorPtr make_evaluation_time(EvalContext& context, VectorOperatorPtr child) {
  return map_with(context, std::move(child), [&context](StepColumn& column) {
    column.present.for_each(
        [&](std::size_t step) { column.values[step] = static_cast<double>(context.steps.at(step)) / 1000; });
  });
}

VectorOperatorPtr make_nothing(EvalContext& context, VectorOperatorPtr child) {
  return map_with(context, std::move(child),
                  [](StepColumn& column) { column.present.reset(column.values.size()); });
}

VectorOperatorPtr make_unnamed(EvalContext& context, VectorOperatorPtr child) {
  return map_with(context, std::move(child), [](StepColumn&) {});
}

}  // namespace narthex::query

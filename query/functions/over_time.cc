// The *_over_time functions.
//
// Sums and deviations start anew in each window, in order: sliding sums would give other last
// bits than Prometheus. Extremes slide with a monotonic queue.
// Source: Prometheus promql/functions.go
#include <cmath>
#include <limits>

#include "query/functions/kahan.h"
#include "query/functions/quantile.h"
#include "query/functions/range_functions.h"

namespace narthex::query {

namespace {

/// A function of one window alone: double f(const RangeInput&, std::size_t step).
template <class F>
class PerWindow final : public RangeFunction {
 public:
  explicit PerWindow(F f) : f_(std::move(f)) {}
  Result<void> run(const RangeInput& in, StepColumn& out) override {
    for (std::size_t step = 0; step < in.windows.size(); ++step)
      if (!in.windows[step].empty()) out.set(step, f_(in, step));
    return {};
  }

 private:
  F f_;
};

template <class F>
RangeFunctionPtr per_window(F f) {
  return std::make_unique<PerWindow<F>>(std::move(f));
}

double sum_of(std::span<const double> values) {
  KahanSum sum;
  for (const double v : values) sum.add(v);
  return std::isinf(sum.sum) ? sum.sum : sum.value();
}

double mean_of(std::span<const double> values) {
  KahanMean mean;
  for (const double v : values) mean.add(v);
  return mean.value();
}

double variance_of(std::span<const double> values) {
  double count = 0;
  KahanSum mean;
  KahanSum squares;
  for (const double v : values) {
    ++count;
    const double delta = v - mean.value();
    mean.add(delta / count);
    squares.add(delta * (v - mean.value()));
  }
  return squares.value() / count;
}

/// The most extreme sample of each window. NaN loses against any number; of equal values the
/// first counts, or the last where the time is asked for.
class Extreme final : public RangeFunction {
 public:
  Extreme(bool highest, bool wants_time) : highest_(highest), wants_time_(wants_time) {}

  Result<void> run(const RangeInput& in, StepColumn& out) override {
    queue_.clear();
    head_ = 0;
    std::uint32_t taken = 0;
    for (std::size_t step = 0; step < in.windows.size(); ++step) {
      const auto& w = in.windows[step];
      for (; taken < w.last; ++taken) push(in, taken);
      while (head_ < queue_.size() && queue_[head_] < w.first) ++head_;
      if (w.empty()) continue;
      const auto found = head_ < queue_.size() ? queue_[head_] : w.last - 1;  // all are NaN
      out.set(step, wants_time_ ? static_cast<double>(in.t[found]) / 1000 : in.v[found]);
    }
    return {};
  }

 private:
  void push(const RangeInput& in, std::uint32_t i) {
    if (std::isnan(in.v[i])) return;
    while (queue_.size() > head_ && is_beaten(in.v[queue_.back()], in.v[i])) queue_.pop_back();
    queue_.push_back(i);
  }
  [[nodiscard]] bool is_beaten(double old, double by) const {
    if (old == by) return wants_time_;
    return highest_ ? old < by : old > by;
  }

  bool highest_;
  bool wants_time_;
  std::vector<std::uint32_t> queue_;  ///< samples that may still be the extreme, best first
  std::size_t head_ = 0;
};

class QuantileOverTime final : public RangeFunction {
 public:
  explicit QuantileOverTime(const RangeCallSite& site) : site_(site) {}
  Result<void> prepare(std::vector<std::vector<double>> scalars) override {
    q_ = std::move(scalars[0]);
    return {};
  }
  Result<void> run(const RangeInput& in, StepColumn& out) override {
    window_.clear();
    for (std::size_t step = 0; step < in.windows.size(); ++step) {
      if (in.windows[step].empty()) continue;
      if (!is_valid_quantile(q_[step]))
        site_.annotator.warn(invalid_quantile_text(q_[step]), site_.first_argument);
      window_.slide(in.v, in.windows[step].first, in.windows[step].last);
      out.set(step, window_.quantile(q_[step]));
    }
    return {};
  }

 private:
  RangeCallSite site_;
  std::vector<double> q_;
  SortedWindow window_;
};

/// The median distance from the median.
double deviation_of(std::span<const double> values) {
  for (const double v : values)
    if (std::isnan(v)) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(values.begin(), values.end());
  const double median = quantile_of(0.5, sorted);
  for (double& v : sorted) v = std::fabs(v - median);
  return quantile_of(0.5, sorted);
}

double to_seconds(Timestamp t) {
  return static_cast<double>(t) / 1000;
}

}  // namespace

RangeFunctionPtr make_over_time_function(FunctionId id, const RangeCallSite& site) {
  using In = const RangeInput&;
  switch (id) {
    case FunctionId::sum_over_time:
      return per_window([](In in, std::size_t step) { return sum_of(in.values(step)); });
    case FunctionId::avg_over_time:
      return per_window([](In in, std::size_t step) { return mean_of(in.values(step)); });
    case FunctionId::stdvar_over_time:
      return per_window([](In in, std::size_t step) { return variance_of(in.values(step)); });
    case FunctionId::stddev_over_time:
      return per_window([](In in, std::size_t step) { return std::sqrt(variance_of(in.values(step))); });
    case FunctionId::mad_over_time:
      return per_window([](In in, std::size_t step) { return deviation_of(in.values(step)); });
    case FunctionId::count_over_time:
      return per_window([](In in, std::size_t step) { return static_cast<double>(in.windows[step].size()); });
    case FunctionId::present_over_time:
      return per_window([](In, std::size_t) { return 1.0; });
    case FunctionId::first_over_time:
      return per_window([](In in, std::size_t step) { return in.values(step).front(); });
    case FunctionId::last_over_time:
      return per_window([](In in, std::size_t step) { return in.values(step).back(); });
    case FunctionId::ts_of_first_over_time:
      return per_window([](In in, std::size_t step) { return to_seconds(in.times(step).front()); });
    case FunctionId::ts_of_last_over_time:
      return per_window([](In in, std::size_t step) { return to_seconds(in.times(step).back()); });
    case FunctionId::min_over_time:
      return std::make_unique<Extreme>(false, false);
    case FunctionId::max_over_time:
      return std::make_unique<Extreme>(true, false);
    case FunctionId::ts_of_min_over_time:
      return std::make_unique<Extreme>(false, true);
    case FunctionId::ts_of_max_over_time:
      return std::make_unique<Extreme>(true, true);
    case FunctionId::quantile_over_time:
      return std::make_unique<QuantileOverTime>(site);
    default:
      return nullptr;
  }
}

}  // namespace narthex::query

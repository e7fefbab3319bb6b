// rate, increase and delta of anchored and smoothed range vectors: values at the window's
// bounds instead of extrapolation. Anchored takes the last sample before the window as its
// start, smoothed draws lines between the samples around each bound.
// Source: Prometheus promql/functions.go, extendedRate
#include <algorithm>

#include "query/functions/range_functions.h"

namespace narthex::query {

namespace {

/// The value at `t` on the line from a to b; a counter that fell began at zero.
double on_line(const RangeInput& in, std::size_t a, std::size_t b, Timestamp t, bool is_counter) {
  double from = in.v[a];
  const double to = in.v[b];
  if (is_counter && to < from) from = 0;
  return from + (to - from) * static_cast<double>(t - in.t[a]) / static_cast<double>(in.t[b] - in.t[a]);
}

class ExtendedRate final : public RangeFunction {
 public:
  ExtendedRate(bool is_counter, bool per_second, bool smoothed)
      : is_counter_(is_counter), per_second_(per_second), smoothed_(smoothed) {}

  Result<void> run(const RangeInput& in, StepColumn& out) override {
    for (std::size_t step = 0; step < in.windows.size(); ++step)
      if (!in.windows[step].empty()) at_step(in, step, out);
    return {};
  }

 private:
  void at_step(const RangeInput& in, std::size_t step, StepColumn& out) const {
    const Timestamp start = in.window_start(step);
    const Timestamp end = in.window_end(step);
    const std::size_t begin = in.windows[step].first;
    std::size_t last = in.windows[step].last - 1;
    // The last sample not after the start, but never the window's last one by this search.
    const auto after_start = std::upper_bound(in.t.begin() + static_cast<std::ptrdiff_t>(begin),
                                              in.t.begin() + static_cast<std::ptrdiff_t>(last), start);
    std::size_t first = static_cast<std::size_t>(after_start - in.t.begin());
    if (first > begin) --first;
    if (smoothed_) {
      const auto at_end = std::lower_bound(in.t.begin() + static_cast<std::ptrdiff_t>(begin),
                                           in.t.begin() + static_cast<std::ptrdiff_t>(last), end);
      last = static_cast<std::size_t>(at_end - in.t.begin());
    }
    if (in.t[last] <= start) return;
    if (smoothed_ && in.t[first] > end) return;

    const double left =
        smoothed_ && in.t[first] < start ? on_line(in, first, first + 1, start, is_counter_) : in.v[first];
    const double right = smoothed_ && last > begin && in.t[last] > end
                             ? on_line(in, last - 1, last, end, is_counter_)
                             : in.v[last];
    double result = right - left;
    if (is_counter_) {
      // The bounds have taken care of resets next to them.
      if (in.t[first] <= start) ++first;
      const std::size_t past = in.t[last] >= end ? last : last + 1;
      result += resets(in, left, right, first, past);
    }
    if (per_second_) result /= static_cast<double>(in.range) / 1000;
    out.set(step, result);
  }

  static double resets(const RangeInput& in, double left, double right, std::size_t first, std::size_t past) {
    double lost = 0;
    double previous = left;
    for (std::size_t i = first; i < past; ++i) {
      if (in.v[i] < previous) lost += previous;
      previous = in.v[i];
    }
    if (right < previous) lost += previous;
    return lost;
  }

  bool is_counter_;
  bool per_second_;
  bool smoothed_;
};

}  // namespace

RangeFunctionPtr make_extended_rate_function(FunctionId id, const RangeCallSite& site) {
  return std::make_unique<ExtendedRate>(id != FunctionId::delta, id == FunctionId::rate, site.smoothed);
}

}  // namespace narthex::query

// The *_over_time functions that take native histograms.
// Source: Prometheus promql/functions.go
#include <algorithm>

#include "query/functions/mixed_range.h"
#include "query/histogram/compensated.h"

namespace narthex::query {

namespace {

/// sum_over_time and avg_over_time.
template <class Total>
class Totals final : public HistogramFunction {
 public:
  explicit Totals(const RangeCallSite& site) : site_(site) {}

  void at_step(const PartedSeries& series, const RangeInput& in, std::size_t step, StepColumn& out) override {
    HistogramNotes notes(site_, in.metric_name);
    if (!series.floats(step).empty())
      notes.mixed_kinds();
    else if (auto total = total_of(series.histograms(step), notes))
      out.set_histogram(step, std::move(*total));
    notes.tell();
  }

 private:
  static std::optional<FloatHistogram> total_of(const HistogramRun& h, HistogramNotes& notes) {
    bool any_reset = false;
    bool any_not_reset = false;
    bool reconciled = false;
    for (const FloatHistogram* one : h.v) {
      any_reset = any_reset || one->hint == CounterResetHint::reset;
      any_not_reset = any_not_reset || one->hint == CounterResetHint::not_reset;
    }
    Total total(*h.v.front());
    for (const FloatHistogram* one : h.v.subspan(1)) {
      const auto added = total.add(*one);
      if (!added) {
        notes.mixed_buckets();
        return std::nullopt;
      }
      reconciled = reconciled || added->bounds_reconciled;
    }
    if (any_reset && any_not_reset) notes.warn(texts::counter_reset_collision(texts::kAggregation));
    if (reconciled) notes.bounds_reconciled(texts::kAggregation);
    return total.value();
  }

  RangeCallSite site_;
};

/// f(floats, histograms, step, out) of each window.
template <class F>
class OfWindow final : public HistogramFunction {
 public:
  explicit OfWindow(F f) : f_(f) {}
  void at_step(const PartedSeries& series, const RangeInput&, std::size_t step, StepColumn& out) override {
    f_(series.floats(step), series.histograms(step), step, out);
  }

 private:
  F f_;
};

template <class F>
HistogramFunctionPtr of_window(F f) {
  return std::make_unique<OfWindow<F>>(f);
}

double to_seconds(Timestamp t) {
  return static_cast<double>(t) / 1000;
}

void first_of(const FloatRun& f, const HistogramRun& h, std::size_t step, StepColumn& out) {
  if (!f.empty() && f.t.front() < h.t.front())
    out.set(step, f.v.front());
  else
    out.set_histogram(step, FloatHistogram(*h.v.front()));
}

void last_of(const FloatRun& f, const HistogramRun& h, std::size_t step, StepColumn& out) {
  if (!f.empty() && h.t.back() < f.t.back())
    out.set(step, f.v.back());
  else
    out.set_histogram(step, FloatHistogram(*h.v.back()));
}

}  // namespace

HistogramFunctionPtr make_histogram_over_time(FunctionId id, const RangeCallSite& site) {
  using F = const FloatRun&;
  using H = const HistogramRun&;
  switch (id) {
    case FunctionId::sum_over_time:
      return std::make_unique<Totals<HistogramSum>>(site);
    case FunctionId::avg_over_time:
      return std::make_unique<Totals<HistogramMean>>(site);
    case FunctionId::count_over_time:
      return of_window([](F f, H h, std::size_t step, StepColumn& out) {
        out.set(step, static_cast<double>(f.size() + h.size()));
      });
    case FunctionId::present_over_time:
      return of_window([](F, H, std::size_t step, StepColumn& out) { out.set(step, 1); });
    case FunctionId::first_over_time:
      return of_window(first_of);
    case FunctionId::last_over_time:
      return of_window(last_of);
    case FunctionId::ts_of_first_over_time:
      return of_window([](F f, H h, std::size_t step, StepColumn& out) {
        const Timestamp t = f.empty() ? h.t.front() : std::min(f.t.front(), h.t.front());
        out.set(step, to_seconds(t));
      });
    case FunctionId::ts_of_last_over_time:
      return of_window([](F f, H h, std::size_t step, StepColumn& out) {
        const Timestamp t = f.empty() ? h.t.back() : std::max(f.t.back(), h.t.back());
        out.set(step, to_seconds(t));
      });
    default:
      return nullptr;
  }
}

}  // namespace narthex::query

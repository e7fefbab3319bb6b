// rate, increase and delta of anchored and smoothed range vectors of native histograms.
// Source: Prometheus promql/functions.go, extendedHistogramRate
#include <algorithm>

#include "query/functions/mixed_range.h"
#include "query/histogram/arithmetic.h"
#include "query/histogram/interpolate.h"
#include "query/histogram/reset.h"

namespace narthex::query {

namespace {

class ExtendedHistogramRate final : public HistogramFunction {
 public:
  ExtendedHistogramRate(bool is_counter, bool per_second, const RangeCallSite& site)
      : is_counter_(is_counter), per_second_(per_second), site_(site) {}

  void at_step(const PartedSeries& series, const RangeInput& in, std::size_t step, StepColumn& out) override {
    HistogramNotes notes(site_, in.metric_name);
    if (!series.floats(step).empty()) {
      notes.mixed_kinds();
    } else if (auto result = rate(series.histograms(step), in, step, notes)) {
      if (per_second_) divide(*result, static_cast<double>(in.range) / 1000);
      result->hint = CounterResetHint::gauge;
      compact(*result);
      out.set_histogram(step, std::move(*result));
    }
    notes.tell();
  }

 private:
  /// The samples a window is computed from, and its bounds.
  struct Window {
    HistogramRun h;
    std::size_t first = 0;
    std::size_t last = 0;
    Timestamp start = 0;
    Timestamp end = 0;
    [[nodiscard]] TimedHistogram at(std::size_t i) const { return {h.t[i], h.v[i]}; }
  };

  std::optional<FloatHistogram> rate(const HistogramRun& h, const RangeInput& in, std::size_t step,
                                     HistogramNotes& notes) const {
    Window w{h, 0, h.size() - 1, in.window_start(step), in.window_end(step)};
    const auto until_last = h.t.first(h.size() - 1);
    w.first = static_cast<std::size_t>(std::ranges::upper_bound(until_last, w.start) - until_last.begin());
    if (w.first > 0) --w.first;
    if (site_.smoothed)
      w.last = static_cast<std::size_t>(std::ranges::lower_bound(until_last, w.end) - until_last.begin());
    if (h.t[w.last] <= w.start || (site_.smoothed && h.t[w.first] > w.end)) return std::nullopt;
    if (!is_of_one_kind(w, notes)) return std::nullopt;

    const auto left = value_at_start(w, notes);
    if (!left) return std::nullopt;
    const auto right = value_at_end(w, notes);
    if (!right) return std::nullopt;
    if (!is_counter_ && (left->hint != CounterResetHint::gauge || right->hint != CounterResetHint::gauge))
      notes.not_a_gauge();
    FloatHistogram result = *right;
    if (!notes.check(subtract(result, *left), texts::kSubtraction)) return std::nullopt;
    if (is_counter_ && !add_lost(w, *left, *right, result, notes)) return std::nullopt;
    return result;
  }

  bool is_of_one_kind(const Window& w, HistogramNotes& notes) const {
    const bool custom = uses_custom_buckets(w.h.v[w.first]->schema);
    for (std::size_t i = w.first; i <= w.last; ++i) {
      if (uses_custom_buckets(w.h.v[i]->schema) != custom) {
        notes.mixed_buckets();
        return false;
      }
      if (is_counter_ && w.h.v[i]->hint == CounterResetHint::gauge) notes.not_a_counter();
    }
    return true;
  }

  std::optional<FloatHistogram> value_at_start(const Window& w, HistogramNotes& notes) const {
    if (!site_.smoothed || w.h.t[w.first] >= w.start) return *w.h.v[w.first];
    return between(w.at(w.first), w.at(w.first + 1), w.start, notes);
  }

  std::optional<FloatHistogram> value_at_end(const Window& w, HistogramNotes& notes) const {
    if (!site_.smoothed || w.last == 0 || w.h.t[w.last] <= w.end) return *w.h.v[w.last];
    return between(w.at(w.last - 1), w.at(w.last), w.end, notes);
  }

  std::optional<FloatHistogram> between(const TimedHistogram& a, const TimedHistogram& b, Timestamp t,
                                        HistogramNotes& notes) const {
    auto found = interpolate(a, b, t, is_counter_);
    if (found.reconciled_in_subtraction) notes.bounds_reconciled(texts::kSubtraction);
    if (found.reconciled_in_addition) notes.bounds_reconciled(texts::kAddition);
    if (!found.value) notes.mixed_buckets();
    return std::move(found.value);
  }

  /// Adds what the counter had before each reset between the bounds.
  bool add_lost(const Window& w, const FloatHistogram& left, const FloatHistogram& right,
                FloatHistogram& result, HistogramNotes& notes) const {
    std::size_t next = w.first + 1;
    const FloatHistogram* previous = &left;
    if (site_.smoothed && w.h.t[w.first] < w.start && was_reset(*w.h.v[w.first + 1], *w.h.v[w.first])) {
      // That reset lies on the line to the left bound and is accounted for.
      previous = w.h.v[next++];
    }
    // The last sample is the right bound, or the bound has its hint.
    if (next > w.last) return true;
    std::optional<FloatHistogram> lost;
    const auto add_if_reset = [&](const FloatHistogram& now) {
      if (!was_reset(now, *previous)) return true;
      if (lost) return notes.check(add(*lost, *previous), texts::kAddition);
      lost = *previous;
      return true;
    };
    for (; next < w.last; ++next) {
      if (!add_if_reset(*w.h.v[next])) return false;
      previous = w.h.v[next];
    }
    if (!add_if_reset(right)) return false;
    return !lost || notes.check(add(result, *lost), texts::kAddition);
  }

  bool is_counter_;
  bool per_second_;
  RangeCallSite site_;
};

}  // namespace

HistogramFunctionPtr make_histogram_extended_rate(FunctionId id, const RangeCallSite& site) {
  return std::make_unique<ExtendedHistogramRate>(id != FunctionId::delta, id == FunctionId::rate, site);
}

}  // namespace narthex::query

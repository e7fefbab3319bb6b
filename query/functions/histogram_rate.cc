// rate, increase, delta, irate and idelta of native histograms.
// Source: Prometheus promql/functions.go, extrapolatedRate, histogramRate, instantValue
#include <algorithm>

#include "query/functions/mixed_range.h"
#include "query/histogram/arithmetic.h"
#include "query/histogram/reset.h"

namespace narthex::query {

namespace {

bool is_gauge(const FloatHistogram* h) {
  return h->hint == CounterResetHint::gauge;
}

bool is_custom(const FloatHistogram* h) {
  return uses_custom_buckets(h->schema);
}

/// Sample i began anew, by start timestamps.
bool started_anew(const HistogramRun& h, std::size_t i) {
  return !h.st.empty() && is_start_timestamp_reset(h.st[i - 1], h.t[i - 1], h.st[i], h.t[i]);
}

class HistogramRate final : public HistogramFunction {
 public:
  HistogramRate(bool is_counter, bool per_second, const RangeCallSite& site)
      : is_counter_(is_counter), per_second_(per_second), site_(site) {}

  void at_step(const PartedSeries& series, const RangeInput& in, std::size_t step, StepColumn& out) override {
    HistogramNotes notes(site_, in.metric_name);
    const HistogramRun h = series.histograms(step);
    if (!series.floats(step).empty())
      notes.mixed_kinds();
    else if (auto result = rate(h, in, step, notes))
      out.set_histogram(step, std::move(*result));
    notes.tell();
  }

 private:
  std::optional<FloatHistogram> rate(const HistogramRun& h, const RangeInput& in, std::size_t step,
                                     HistogramNotes& notes) const {
    std::optional<FloatHistogram> result;
    if (h.size() > 1) {
      result = difference(h, notes);
      if (!result) return result;
    }
    const Timestamp range_start = in.window_start(step);
    double to_start = static_cast<double>(h.t.front() - range_start) / 1000;
    double to_end = static_cast<double>(in.window_end(step) - h.t.back()) / 1000;
    double sampled = static_cast<double>(h.t.back() - h.t.front()) / 1000;
    const double between = h.size() > 1 ? sampled / static_cast<double>(h.size() - 1) : 0;
    const double threshold = between * 1.1;

    const Timestamp began = is_counter_ ? h.start_of(0) : 0;
    if (began != 0 && began > range_start && began < h.t.front()) {
      to_start = 0;
      sampled = static_cast<double>(h.t.back() - began) / 1000;
      if (!result)
        result = *h.v.front();
      else if (!notes.check(add(*result, *h.v.front()), texts::kAddition))
        return std::nullopt;
    } else if (!result) {
      return result;
    } else {
      if (to_start >= threshold) to_start = between / 2;
      if (is_counter_ && result->count > 0 && h.v.front()->count >= 0)
        to_start = std::min(to_start, sampled * (h.v.front()->count / result->count));
    }
    if (to_end >= threshold) to_end = between / 2;

    double factor = 1;
    if (sampled != 0) factor = (sampled + to_start + to_end) / sampled;
    if (per_second_) factor /= static_cast<double>(in.range) / 1000;
    multiply(*result, factor);
    return result;
  }

  /// Last less first, and what was lost at resets. At least two samples.
  std::optional<FloatHistogram> difference(const HistogramRun& h, HistogramNotes& notes) const {
    const FloatHistogram* first = h.v.front();
    const FloatHistogram* last = h.v.back();
    if (is_counter_ && (is_gauge(first) || is_gauge(last))) notes.not_a_counter();
    FloatHistogram zero;
    if (is_counter_ && (started_anew(h, 1) || was_reset(*h.v[1], *first))) {
      // The first sample counts for nothing, and its layout need not fit.
      zero.schema = h.v[1]->schema;
      zero.custom_values = h.v[1]->custom_values;
      first = &zero;
    }
    if (is_custom(first) != is_custom(last)) {
      notes.mixed_buckets();
      return std::nullopt;
    }
    const auto schema =
        is_counter_ ? coarsest_schema(h, first, notes) : std::optional(std::min(first->schema, last->schema));
    if (!schema) return std::nullopt;
    FloatHistogram result = in_resolution(*last, *schema);
    if (!notes.check(subtract(result, *first), texts::kSubtraction)) return std::nullopt;
    if (is_counter_) {
      if (!add_lost(h, first, result, notes)) return std::nullopt;
    } else if (!is_gauge(h.v.front()) || !is_gauge(last)) {
      notes.not_a_gauge();
    }
    result.hint = CounterResetHint::gauge;
    compact(result);
    return result;
  }

  static std::optional<std::int32_t> coarsest_schema(const HistogramRun& h, const FloatHistogram* first,
                                                     HistogramNotes& notes) {
    std::int32_t schema = std::min(first->schema, h.v.back()->schema);
    for (const FloatHistogram* now : h.v.subspan(1, h.size() - 2)) {
      if (is_gauge(now)) notes.not_a_counter();
      schema = std::min(schema, now->schema);
      if (is_custom(now) != is_custom(first)) {
        notes.forget();
        notes.mixed_buckets();
        return std::nullopt;
      }
    }
    return schema;
  }

  bool add_lost(const HistogramRun& h, const FloatHistogram* previous, FloatHistogram& result,
                HistogramNotes& notes) const {
    bool told_overlap = h.st.empty();
    for (std::size_t i = 1; i < h.size(); ++i) {
      if (!told_overlap && starts_overlap(h.st[i - 1], h.t[i - 1], h.st[i])) {
        notes.starts_overlap();
        told_overlap = true;
      }
      if (started_anew(h, i) || was_reset(*h.v[i], *previous)) {
        const auto added = add(result, *previous);
        if (!added) notes.forget();
        if (!notes.check(added, texts::kAddition)) return false;
      }
      previous = h.v[i];
    }
    return true;
  }

  bool is_counter_;
  bool per_second_;
  RangeCallSite site_;
};

/// irate and idelta: of the last two samples, whatever their kinds.
class LastTwoSamples final : public HistogramFunction {
 public:
  LastTwoSamples(bool is_rate, const RangeCallSite& site) : is_rate_(is_rate), site_(site) {}

  void at_step(const PartedSeries& series, const RangeInput& in, std::size_t step, StepColumn& out) override {
    HistogramNotes notes(site_, in.metric_name);
    const FloatRun floats = series.floats(step);
    const HistogramRun histograms = series.histograms(step);
    if (floats.size() + histograms.size() < 2) return;
    const auto [a, b] = last_two(floats, histograms);
    const double seconds = static_cast<double>(b.t - a.t) / 1000;
    if (a.t == b.t) return;
    if (!a.h && !b.h) {
      double result = b.v;
      if (!is_rate_ || !(b.v < a.v || is_start_timestamp_reset(a.st, a.t, b.st, b.t))) result = b.v - a.v;
      out.set(step, is_rate_ ? result / seconds : result);
    } else if (a.h && b.h) {
      if (auto result = difference(a, b, notes)) {
        if (is_rate_) divide(*result, seconds);
        out.set_histogram(step, std::move(*result));
      }
    } else {
      notes.mixed_kinds();
    }
    notes.tell();
  }

 private:
  struct Sample {
    Timestamp t = 0;
    Timestamp st = 0;
    double v = 0;
    const FloatHistogram* h = nullptr;
  };

  static std::pair<Sample, Sample> last_two(const FloatRun& floats, const HistogramRun& histograms) {
    std::size_t f = floats.size();
    std::size_t h = histograms.size();
    const auto take_last = [&] {
      if (f > 0 && (h == 0 || floats.t[f - 1] > histograms.t[h - 1])) {
        --f;
        return Sample{floats.t[f], floats.start_of(f), floats.v[f], nullptr};
      }
      --h;
      return Sample{histograms.t[h], histograms.start_of(h), 0, histograms.v[h]};
    };
    const Sample b = take_last();
    const Sample a = take_last();
    return {a, b};
  }

  std::optional<FloatHistogram> difference(const Sample& a, const Sample& b, HistogramNotes& notes) const {
    if (is_rate_ && (is_gauge(a.h) || is_gauge(b.h))) notes.not_a_counter();
    if (!is_rate_ && (!is_gauge(a.h) || !is_gauge(b.h))) notes.not_a_gauge();
    FloatHistogram result = *b.h;
    const bool anew = is_start_timestamp_reset(a.st, a.t, b.st, b.t) || was_reset(*b.h, *a.h);
    if ((!is_rate_ || !anew) && !notes.check(subtract(result, *a.h), texts::kSubtraction))
      return std::nullopt;
    result.hint = CounterResetHint::gauge;
    compact(result);
    return result;
  }

  bool is_rate_;
  RangeCallSite site_;
};

}  // namespace

HistogramFunctionPtr make_histogram_rate(FunctionId id, const RangeCallSite& site) {
  switch (id) {
    case FunctionId::irate:
    case FunctionId::idelta:
      return std::make_unique<LastTwoSamples>(id == FunctionId::irate, site);
    default:
      return std::make_unique<HistogramRate>(id != FunctionId::delta, id == FunctionId::rate, site);
  }
}

}  // namespace narthex::query

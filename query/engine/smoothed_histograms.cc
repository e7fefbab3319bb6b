#include "query/engine/smoothed_histograms.h"

#include <algorithm>

#include "model/value.h"
#include "query/engine/annotation_texts.h"
#include "query/histogram/interpolate.h"

namespace narthex::query {

namespace {

/// The samples of a series by kind, staleness markers left out.
struct Parted {
  std::vector<Timestamp> float_t;
  std::vector<double> floats;
  std::vector<TimedHistogram> histograms;

  explicit Parted(const storage::SampleColumns& samples) {
    auto h = samples.histograms.begin();
    for (std::size_t i = 0; i < samples.t.size(); ++i) {
      if (h != samples.histograms.end() && h->index == i) {
        if (!is_stale_nan(h->value.sum)) histograms.push_back({samples.t[i], &h->value});
        ++h;
      } else if (!is_stale_nan(samples.v[i])) {
        float_t.push_back(samples.t[i]);
        floats.push_back(samples.v[i]);
      }
    }
  }
};

/// Those after `from` and not after `to`.
template <class T, class TimeOf>
std::span<const T> inside(const std::vector<T>& all, Timestamp from, Timestamp to, TimeOf time_of) {
  const auto first = std::ranges::upper_bound(all, from, {}, time_of);
  const auto last = std::ranges::upper_bound(all, to, {}, time_of);
  return {first, last};
}

class Smoother {
 public:
  Smoother(const SelectorSpec& spec, std::string_view metric_name, const Annotator& annotator)
      : spec_(spec), metric_name_(metric_name), annotator_(annotator) {}

  void histogram(std::span<const TimedHistogram> h, Timestamp at, std::size_t step, StepColumn& out) const {
    const auto i =
        static_cast<std::size_t>(std::ranges::lower_bound(h, at, {}, &TimedHistogram::t) - h.begin());
    if (i < h.size() && h[i].t == at) return out.set_histogram(step, FloatHistogram(*h[i].h));
    if (i == 0) return;
    if (i == h.size()) {
      FloatHistogram last = *h[i - 1].h;
      last.hint = CounterResetHint::unknown;
      return out.set_histogram(step, std::move(last));
    }
    between(h[i - 1], h[i], at, step, out);
  }

  void warn_of_mix() const { annotator_.warn(texts::mixed_floats_histograms(metric_name_), spec_.span); }

 private:
  void between(const TimedHistogram& a, const TimedHistogram& b, Timestamp at, std::size_t step,
               StepColumn& out) const {
    const auto warn = [&] { annotator_.warn(texts::mixed_exponential_custom(metric_name_), spec_.span); };
    if (uses_custom_buckets(a.h->schema) != uses_custom_buckets(b.h->schema)) return warn();
    const bool is_counter = a.h->hint != CounterResetHint::gauge || b.h->hint != CounterResetHint::gauge;
    auto found = interpolate(a, b, at, is_counter);
    if (found.reconciled_in_subtraction)
      annotator_.info(texts::mismatched_custom_buckets(texts::kSubtraction), spec_.span);
    if (found.reconciled_in_addition)
      annotator_.info(texts::mismatched_custom_buckets(texts::kAddition), spec_.span);
    if (!found.value) return warn();
    out.set_histogram(step, std::move(*found.value));
  }

  const SelectorSpec& spec_;
  std::string_view metric_name_;
  const Annotator& annotator_;
};

void smooth_float(const Parted& all, Timestamp from, Timestamp to, Timestamp at, std::size_t step,
                  StepColumn& out) {
  const auto& t = all.float_t;
  const auto i = static_cast<std::size_t>(std::ranges::lower_bound(t, at) - t.begin());
  const bool has_next = i < t.size() && t[i] <= to;
  const bool has_previous = i > 0 && t[i - 1] > from;
  if (has_next && t[i] == at) return out.set(step, all.floats[i]);
  if (!has_previous) return;
  if (!has_next) return out.set(step, all.floats[i - 1]);
  const double a = all.floats[i - 1];
  const double share = static_cast<double>(at - t[i - 1]);
  out.set(step, a + (all.floats[i] - a) * share / static_cast<double>(t[i] - t[i - 1]));
}

}  // namespace

void smooth_histograms(const EvalContext& context, const SelectorSpec& spec,
                       const storage::SampleColumns& samples, std::string_view metric_name,
                       const Annotator& annotator, StepColumn& out) {
  const Parted all(samples);
  const Smoother smoother(spec, metric_name, annotator);
  const auto lookback = context.query.lookback;
  for (std::size_t step = 0; step < out.values.size(); ++step) {
    const Timestamp at = spec.look_at(context.steps.at(step));
    const auto histograms = inside(all.histograms, at - lookback, at + lookback, &TimedHistogram::t);
    const auto floats = inside(all.float_t, at - lookback, at + lookback, std::identity{});
    if (histograms.empty())
      smooth_float(all, at - lookback, at + lookback, at, step, out);
    else if (floats.empty())
      smoother.histogram(histograms, at, step, out);
    else
      smoother.warn_of_mix();
  }
}

}  // namespace narthex::query

// rate, increase, delta: the difference over a window, extrapolated to its bounds; irate and
// idelta: the last two samples.
//
// What the times alone decide is worked out once for all series with the same times. Resets of a counter are
// found once per series; a window then costs its first and last sample and the resets inside it. Their values
// are added in order: a running sum of corrections would give other last bits than Prometheus.
//
// Source: Prometheus promql/functions.go, extrapolatedRate, instantValue
#include <limits>

#include "query/functions/range_functions.h"

namespace narthex::query {

namespace {

/// Positions in a series, asked for windows that slide forward.
class Positions {
 public:
  void clear() {
    at_.clear();
    next_ = 0;
  }
  void add(std::uint32_t at) { at_.push_back(at); }
  /// Those after `first` and before `last`.
  std::span<const std::uint32_t> between(std::uint32_t first, std::uint32_t last) {
    while (next_ < at_.size() && at_[next_] <= first) ++next_;
    std::size_t end = next_;
    while (end < at_.size() && at_[end] < last) ++end;
    return std::span(at_).subspan(next_, end - next_);
  }

 private:
  std::vector<std::uint32_t> at_;
  std::size_t next_ = 0;
};

/// Windows in a row that lie to their samples alike: mostly all but the first few, where scrapes are regular.
/// Their divisions are made once.
struct Stretch {
  std::size_t begin;  ///< steps [begin, end); no window is empty
  std::size_t end;

  // Milliseconds.
  DurationMs before;   ///< from the window's start to its first sample
  DurationMs between;  ///< first and last sample
  DurationMs after;    ///< from the last sample to the window's end
  std::uint32_t intervals;

  // Seconds.
  double sampled;
  double to_start;  ///< how far the slope is taken to go on before the first sample
  double to_end;
  double factor;

  [[nodiscard]] bool goes_on_with(DurationMs b, DurationMs s, DurationMs a, std::uint32_t n) const {
    return before == b && between == s && after == a && intervals == n;
  }
};

class Rate final : public RangeFunction {
 public:
  Rate(bool is_counter, bool per_second, const RangeCallSite& site)
      : is_counter_(is_counter), per_second_(per_second), site_(site) {}

  Result<void> run(const RangeInput& in, StepColumn& out) override {
    if (in.cut == 0 || in.cut != stretches_of_) measure(in);
    const bool is_plain = !is_counter_ || (in.st.empty() && !ever_falls(in.v));
    if (!is_plain) find_resets(in);
    for (const Stretch& stretch : stretches_) {
      if (is_plain)
        over_plain(in, stretch, out);
      else
        for (std::size_t step = stretch.begin; step < stretch.end; ++step) at_step(in, stretch, step, out);
    }
    return {};
  }

  [[nodiscard]] std::uint64_t size_bytes() const override { return stretches_.capacity() * sizeof(Stretch); }

 private:
  /// Finds the stretches of windows.
  void measure(const RangeInput& in) {
    stretches_.clear();
    stretches_of_ = in.cut;
    for (std::size_t step = 0; step < in.windows.size(); ++step) {
      if (in.windows[step].empty()) continue;
      const auto first = in.windows[step].first;
      const auto newest = in.windows[step].last - 1;
      const DurationMs before = in.t[first] - in.window_start(step);
      const DurationMs between = in.t[newest] - in.t[first];
      const DurationMs after = in.window_end(step) - in.t[newest];
      if (!stretches_.empty() && stretches_.back().end == step &&
          stretches_.back().goes_on_with(before, between, after, newest - first))
        ++stretches_.back().end;
      else
        stretches_.push_back(
            extrapolated({step, step + 1, before, between, after, newest - first, 0, 0, 0, 0}, in.range));
    }
  }

  [[nodiscard]] Stretch extrapolated(Stretch s, DurationMs range) const {
    s.sampled = static_cast<double>(s.between) / 1000;
    s.to_start = static_cast<double>(s.before) / 1000;
    s.to_end = static_cast<double>(s.after) / 1000;
    const double interval = s.intervals > 0 ? s.sampled / static_cast<double>(s.intervals) : 0;
    const double threshold = interval * 1.1;
    // Samples that come regularly up to the bound are taken to go on beyond it; otherwise the series is taken
    // to start half an interval before its first sample.
    if (s.to_start >= threshold) s.to_start = interval / 2;
    if (s.to_end >= threshold) s.to_end = interval / 2;
    s.factor = factor_of(s.sampled, s.to_start, s.to_end, range);
    return s;
  }

  [[nodiscard]] double factor_of(double sampled, double to_start, double to_end, DurationMs range) const {
    double factor = 1;
    if (sampled != 0) factor = (sampled + to_start + to_end) / sampled;
    if (per_second_) factor /= static_cast<double>(range) / 1000;
    return factor;
  }

  /// Most counters do not, and this is said faster than where they do.
  static bool ever_falls(std::span<const double> v) {
    bool falls = false;
    for (std::size_t i = 1; i < v.size(); ++i) falls |= v[i] < v[i - 1];
    return falls;
  }

  void find_resets(const RangeInput& in) {
    resets_.clear();
    overlaps_.clear();
    for (std::uint32_t i = 1; i < in.v.size(); ++i) {
      const bool started_anew =
          !in.st.empty() && is_start_timestamp_reset(in.st[i - 1], in.t[i - 1], in.st[i], in.t[i]);
      if (in.v[i] < in.v[i - 1] || started_anew) resets_.add(i);
      if (!in.st.empty() && starts_overlap(in.st[i - 1], in.t[i - 1], in.st[i])) overlaps_.add(i);
    }
  }

  /// The windows of a series without resets and start timestamps. hot: bench/query.py
  void over_plain(const RangeInput& in, const Stretch& stretch, StepColumn& out) const {
    if (stretch.intervals == 0) return;
    // Raised by more than what rounding can do, so that a division need not say how far zero is.
    const double to_start = stretch.to_start * (1 + 1e-9);
    constexpr double kLeast = std::numeric_limits<double>::min();
    for (std::size_t step = stretch.begin; step < stretch.end; ++step) {
      const double from = in.v[in.windows[step].first];
      const double risen = in.v[in.windows[step].last - 1] - from;
      double factor = stretch.factor;
      if (is_counter_ && !(from * stretch.sampled > to_start * risen + kLeast))
        factor = factor_above_zero(stretch, from, risen, in.range);
      out.values[step] = risen * factor;
    }
    out.present.set_range(stretch.begin, stretch.end);
  }

  /// A counter is not below zero: not further back than where its slope meets zero.
  [[nodiscard]] double factor_above_zero(const Stretch& stretch, double from, double risen,
                                         DurationMs range) const {
    if (!(risen > 0 && from >= 0)) return stretch.factor;
    const double to_zero = stretch.sampled * (from / risen);
    if (!(to_zero < stretch.to_start)) return stretch.factor;
    return factor_of(stretch.sampled, to_zero, stretch.to_end, range);
  }

  /// Of a counter with resets or start timestamps.
  void at_step(const RangeInput& in, const Stretch& stretch, std::size_t step, StepColumn& out) {
    const auto [first, last] = in.windows[step];
    const std::uint32_t newest = last - 1;
    double risen = in.v[newest] - in.v[first];
    for (const auto reset : resets_.between(first, last)) risen += in.v[reset - 1];
    if (!overlaps_.between(first, last).empty())
      site_.annotator.start_time_overlap(in.metric_name, site_.first_argument);

    const Timestamp began = in.st.empty() ? 0 : in.st[first];
    if (began != 0 && began > in.window_start(step) && began < in.t[first]) {
      // The counter was zero inside the window: no need to guess its start.
      const double sampled = static_cast<double>(in.t[newest] - began) / 1000;
      out.set(step, (risen + in.v[first]) * factor_of(sampled, 0, stretch.to_end, in.range));
    } else if (newest != first) {
      out.set(step, risen * factor_above_zero(stretch, in.v[first], risen, in.range));
    }
  }

  bool is_counter_;
  bool per_second_;
  RangeCallSite site_;
  Positions resets_;
  Positions overlaps_;
  std::vector<Stretch> stretches_;  ///< of all windows but the empty ones
  std::uint64_t stretches_of_ = 0;  ///< the cut they were found in
};

class LastTwo final : public RangeFunction {
 public:
  explicit LastTwo(bool is_rate) : is_rate_(is_rate) {}

  Result<void> run(const RangeInput& in, StepColumn& out) override {
    for (std::size_t step = 0; step < in.windows.size(); ++step) {
      if (in.windows[step].size() < 2) continue;
      const auto b = in.windows[step].last - 1;
      const auto a = b - 1;
      double result = in.v[b];
      if (!is_rate_ || !was_reset(in, a, b)) result = in.v[b] - in.v[a];
      if (is_rate_) result /= static_cast<double>(in.t[b] - in.t[a]) / 1000;
      out.set(step, result);
    }
    return {};
  }

 private:
  static bool was_reset(const RangeInput& in, std::uint32_t a, std::uint32_t b) {
    return in.v[b] < in.v[a] ||
           (!in.st.empty() && is_start_timestamp_reset(in.st[a], in.t[a], in.st[b], in.t[b]));
  }

  bool is_rate_;
};

}  // namespace

RangeFunctionPtr make_rate_function(FunctionId id, const RangeCallSite& site) {
  switch (id) {
    case FunctionId::irate:
      return std::make_unique<LastTwo>(true);
    case FunctionId::idelta:
      return std::make_unique<LastTwo>(false);
    default:
      return std::make_unique<Rate>(id != FunctionId::delta, id == FunctionId::rate, site);
  }
}

}  // namespace narthex::query

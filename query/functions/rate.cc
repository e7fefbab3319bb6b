// rate, increase, delta: the difference over a window, extrapolated to its bounds; irate and
// idelta: the last two samples.
//
// Resets of a counter are found once per series; a window then costs its first and last
// sample and the resets inside it. Their values are added in order: a running sum of
// corrections would give other last bits than Prometheus.
// Source: Prometheus promql/functions.go, extrapolatedRate, instantValue
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

class Rate final : public RangeFunction {
 public:
  Rate(bool is_counter, bool per_second, const RangeCallSite& site)
      : is_counter_(is_counter), per_second_(per_second), site_(site) {}

  Result<void> run(const RangeInput& in, StepColumn& out) override {
    if (is_counter_) find_resets(in);
    for (std::size_t step = 0; step < in.windows.size(); ++step)
      if (!in.windows[step].empty()) at_step(in, step, out);
    return {};
  }

 private:
  void find_resets(const RangeInput& in) {
    resets_.clear();
    overlaps_.clear();
    if (in.st.empty() && !ever_falls(in.v)) return;
    for (std::uint32_t i = 1; i < in.v.size(); ++i) {
      const bool started_anew =
          !in.st.empty() && is_start_timestamp_reset(in.st[i - 1], in.t[i - 1], in.st[i], in.t[i]);
      if (in.v[i] < in.v[i - 1] || started_anew) resets_.add(i);
      if (!in.st.empty() && starts_overlap(in.st[i - 1], in.t[i - 1], in.st[i])) overlaps_.add(i);
    }
  }

  /// Most counters do not, and this is said faster than where they do.
  static bool ever_falls(std::span<const double> v) {
    bool falls = false;
    for (std::size_t i = 1; i < v.size(); ++i) falls |= v[i] < v[i - 1];
    return falls;
  }

  /// What the times of a window alone decide. Those of neighbouring windows are mostly the same to the
  /// millisecond, and divisions are what a window costs.
  struct Extrapolation {
    // Milliseconds.
    DurationMs before = -1;  ///< from the window's start to its first sample; never below 0
    DurationMs between = 0;  ///< first and last sample
    DurationMs after = 0;    ///< from the last sample to the window's end
    std::uint32_t intervals = 0;

    // Seconds.
    double sampled = 0;
    double to_start = 0;
    double to_end = 0;
    double factor = 0;

    [[nodiscard]] bool is_of(DurationMs b, DurationMs s, DurationMs a, std::uint32_t n) const {
      return before == b && between == s && after == a && intervals == n;
    }
  };

  [[nodiscard]] double factor_of(double sampled, double to_start, double to_end, DurationMs range) const {
    double factor = 1;
    if (sampled != 0) factor = (sampled + to_start + to_end) / sampled;
    if (per_second_) factor /= static_cast<double>(range) / 1000;
    return factor;
  }

  void extrapolate(DurationMs before, DurationMs between, DurationMs after, std::uint32_t intervals,
                   DurationMs range) {
    Extrapolation& e = last_;
    e = {before, between, after, intervals};
    e.sampled = static_cast<double>(between) / 1000;
    e.to_start = static_cast<double>(before) / 1000;
    e.to_end = static_cast<double>(after) / 1000;
    const double interval = intervals > 0 ? e.sampled / static_cast<double>(intervals) : 0;
    const double threshold = interval * 1.1;
    // Samples that come regularly up to the bound are taken to go on beyond it; otherwise the series is taken
    // to start half an interval before its first sample.
    if (e.to_start >= threshold) e.to_start = interval / 2;
    if (e.to_end >= threshold) e.to_end = interval / 2;
    e.factor = factor_of(e.sampled, e.to_start, e.to_end, range);
  }

  /// hot: bench/query.py
  void at_step(const RangeInput& in, std::size_t step, StepColumn& out) {
    const auto [first, last] = in.windows[step];
    const std::uint32_t newest = last - 1;
    double result = in.v[newest] - in.v[first];
    if (is_counter_) {
      for (const auto reset : resets_.between(first, last)) result += in.v[reset - 1];
      if (!overlaps_.between(first, last).empty())
        site_.annotator.collector().add_start_time_overlap(in.metric_name, site_.first_argument);
    }
    const Timestamp start = in.window_start(step);
    const DurationMs before = in.t[first] - start;
    const DurationMs between = in.t[newest] - in.t[first];
    const DurationMs after = in.window_end(step) - in.t[newest];
    if (!last_.is_of(before, between, after, newest - first))
      extrapolate(before, between, after, newest - first, in.range);

    const Timestamp began = is_counter_ && !in.st.empty() ? in.st[first] : 0;
    if (began != 0 && began > start && began < in.t[first]) {
      // The counter was zero inside the window: no need to guess its start.
      const double sampled = static_cast<double>(in.t[newest] - began) / 1000;
      out.set(step, (result + in.v[first]) * factor_of(sampled, 0, last_.to_end, in.range));
      return;
    }
    if (newest == first) return;
    double factor = last_.factor;
    if (is_counter_ && result > 0 && in.v[first] >= 0) {
      // A counter is not below zero: not further back than where its slope meets zero.
      const double to_zero = last_.sampled * (in.v[first] / result);
      if (to_zero < last_.to_start) factor = factor_of(last_.sampled, to_zero, last_.to_end, in.range);
    }
    out.set(step, result * factor);
  }

  bool is_counter_;
  bool per_second_;
  RangeCallSite site_;
  Positions resets_;
  Positions overlaps_;
  Extrapolation last_;  ///< of the window before
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

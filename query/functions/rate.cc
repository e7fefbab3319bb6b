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
    for (std::uint32_t i = 1; i < in.v.size(); ++i) {
      const bool started_anew =
          !in.st.empty() && is_start_timestamp_reset(in.st[i - 1], in.t[i - 1], in.st[i], in.t[i]);
      if (in.v[i] < in.v[i - 1] || started_anew) resets_.add(i);
      if (!in.st.empty() && starts_overlap(in.st[i - 1], in.t[i - 1], in.st[i])) overlaps_.add(i);
    }
  }

  void at_step(const RangeInput& in, std::size_t step, StepColumn& out) {
    const auto [first, last] = in.windows[step];
    const std::uint32_t newest = last - 1;
    const Timestamp range_start = in.window_start(step);
    double result = in.v[newest] - in.v[first];
    if (is_counter_) {
      for (const auto reset : resets_.between(first, last)) result += in.v[reset - 1];
      if (!overlaps_.between(first, last).empty())
        site_.annotator.collector().add_start_time_overlap(in.metric_name, site_.first_argument);
    }
    double to_start = static_cast<double>(in.t[first] - range_start) / 1000;
    double to_end = static_cast<double>(in.window_end(step) - in.t[newest]) / 1000;
    double sampled = static_cast<double>(in.t[newest] - in.t[first]) / 1000;
    const double between = newest > first ? sampled / static_cast<double>(newest - first) : 0;
    const double threshold = between * 1.1;

    const Timestamp began = is_counter_ && !in.st.empty() ? in.st[first] : 0;
    if (began != 0 && began > range_start && began < in.t[first]) {
      // The counter was zero inside the window: no need to guess its start.
      to_start = 0;
      sampled = static_cast<double>(in.t[newest] - began) / 1000;
      result += in.v[first];
    } else if (newest == first) {
      return;
    } else {
      // Samples that come regularly up to the bound are taken to go on beyond it; otherwise
      // the series is taken to start half an interval before its first sample.
      if (to_start >= threshold) to_start = between / 2;
      if (is_counter_ && result > 0 && in.v[first] >= 0) {
        // A counter is not below zero: not further back than where its slope meets zero.
        const double to_zero = sampled * (in.v[first] / result);
        if (to_zero < to_start) to_start = to_zero;
      }
    }
    if (to_end >= threshold) to_end = between / 2;

    double factor = 1;
    if (sampled != 0) factor = (sampled + to_start + to_end) / sampled;
    if (per_second_) factor /= static_cast<double>(in.range) / 1000;
    out.set(step, result * factor);
  }

  bool is_counter_;
  bool per_second_;
  RangeCallSite site_;
  Positions resets_;
  Positions overlaps_;
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

#include "query/engine/selector.h"

#include <algorithm>

#include "model/value.h"

namespace narthex::query {

namespace {

/// Series of the store, read one after another.
class SeriesReader {
 public:
  SeriesReader(EvalContext& context, const SelectorSpec& spec) : query_(context.query), spec_(spec) {}

  Result<std::vector<SeriesInfo>> open(TimeRange range) {
    range_ = range;
    const std::size_t pool_bytes = query_.pool.size_bytes();
    auto selected = query_.querier.select(range, spec_.matchers, query_.pool, {});
    if (!selected) return pass(selected, "expanding series");
    set_ = std::move(*selected);
    std::vector<SeriesInfo> series;
    series.reserve(set_->size());
    std::size_t bytes = set_->size() * sizeof(SeriesInfo) + query_.pool.size_bytes() - pool_bytes;
    for (std::size_t i = 0; i < set_->size(); ++i) {
      const auto labels = set_->labels(i);
      bytes += labels.size() * sizeof(PairId);
      series.push_back({LabelIds(labels.begin(), labels.end()), false});
    }
    if (auto charged = share_.add(0, bytes); !charged) return pass(charged);
    return series;
  }

  /// @return  false after the last series
  Result<bool> next(storage::SampleColumns& out) {
    out.clear();
    if (!set_ || next_ == set_->size()) return false;
    if (auto going_on = query_.deadline.check(); !going_on) return pass(going_on);
    if (auto read = set_->samples(next_++, range_, out); !read) return pass(read, "expanding series");
    const auto bytes = (out.t.capacity() + out.v.capacity() + out.st.capacity()) * sizeof(double);
    if (auto charged = buffers_.set_bytes(bytes); !charged) return pass(charged);
    return true;
  }

 private:
  QueryState& query_;
  const SelectorSpec& spec_;
  TimeRange range_;
  std::unique_ptr<storage::SeriesSet> set_;
  std::size_t next_ = 0;
  BudgetShare share_{query_.budget};
  BudgetShare buffers_{query_.budget};
};

class InstantSelector final : public VectorOperator {
 public:
  InstantSelector(EvalContext& context, SelectorSpec spec, InstantValue what)
      : context_(context), spec_(std::move(spec)), what_(what), reader_(context, spec_) {}

  Result<std::vector<SeriesInfo>> open() override {
    const auto lookback = context_.query.lookback;
    TimeRange range{spec_.look_at(context_.steps.start) - lookback + 1,
                    spec_.look_at(context_.steps.last()) + (spec_.smoothed ? lookback : 0)};
    return reader_.open(range);
  }

  Result<bool> next(StepColumn& out) override {
    auto more = reader_.next(samples_);
    if (!more || !*more) return more;
    out.reset(context_.steps.count());
    if (spec_.smoothed)
      interpolate(out);
    else
      look_back(out);
    if (auto fits = context_.query.budget.check_passing(out.present.count()); !fits) return pass(fits);
    return true;
  }

 private:
  void look_back(StepColumn& out) {
    const auto& t = samples_.t;
    const auto lookback = context_.query.lookback;
    std::size_t after = 0;  // the first sample later than the step looks at
    for (std::size_t step = 0; step < out.values.size(); ++step) {
      const Timestamp at = spec_.look_at(context_.steps.at(step));
      while (after < t.size() && t[after] <= at) ++after;
      if (after == 0 || t[after - 1] <= at - lookback) continue;
      const std::size_t found = after - 1;
      if (is_stale_nan(samples_.v[found]) || is_histogram(found)) continue;
      context_.stats.add_sample(step);
      if (what_ == InstantValue::start_timestamp && !context_.query.use_start_timestamps) continue;
      out.set(step, shown(found));
    }
  }

  [[nodiscard]] double shown(std::size_t found) const {
    switch (what_) {
      case InstantValue::value:
        return samples_.v[found];
      case InstantValue::timestamp:
        return static_cast<double>(samples_.t[found]) / 1000;
      case InstantValue::start_timestamp:
        return samples_.st.empty() ? 0 : static_cast<double>(samples_.st[found]) / 1000;
      case InstantValue::timestamp_in_ms:
        return static_cast<double>(samples_.t[found]);
    }
    return 0;
  }

  /// smoothed: on the line between the samples around the time looked at.
  void interpolate(StepColumn& out) {
    drop_stale();
    const auto& t = samples_.t;
    const auto lookback = context_.query.lookback;
    std::size_t next = 0;  // the first sample not before the time looked at
    for (std::size_t step = 0; step < out.values.size(); ++step) {
      const Timestamp at = spec_.look_at(context_.steps.at(step));
      while (next < t.size() && t[next] < at) ++next;
      const bool has_next = next < t.size() && t[next] <= at + lookback;
      const bool has_previous = next > 0 && t[next - 1] > at - lookback;
      if (has_next && t[next] == at)
        out.set(step, samples_.v[next]);
      else if (has_previous && has_next)
        out.set(step, samples_.v[next - 1] + (samples_.v[next] - samples_.v[next - 1]) *
                                                 static_cast<double>(at - t[next - 1]) /
                                                 static_cast<double>(t[next] - t[next - 1]));
      else if (has_previous)
        out.set(step, samples_.v[next - 1]);
    }
  }

  void drop_stale() {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < samples_.t.size(); ++i) {
      if (is_stale_nan(samples_.v[i]) || is_histogram(i)) continue;
      samples_.t[kept] = samples_.t[i];
      samples_.v[kept++] = samples_.v[i];
    }
    samples_.t.resize(kept);
    samples_.v.resize(kept);
  }

  [[nodiscard]] bool is_histogram(std::size_t i) const {
    return !samples_.histograms.empty() &&
           std::ranges::binary_search(samples_.histograms, i, {}, &storage::HistogramSample::index);
  }

  EvalContext& context_;
  SelectorSpec spec_;
  InstantValue what_;
  SeriesReader reader_;
  storage::SampleColumns samples_;
};

class RangeSelector final : public RangeSource {
 public:
  RangeSelector(EvalContext& context, SelectorSpec spec, DurationMs range)
      : context_(context), spec_(std::move(spec)), range_(range), reader_(context, spec_) {}

  Result<std::vector<SeriesInfo>> open() override {
    const auto lookback = context_.query.lookback;
    const bool reaches_back = spec_.anchored || spec_.smoothed;
    return reader_.open({spec_.look_at(context_.steps.start) - range_ - (reaches_back ? lookback : 0) + 1,
                         spec_.look_at(context_.steps.last()) + (spec_.smoothed ? lookback : 0)});
  }

  Result<bool> next(storage::SampleColumns& out) override {
    auto more = reader_.next(out);
    if (!more || !*more) return more;
    drop_stale(out);
    return true;
  }

 private:
  static void drop_stale(storage::SampleColumns& samples) {
    std::size_t kept = 0;
    auto histogram = samples.histograms.begin();
    for (std::size_t i = 0; i < samples.t.size(); ++i) {
      if (histogram != samples.histograms.end() && histogram->index == i) {
        ++histogram;
        continue;
      }
      if (is_stale_nan(samples.v[i])) continue;
      if (kept != i) {
        samples.t[kept] = samples.t[i];
        samples.v[kept] = samples.v[i];
        if (!samples.st.empty()) samples.st[kept] = samples.st[i];
      }
      ++kept;
    }
    samples.t.resize(kept);
    samples.v.resize(kept);
    if (!samples.st.empty()) samples.st.resize(kept);
    samples.histograms.clear();
  }

  EvalContext& context_;
  SelectorSpec spec_;
  DurationMs range_;
  SeriesReader reader_;
};

}  // namespace

VectorOperatorPtr make_instant_selector(EvalContext& context, SelectorSpec spec, InstantValue what) {
  return std::make_unique<InstantSelector>(context, std::move(spec), what);
}

RangeSourcePtr make_range_selector(EvalContext& context, SelectorSpec spec, DurationMs range) {
  return std::make_unique<RangeSelector>(context, std::move(spec), range);
}

}  // namespace narthex::query

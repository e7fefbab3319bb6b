#include "query/engine/selector.h"

#include <algorithm>

#include "model/value.h"
#include "query/engine/smoothed_histograms.h"
#include "query/histogram/arithmetic.h"
#include "query/histogram/reset.h"

namespace narthex::query {

namespace {

/// Charges what a select takes to the query.
class ChargedSelect final : public storage::SelectBudget {
 public:
  explicit ChargedSelect(BudgetShare& share) : share_(share) {}
  Result<void> hold(std::uint64_t bytes) override { return share_.add(0, bytes); }

 private:
  BudgetShare& share_;
};

/// Series of the store, read one after another.
class SeriesReader {
 public:
  SeriesReader(EvalContext& context, const SelectorSpec& spec) : query_(context.query), spec_(spec) {}

  Result<std::vector<SeriesInfo>> open(TimeRange range) {
    range_ = range;
    for (const Matcher& m : spec_.matchers)
      if (m.regex())
        if (auto charged = share_.add(0, m.regex()->size_bytes()); !charged) return pass(charged);
    ChargedSelect budget(share_);
    auto selected = query_.querier.select(range, spec_.matchers, query_.pool, {.budget = &budget});
    // A limit is told as it is: its text begins with the place.
    if (!selected)
      return selected.error().code == Code::limit ? pass(selected) : pass(selected, "expanding series");
    set_ = std::move(*selected);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < set_->size(); ++i) bytes += label_list_bytes(set_->labels(i).size());
    if (auto charged = share_.add(0, bytes); !charged) return pass(charged);
    std::vector<SeriesInfo> series;
    series.reserve(set_->size());
    for (std::size_t i = 0; i < set_->size(); ++i) {
      const auto labels = set_->labels(i);
      series.push_back({LabelIds(labels.begin(), labels.end()), false});
    }
    return series;
  }

  /// @return  false after the last series
  Result<bool> next(storage::SampleColumns& out) {
    out.clear();
    if (!set_ || next_ == set_->size()) return false;
    if (auto going_on = query_.deadline.check(); !going_on) return pass(going_on);
    if (auto read = set_->samples(next_++, range_, out); !read) return pass(read, "expanding series");
    query_.budget.progress().read_series(out.t.size());
    if (spec_.stats_only && !out.histograms.empty()) keep_stats_only(out);
    auto bytes = (out.t.capacity() + out.v.capacity() + out.st.capacity()) * sizeof(double);
    for (const auto& h : out.histograms) bytes += sizeof(h.index) + counted_bytes(h.value);
    if (auto charged = buffers_.set_bytes(bytes); !charged) return pass(charged);
    return true;
  }

  /// Of the series that next() has read last.
  [[nodiscard]] std::span<const PairId> labels() const { return set_->labels(next_ - 1); }

 private:
  /// Buckets are forgotten; resets are told by the hints from here on.
  static void keep_stats_only(storage::SampleColumns& samples) {
    FloatHistogram previous;
    bool has_previous = false;
    for (auto& sample : samples.histograms) {
      FloatHistogram& h = sample.value;
      const bool is_stale = is_stale_nan(h.sum);
      FloatHistogram stats;
      stats.schema = h.schema;
      stats.hint = h.hint;
      stats.count = h.count;
      stats.sum = h.sum;
      if (!is_stale) {
        if (has_previous && h.hint == CounterResetHint::unknown)
          stats.hint = was_reset(h, previous) ? CounterResetHint::reset : CounterResetHint::not_reset;
        previous = std::move(h);
        has_previous = true;
      }
      h = std::move(stats);
    }
  }

  QueryState& query_;
  const SelectorSpec& spec_;
  TimeRange range_;
  std::unique_ptr<storage::SeriesSet> set_;
  std::size_t next_ = 0;
  BudgetShare share_{query_.budget};
  BudgetShare buffers_{query_.budget};
};

/// Finds histograms by their place among the samples; asked for in ascending order.
class HistogramCursor {
 public:
  explicit HistogramCursor(std::vector<storage::HistogramSample>& histograms) : histograms_(histograms) {}

  /// Takes the histogram out of the samples. Null: the sample is a float.
  HistogramPtr at(std::size_t sample) {
    while (next_ < histograms_.size() && histograms_[next_].index < sample) {
      ++next_;
      taken_.reset();
    }
    if (next_ == histograms_.size() || histograms_[next_].index != sample) return nullptr;
    if (!taken_) taken_ = std::make_shared<const FloatHistogram>(std::move(histograms_[next_].value));
    return taken_;
  }

 private:
  std::vector<storage::HistogramSample>& histograms_;
  std::size_t next_ = 0;
  HistogramPtr taken_;
};

class InstantSelector final : public VectorOperator {
 public:
  InstantSelector(EvalContext& context, SelectorSpec spec, InstantValue what)
      : context_(context),
        spec_(std::move(spec)),
        what_(what),
        reader_(context, spec_),
        annotator_(context.query.annotator()) {}

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
    if (spec_.smoothed) {
      if (samples_.histograms.empty())
        interpolate(out);
      else
        smooth_histograms(context_, spec_, samples_, metric_name(), annotator_, out);
    } else if (auto found = look_back(out); !found) {
      return pass(found);
    }
    if (auto fits = context_.query.budget.check_passing(out.count_samples()); !fits) return pass(fits);
    return true;
  }

 private:
  Result<void> look_back(StepColumn& out) {
    const auto& t = samples_.t;
    const auto lookback = context_.query.lookback;
    std::size_t after = 0;  // the first sample later than the step looks at
    HistogramCursor histograms(samples_.histograms);
    for (std::size_t step = 0; step < out.values.size(); ++step) {
      const Timestamp at =
          spec_.looks_at_bare_at && spec_.at ? *spec_.at : spec_.look_at(context_.steps.at(step));
      while (after < t.size() && t[after] <= at) ++after;
      if (after == 0 || t[after - 1] <= at - lookback) continue;
      const std::size_t found = after - 1;
      if (is_stale_nan(samples_.v[found])) continue;
      if (const auto h = histograms.at(found)) {
        if (is_stale_nan(h->sum)) continue;
        if (what_ == InstantValue::timestamp_in_ms)
          return fail(Code::execution, "this should be an info metric, with float samples: " +
                                           context_.query.pool.labels(reader_.labels()).to_string());
        if (what_ == InstantValue::value) {
          const auto counted = counted_samples(*h);
          context_.stats.add_total(step, counted);
          context_.stats.add_read(step, counted);
          out.set_histogram(step, h);
          continue;
        }
      }
      context_.stats.add_sample(step);
      if (what_ == InstantValue::start_timestamp && !context_.query.use_start_timestamps) continue;
      out.set(step, shown(found));
    }
    return {};
  }

  [[nodiscard]] std::string_view metric_name() const {
    return context_.query.pool.get(reader_.labels(), context_.query.metric_name);
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
      if (is_stale_nan(samples_.v[i])) continue;
      samples_.t[kept] = samples_.t[i];
      samples_.v[kept++] = samples_.v[i];
    }
    samples_.t.resize(kept);
    samples_.v.resize(kept);
  }

  EvalContext& context_;
  SelectorSpec spec_;
  InstantValue what_;
  SeriesReader reader_;
  Annotator annotator_;
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
    std::size_t kept_histograms = 0;
    std::size_t next_histogram = 0;
    for (std::size_t i = 0; i < samples.t.size(); ++i) {
      if (next_histogram < samples.histograms.size() && samples.histograms[next_histogram].index == i) {
        auto& h = samples.histograms[next_histogram++];
        if (is_stale_nan(h.value.sum)) continue;
        h.index = kept;
        if (kept_histograms + 1 != next_histogram) samples.histograms[kept_histograms] = std::move(h);
        ++kept_histograms;
      } else if (is_stale_nan(samples.v[i])) {
        continue;
      }
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
    samples.histograms.resize(kept_histograms);
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

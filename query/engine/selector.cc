#include "query/engine/selector.h"

#include <algorithm>

#include "model/value.h"
#include "query/engine/columns_ahead.h"
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
    auto selected = query_.querier.select(range, spec_.matchers, query_.pool,
                                          {.budget = &budget, .wanted_labels = spec_.wanted_labels});
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

  [[nodiscard]] std::size_t count() const { return set_ ? set_->size() : 0; }

  /// Overwrites `out`. Threads: any.
  Result<void> read(std::size_t i, storage::SampleColumns& out) const {
    out.clear();
    if (auto going_on = query_.deadline.check_often(i); !going_on) return going_on;
    if (auto read = set_->samples(i, range_, out); !read) return pass(read, "expanding series");
    if (spec_.stats_only && !out.histograms.empty()) keep_stats_only(out);
    return {};
  }

  [[nodiscard]] std::span<const PairId> labels(std::size_t i) const { return set_->labels(i); }

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
  BudgetShare share_{query_.budget};
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

/// What an instant selector sees of each series at each step.
class InstantColumnMaker final : public ColumnMaker {
 public:
  InstantColumnMaker(const EvalContext& context, const SelectorSpec& spec, InstantValue what,
                     const SeriesReader& reader, const Annotator& annotator)
      : context_(context), spec_(spec), what_(what), reader_(reader), annotator_(annotator) {}

  Result<void> make(std::size_t series, MadeColumn& out, MakerNotes& notes) override {
    if (auto read = reader_.read(series, samples_); !read) return read;
    out.samples_read = samples_.t.size();
    out.buffer_bytes = sample_bytes(samples_);
    StepColumn& column = out.column;
    column.reset(context_.steps.count());
    if (!spec_.smoothed) {
      if (auto found = look_back(series, column, notes.stats); !found) return found;
    } else if (samples_.histograms.empty()) {
      interpolate(column);
    } else {
      smooth_histograms(context_, spec_, samples_, metric_name(series), annotator_, column);
    }
    out.widest = column.count_samples();
    return {};
  }

 private:
  Result<void> look_back(std::size_t series, StepColumn& out, SampleStats& stats) {
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
                                           context_.query.pool.labels(reader_.labels(series)).to_string());
        if (what_ == InstantValue::value) {
          const auto counted = counted_samples(*h);
          stats.add_total(step, counted);
          stats.add_read(step, counted);
          out.set_histogram(step, h);
          continue;
        }
      }
      stats.add_sample(step);
      if (what_ == InstantValue::start_timestamp && !context_.query.use_start_timestamps) continue;
      out.set(step, shown(found));
    }
    return {};
  }

  [[nodiscard]] std::string_view metric_name(std::size_t series) const {
    return context_.query.pool.get(reader_.labels(series), context_.query.metric_name);
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
    drop_stale_floats();
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

  void drop_stale_floats() {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < samples_.t.size(); ++i) {
      if (is_stale_nan(samples_.v[i])) continue;
      samples_.t[kept] = samples_.t[i];
      samples_.v[kept++] = samples_.v[i];
    }
    samples_.t.resize(kept);
    samples_.v.resize(kept);
  }

  const EvalContext& context_;
  const SelectorSpec& spec_;
  const InstantValue what_;
  const SeriesReader& reader_;
  Annotator annotator_;
  storage::SampleColumns samples_;
};

class InstantSelector final : public VectorOperator {
 public:
  InstantSelector(EvalContext& context, SelectorSpec spec, InstantValue what)
      : context_(context),
        spec_(std::move(spec)),
        reader_(context, spec_),
        // Smoothing annotates, and info() names labels in its error: both belong to the query's thread.
        columns_(context,
                 spec_.smoothed || what == InstantValue::timestamp_in_ms ? Helpers::none : Helpers::welcome,
                 [this, what, annotator = context.query.annotator()] {
                   return std::make_unique<InstantColumnMaker>(context_, spec_, what, reader_, annotator);
                 }) {}

  Result<std::vector<SeriesInfo>> open() override {
    const auto lookback = context_.query.lookback;
    TimeRange range{spec_.look_at(context_.steps.start) - lookback + 1,
                    spec_.look_at(context_.steps.last()) + (spec_.smoothed ? lookback : 0)};
    auto series = reader_.open(range);
    if (series) columns_.open(series->size());
    return series;
  }

  Result<bool> next(StepColumn& out) override { return columns_.next(out); }

 private:
  EvalContext& context_;
  SelectorSpec spec_;
  SeriesReader reader_;
  ColumnsAhead columns_;
};

class RangeSelector final : public RangeSource, private SeriesReads {
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
    if (next_ == reader_.count()) return false;
    if (auto done = read(next_++, out); !done) return pass(done);
    context_.query.budget.progress().read_series(out.t.size());
    if (auto charged = buffers_.set_bytes(sample_bytes(out)); !charged) return pass(charged);
    return true;
  }

  [[nodiscard]] const SeriesReads* reads() const override { return this; }

 private:
  Result<void> read(std::size_t i, storage::SampleColumns& out) const override {
    if (auto done = reader_.read(i, out); !done) return done;
    if (has_stale(out)) drop_stale(out);
    return {};
  }

  static bool has_stale(const storage::SampleColumns& samples) {
    bool any = !samples.histograms.empty();
    for (const double v : samples.v) any |= is_stale_nan(v);
    return any;
  }

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
  std::size_t next_ = 0;
  BudgetShare buffers_{context_.query.budget};
};

}  // namespace

VectorOperatorPtr make_instant_selector(EvalContext& context, SelectorSpec spec, InstantValue what) {
  return std::make_unique<InstantSelector>(context, std::move(spec), what);
}

RangeSourcePtr make_range_selector(EvalContext& context, SelectorSpec spec, DurationMs range) {
  return std::make_unique<RangeSelector>(context, std::move(spec), range);
}

}  // namespace narthex::query

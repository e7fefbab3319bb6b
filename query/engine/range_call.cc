#include "query/engine/range_call.h"

#include <fmt/format.h>

#include <algorithm>

#include "query/engine/columns_ahead.h"
#include "query/engine/label_ops.h"
#include "query/histogram/arithmetic.h"

namespace narthex::query {

namespace {

/// The windows of one series, and the most samples that lie in one.
struct CutWindows {
  std::span<const WindowBounds> bounds;
  std::uint64_t widest = 0;
};

/// Cuts the windows of one series and counts the samples in them.
class WindowCutter {
 public:
  WindowCutter(const Steps& steps, const WindowShape& shape)
      : steps_(steps), shape_(shape), windows_(steps.count()) {}

  /// Valid until the next call.
  CutWindows cut(const storage::SampleColumns& samples, SampleStats& stats) {
    // Series of one target have their samples at the same times, and mostly follow each other.
    if (!std::ranges::equal(samples.t, times_)) {
      times_.assign(samples.t.begin(), samples.t.end());
      if (shape_.at)
        slide(times_, *shape_.at - shape_.offset, 0);
      else
        slide(times_, steps_.start - shape_.offset, steps_.interval);
    }
    if (samples.histograms.empty()) return {windows_, count(stats, [](std::uint32_t i) { return i; })};
    weigh(samples);
    return {windows_, count(stats, [this](std::uint32_t i) { return weights_[i]; })};
  }
  [[nodiscard]] std::uint64_t size_bytes() const {
    return windows_.capacity() * sizeof(WindowBounds) + times_.capacity() * sizeof(Timestamp) +
           weights_.capacity() * sizeof(std::uint64_t);
  }

 private:
  /// @param end  of the first window. hot: bench/query.py
  void slide(std::span<const Timestamp> t, Timestamp end, DurationMs interval) {
    const DurationMs width = shape_.range + shape_.before + shape_.after;
    Timestamp until = end + shape_.after;
    WindowBounds w;
    std::uint32_t last_stride = 0;
    std::uint32_t first_stride = 0;
    for (WindowBounds& out : windows_) {
      w.last = behind(t, w.last, until, last_stride);
      w.first = behind(t, w.first, until - width, first_stride);
      out = w;
      until += interval;
    }
  }

  /// The first sample behind `limit`, from one on before which all are not. Scrapes are regular: mostly it is
  /// as far as the time before. @param stride  how far that was; set to how far it is
  static std::uint32_t behind(std::span<const Timestamp> t, std::uint32_t from, Timestamp limit,
                              std::uint32_t& stride) {
    const auto size = static_cast<std::uint32_t>(t.size());
    std::uint32_t to = from + stride;
    if (to < size && t[to] > limit && (stride == 0 || t[to - 1] <= limit)) return to;
    for (to = from; to < size && t[to] <= limit;) ++to;
    stride = to - from;
    return to;
  }

  /// How many samples count for each histogram, added up along the series.
  void weigh(const storage::SampleColumns& samples) {
    weights_.clear();
    weights_.reserve(samples.t.size() + 1);
    weights_.push_back(0);
    auto h = samples.histograms.begin();
    for (std::size_t i = 0; i < samples.t.size(); ++i) {
      const bool is_histogram = h != samples.histograms.end() && h->index == i;
      weights_.push_back(weights_.back() + (is_histogram ? counted_samples((h++)->value) : 1));
    }
  }

  /// Counts the samples in the windows. @param before  what the samples before one count together
  /// @return  what the fullest window counts. hot: bench/query.py
  template <class Before>
  std::uint64_t count(SampleStats& stats, Before before) const {
    std::uint64_t widest = 0;
    std::uint64_t total = 0;
    std::uint64_t read = 0;
    std::uint32_t read_until = 0;
    const bool keeps_steps = stats.keeps_steps();
    for (std::size_t step = 0; step < windows_.size(); ++step) {
      const WindowBounds w = windows_[step];
      if (w.empty()) continue;
      const std::uint64_t all = before(w.last) - before(w.first);
      const std::uint64_t fresh = is_read(step) ? before(w.last) - before(std::max(w.first, read_until)) : 0;
      widest = std::max(widest, all);
      total += all;
      read += fresh;
      if (keeps_steps) stats.add_steps_own(step, all, fresh);
      read_until = w.last;
    }
    stats.add(total, read);
    return widest;
  }
  /// Samples of a subquery are counted where it reads them, those at `@` once.
  [[nodiscard]] bool is_read(std::size_t step) const {
    return !shape_.from_subquery && (step == 0 || !shape_.at);
  }

  const Steps& steps_;
  const WindowShape& shape_;
  std::vector<WindowBounds> windows_;
  std::vector<Timestamp> times_;        ///< that the windows were cut of
  std::vector<std::uint64_t> weights_;  ///< empty: every sample counts one
};

/// As without_metric_name(), in place.
void remove_metric_name(const QueryState& query, LabelIds& labels) {
  std::erase_if(labels, [&](PairId pair) {
    const NameId name = query.pool.name_of(pair);
    return name == query.metric_name || name == query.type_label || name == query.unit_label;
  });
}

bool keeps_name(FunctionId id) {
  return id == FunctionId::last_over_time || id == FunctionId::first_over_time;
}

bool expects_counter(FunctionId id) {
  return id == FunctionId::rate || id == FunctionId::increase;
}

bool named_like_counter(std::string_view name) {
  return name.ends_with("_total") || name.ends_with("_sum") || name.ends_with("_count") ||
         name.ends_with("_bucket");
}

/// Runs the function over the windows of one series after another.
class RangeColumnMaker final : public ColumnMaker {
 public:
  /// @param reads  null where only from_samples() is called
  RangeColumnMaker(const EvalContext& context, const RangeCallParts& parts,
                   const std::vector<std::vector<double>>& scalars,
                   const std::vector<std::string_view>& names, const SeriesReads* reads)
      : context_(context),
        shape_(parts.shape),
        names_(names),
        reads_(reads),
        function_(parts.make_function(annotations_)),
        ready_(function_ ? function_->prepare(scalars)
                         : Result<void>(fail(Code::internal, "the function takes no range vector"))),
        cutter_(context.steps, parts.shape) {}

  /// Whether the arguments may be what they are; the same for all makers of a call. Errors: execution.
  [[nodiscard]] Result<void> ready() const { return ready_; }

  Result<void> make(std::size_t series, MadeColumn& out, MakerNotes& notes) override {
    if (auto read = reads_->read(series, samples_); !read) return read;
    out.samples_read = samples_.t.size();
    return from_samples(series, samples_, out, notes);
  }

  Result<void> from_samples(std::size_t series, const storage::SampleColumns& samples, MadeColumn& out,
                            MakerNotes& notes) {
    out.column.reset(context_.steps.count());
    const CutWindows windows = cutter_.cut(samples, notes.stats);
    out.widest = windows.widest;
    out.buffer_bytes = sample_bytes(samples) + cutter_.size_bytes();
    std::span<const Timestamp> starts;
    if (context_.query.use_start_timestamps) starts = samples.st;
    const RangeInput in{samples.t,    samples.v,     starts,    windows.bounds, context_.steps,
                        shape_.range, shape_.offset, shape_.at, names_[series], samples.histograms};
    auto ran = function_->run(in, out.column);
    notes.annotations.take(annotations_);
    return ran;
  }

 private:
  const EvalContext& context_;
  const WindowShape& shape_;
  const std::vector<std::string_view>& names_;
  const SeriesReads* reads_;
  AnnotationCollector annotations_;
  RangeFunctionPtr function_;  ///< annotates there
  Result<void> ready_;
  WindowCutter cutter_;
  storage::SampleColumns samples_;
};

class RangeCall final : public VectorOperator {
 public:
  RangeCall(EvalContext& context, RangeCallParts parts)
      : context_(context),
        parts_(std::move(parts)),
        annotator_(context.query.annotator()),
        place_(context.query.budget.place()),
        columns_(context, Helpers::welcome, [this] { return new_maker(parts_.source->reads()); }),
        notes_{context.stats.fresh(), {}} {}

  Result<std::vector<SeriesInfo>> open() override {
    auto source = parts_.source->open();
    if (!source) return source;
    for (auto& scalar : parts_.scalars) {
      auto values = scalar->values();
      if (!values) return pass(values);
      scalars_.push_back(std::move(*values));
    }
    auto maker = new_maker(parts_.source->reads());
    if (auto ready = maker->ready(); !ready) return pass(ready);
    if (name_series(*source))
      if (auto numbered = number_labels(*source); !numbered) return pass(numbered);
    if (parts_.source->reads())
      columns_.open(source->size(), std::move(maker));
    else
      one_by_one_ = std::move(maker);
    return source;
  }

  Result<bool> next(StepColumn& out) override {
    auto more = parts_.source->reads() ? columns_.next(out) : next_of_source(out);
    if (!more) return more;
    if (!*more) {
      if (collided_) return fail(Code::execution, std::string(kSameLabelset));
      return false;
    }
    note_result(out);
    ++next_;
    return true;
  }

 private:
  std::unique_ptr<RangeColumnMaker> new_maker(const SeriesReads* reads) const {
    return std::make_unique<RangeColumnMaker>(context_, parts_, scalars_, names_, reads);
  }

  /// Notes the metric names and drops them where they go at once.
  /// @return  whether series may have the same labels now
  bool name_series(std::vector<SeriesInfo>& all) {
    const bool at_once = !context_.query.delayed_name_removal;
    bool same_name = true;
    bool name_alone = true;
    names_.reserve(all.size());
    for (SeriesInfo& series : all) {
      names_.push_back(context_.query.pool.get(series.labels, context_.query.metric_name));
      same_name = same_name && names_.back() == names_.front();
      series.drop_name = series.drop_name || !keeps_name(parts_.id);
      if (!series.drop_name || !at_once) continue;
      const std::size_t before = series.labels.size();
      remove_metric_name(context_.query, series.labels);
      name_alone = name_alone && before - series.labels.size() == (names_.back().empty() ? 0 : 1);
    }
    // A selector has each series once, and they stay different without a name that all of them have.
    const bool stay_different = parts_.source->reads() && same_name && name_alone;
    return at_once && !stay_different;
  }

  Result<void> number_labels(const std::vector<SeriesInfo>& all) {
    LabelIdsIndex index;
    BudgetShare share(context_.query.budget, place_);
    group_.reserve(all.size());
    for (const SeriesInfo& series : all) {
      group_.push_back(index.insert(series.labels).first);
      if (auto charged = share.set_bytes(index.size_bytes()); !charged) return charged;
    }
    taken_.resize(index.size());
    return {};
  }

  /// Series that cannot be read ahead.
  Result<bool> next_of_source(StepColumn& out) {
    auto more = parts_.source->next(samples_);
    if (!more || !*more) return more;
    // Samples of a subquery come from no store, whose reading would ask.
    if (auto going_on = context_.query.deadline.check(); !going_on) return pass(going_on);
    auto made = one_by_one_->from_samples(next_, samples_, made_, notes_);
    context_.stats.take(notes_.stats);
    context_.query.annotations.take(notes_.annotations);
    if (!made) return pass(made);
    if (auto fits = context_.query.budget.check_passing(made_.widest); !fits) return pass(fits);
    std::swap(out, made_.column);
    return true;
  }

  void note_result(const StepColumn& out) {
    if (!out.present.any()) return;
    if (!group_.empty()) {
      const auto group = group_[next_];
      collided_ = collided_ || taken_[group];
      taken_[group] = true;
    }
    const std::string_view name = names_[next_];
    if (expects_counter(parts_.id) && !name.empty() && !named_like_counter(name) && out.any_float())
      annotator_.info(fmt::format("metric might not be a counter, name does not end in "
                                  "_total/_sum/_count/_bucket: {}",
                                  quote(name)),
                      parts_.first_argument);
  }

  EvalContext& context_;
  RangeCallParts parts_;
  Annotator annotator_;
  Span place_;  ///< in the query
  std::vector<std::vector<double>> scalars_;
  std::vector<std::string_view> names_;  ///< metric name of each input series
  std::vector<std::uint32_t> group_;     ///< number of each series' output labels
  std::vector<bool> taken_;              ///< labels that a series with results has
  bool collided_ = false;
  std::size_t next_ = 0;
  ColumnsAhead columns_;                          ///< where the source can be read ahead
  std::unique_ptr<RangeColumnMaker> one_by_one_;  ///< where it cannot
  storage::SampleColumns samples_;
  MadeColumn made_;
  MakerNotes notes_;
};

class AbsentOverTime final : public VectorOperator {
 public:
  AbsentOverTime(EvalContext& context, RangeSourcePtr source, const WindowShape& shape, LabelIds labels)
      : context_(context),
        source_(std::move(source)),
        shape_(shape),
        cutter_(context.steps, shape_),
        labels_(std::move(labels)) {}

  Result<std::vector<SeriesInfo>> open() override {
    found_.reset(context_.steps.count());
    if (auto series = source_->open(); !series) return series;
    storage::SampleColumns samples;
    for (;;) {
      auto more = source_->next(samples);
      if (!more) return pass(more);
      if (!*more) break;
      const CutWindows windows = cutter_.cut(samples, context_.stats);
      if (auto fits = context_.query.budget.check_passing(windows.widest); !fits) return pass(fits);
      for (std::size_t step = 0; step < windows.bounds.size(); ++step)
        if (!windows.bounds[step].empty()) found_.set(step);
    }
    done_ = found_.full();
    if (done_) return std::vector<SeriesInfo>{};
    return std::vector<SeriesInfo>{{labels_, true}};
  }

  Result<bool> next(StepColumn& out) override {
    if (done_) return false;
    done_ = true;
    out.reset(context_.steps.count());
    for (std::size_t step = 0; step < out.values.size(); ++step)
      if (!found_.test(step)) out.set(step, 1);
    return true;
  }

 private:
  EvalContext& context_;
  RangeSourcePtr source_;
  WindowShape shape_;
  WindowCutter cutter_;
  LabelIds labels_;
  StepBitmap found_;
  bool done_ = false;
};

}  // namespace

VectorOperatorPtr make_range_call(EvalContext& context, RangeCallParts parts) {
  return std::make_unique<RangeCall>(context, std::move(parts));
}

VectorOperatorPtr make_absent_over_time(EvalContext& context, RangeSourcePtr source, const WindowShape& shape,
                                        LabelIds labels) {
  return std::make_unique<AbsentOverTime>(context, std::move(source), shape, std::move(labels));
}

}  // namespace narthex::query

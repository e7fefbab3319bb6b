#include "query/engine/range_call.h"

#include <fmt/format.h>

#include "query/engine/columns_ahead.h"
#include "query/engine/label_ops.h"
#include "query/engine/window_cutter.h"

namespace narthex::query {

namespace {

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
    std::span<const Timestamp> starts;
    if (context_.query.use_start_timestamps) starts = samples.st;
    const RangeInput in{samples.t,      samples.v,          starts,        windows.bounds,
                        context_.steps, shape_.range,       shape_.offset, shape_.at,
                        names_[series], samples.histograms, windows.cut};
    auto ran = function_->run(in, out.column);
    out.buffer_bytes = sample_bytes(samples) + cutter_.size_bytes() + function_->size_bytes();
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

}  // namespace

VectorOperatorPtr make_range_call(EvalContext& context, RangeCallParts parts) {
  return std::make_unique<RangeCall>(context, std::move(parts));
}

}  // namespace narthex::query

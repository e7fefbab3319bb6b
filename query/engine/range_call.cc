#include "query/engine/range_call.h"

#include <fmt/format.h>

#include <algorithm>

#include "query/engine/label_ops.h"
#include "query/histogram/arithmetic.h"

namespace narthex::query {

namespace {

/// Cuts the windows of one series and counts the samples in them.
class WindowCutter {
 public:
  WindowCutter(EvalContext& context, const WindowShape& shape)
      : context_(context), shape_(shape), windows_(context.steps.count()) {}

  /// Valid until the next call. Errors: limit.
  Result<std::span<const WindowBounds>> cut(const storage::SampleColumns& samples) {
    const auto& t = samples.t;
    weigh(samples);
    WindowBounds w;
    std::uint32_t previous_last = 0;
    std::uint64_t widest = 0;
    const auto size = static_cast<std::uint32_t>(t.size());
    for (std::size_t step = 0; step < windows_.size(); ++step) {
      const Timestamp end = shape_.at.value_or(context_.steps.at(step)) - shape_.offset;
      const Timestamp from = end - shape_.range - shape_.before;
      while (w.last < size && t[w.last] <= end + shape_.after) ++w.last;
      while (w.first < w.last && t[w.first] <= from) ++w.first;
      windows_[step] = w;
      widest = std::max(widest, weight(w.first, w.last));
      count(step, w, previous_last);
      previous_last = w.last;
    }
    if (auto fits = context_.query.budget.check_passing(widest); !fits) return pass(fits);
    return std::span<const WindowBounds>(windows_);
  }

 private:
  /// How many samples count for each histogram, added up along the series.
  void weigh(const storage::SampleColumns& samples) {
    weights_.clear();
    if (samples.histograms.empty()) return;
    weights_.reserve(samples.t.size() + 1);
    weights_.push_back(0);
    auto h = samples.histograms.begin();
    for (std::size_t i = 0; i < samples.t.size(); ++i) {
      const bool is_histogram = h != samples.histograms.end() && h->index == i;
      weights_.push_back(weights_.back() + (is_histogram ? counted_samples((h++)->value) : 1));
    }
  }

  [[nodiscard]] std::uint64_t weight(std::uint32_t first, std::uint32_t last) const {
    return weights_.empty() ? last - first : weights_[last] - weights_[first];
  }

  void count(std::size_t step, WindowBounds w, std::uint32_t previous_last) {
    if (w.empty()) return;
    context_.stats.add_total(step, weight(w.first, w.last));
    if (shape_.from_subquery) return;  // counted where the subquery read them
    if (step == 0)
      context_.stats.add_read(step, weight(w.first, w.last));
    else if (!shape_.at)
      context_.stats.add_read(step, weight(std::max(w.first, previous_last), w.last));
  }

  EvalContext& context_;
  const WindowShape& shape_;
  std::vector<WindowBounds> windows_;
  std::vector<std::uint64_t> weights_;  ///< empty: every sample counts one
};

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

class RangeCall final : public VectorOperator {
 public:
  RangeCall(EvalContext& context, RangeCallParts parts)
      : context_(context),
        parts_(std::move(parts)),
        cutter_(context, parts_.shape),
        annotator_(context.query.annotator()),
        index_share_(context.query.budget) {}

  Result<std::vector<SeriesInfo>> open() override {
    auto source = parts_.source->open();
    if (!source) return source;
    std::vector<std::vector<double>> scalars;
    for (auto& scalar : parts_.scalars) {
      auto values = scalar->values();
      if (!values) return pass(values);
      scalars.push_back(std::move(*values));
    }
    if (auto ready = parts_.function->prepare(std::move(scalars)); !ready) return pass(ready);
    const bool delayed = context_.query.delayed_name_removal;
    LabelIdsIndex index;
    std::vector<SeriesInfo> out;
    out.reserve(source->size());
    for (auto& series : *source) {
      names_.push_back(context_.query.pool.get(series.labels, context_.query.metric_name));
      const bool drop = !keeps_name(parts_.id) || series.drop_name;
      SeriesInfo info{
          drop && !delayed ? without_metric_name(context_.query, series.labels) : std::move(series.labels),
          drop};
      if (!delayed) group_.push_back(index.insert(info.labels).first);
      series.labels = {};
      out.push_back(std::move(info));
      if (auto charged = index_share_.set_bytes(index.size_bytes()); !charged) return pass(charged);
    }
    index_share_.clear();
    taken_.resize(index.size());
    return out;
  }

  Result<bool> next(StepColumn& out) override {
    auto more = parts_.source->next(samples_);
    if (!more) return more;
    if (!*more) {
      if (collided_) return fail(Code::execution, std::string(kSameLabelset));
      return false;
    }
    // Samples of a subquery come from no store, whose reading would ask.
    if (auto going_on = context_.query.deadline.check(); !going_on) return pass(going_on);
    out.reset(context_.steps.count());
    auto windows = cutter_.cut(samples_);
    if (!windows) return pass(windows);
    const auto name = names_[next_];
    const RangeInput in{samples_.t,     samples_.v,         start_timestamps(),  *windows,
                        context_.steps, parts_.shape.range, parts_.shape.offset, parts_.shape.at,
                        name,           samples_.histograms};
    if (auto ran = parts_.function->run(in, out); !ran) return pass(ran);
    note_result(out, name);
    ++next_;
    return true;
  }

 private:
  [[nodiscard]] std::span<const Timestamp> start_timestamps() const {
    if (!context_.query.use_start_timestamps) return {};
    return samples_.st;
  }

  void note_result(const StepColumn& out, std::string_view name) {
    if (!out.present.any()) return;
    if (!group_.empty()) {
      const auto group = group_[next_];
      collided_ = collided_ || taken_[group];
      taken_[group] = true;
    }
    if (expects_counter(parts_.id) && !name.empty() && !named_like_counter(name) && out.any_float())
      annotator_.info(fmt::format("metric might not be a counter, name does not end in "
                                  "_total/_sum/_count/_bucket: {}",
                                  quote(name)),
                      parts_.first_argument);
  }

  EvalContext& context_;
  RangeCallParts parts_;
  WindowCutter cutter_;
  Annotator annotator_;
  BudgetShare index_share_;  ///< of the index that open() makes
  storage::SampleColumns samples_;
  std::vector<std::string_view> names_;  ///< metric name of each input series
  std::vector<std::uint32_t> group_;     ///< number of each series' output labels
  std::vector<bool> taken_;              ///< labels that a series with results has
  bool collided_ = false;
  std::size_t next_ = 0;
};

class AbsentOverTime final : public VectorOperator {
 public:
  AbsentOverTime(EvalContext& context, RangeSourcePtr source, const WindowShape& shape, LabelIds labels)
      : context_(context),
        source_(std::move(source)),
        shape_(shape),
        cutter_(context, shape_),
        labels_(std::move(labels)) {}

  Result<std::vector<SeriesInfo>> open() override {
    found_.reset(context_.steps.count());
    if (auto series = source_->open(); !series) return series;
    storage::SampleColumns samples;
    for (;;) {
      auto more = source_->next(samples);
      if (!more) return pass(more);
      if (!*more) break;
      auto windows = cutter_.cut(samples);
      if (!windows) return pass(windows);
      for (std::size_t step = 0; step < windows->size(); ++step)
        if (!(*windows)[step].empty()) found_.set(step);
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

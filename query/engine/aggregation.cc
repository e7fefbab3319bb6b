#include "query/engine/aggregation.h"

#include <cmath>
#include <limits>

#include "query/engine/aggregation_histograms.h"
#include "query/engine/annotation_texts.h"
#include "query/engine/grouping.h"
#include "query/functions/go_math.h"
#include "query/functions/kahan.h"
#include "query/functions/quantile.h"

namespace narthex::query {

namespace {

// What a group keeps at one step: begin() with its first value, add() for the others.

struct SumCell {
  KahanSum sum;
  void begin(double v) { sum = {v, 0}; }
  void add(double v) { sum.add(v); }
  [[nodiscard]] double value() const { return sum.value(); }
};

struct MeanCell {
  KahanMean mean;
  void begin(double v) {
    mean = {};
    mean.add(v);
  }
  void add(double v) { mean.add(v); }
  [[nodiscard]] double value() const { return mean.value(); }
};

struct MinCell {
  double least = 0;
  void begin(double v) { least = v; }
  void add(double v) {
    if (least > v || std::isnan(least)) least = v;
  }
  [[nodiscard]] double value() const { return least; }
};

struct MaxCell {
  double most = 0;
  void begin(double v) { most = v; }
  void add(double v) {
    if (most < v || std::isnan(most)) most = v;
  }
  [[nodiscard]] double value() const { return most; }
};

struct CountCell {
  double count = 0;
  void begin(double) { count = 1; }
  void add(double) { ++count; }
  [[nodiscard]] double value() const { return count; }
};

struct GroupCell {
  void begin(double) {}
  void add(double) {}
  [[nodiscard]] double value() const { return 1; }
};

/// Welford's running variance.
struct VarianceCell {
  double squares = 0;
  double mean = 0;
  double count = 0;
  void begin(double v) {
    squares = std::isfinite(v) ? 0 : std::numeric_limits<double>::quiet_NaN();
    mean = v;
    count = 1;
  }
  void add(double v) {
    ++count;
    const double delta = v - mean;
    mean += delta / count;
    squares += delta * (v - mean);
  }
  [[nodiscard]] double value() const { return squares / count; }
};

struct DeviationCell : VarianceCell {
  [[nodiscard]] double value() const { return std::sqrt(VarianceCell::value()); }
};

/// The values of all groups.
class Accumulator {
 public:
  virtual ~Accumulator() = default;
  virtual void resize(std::size_t groups) = 0;
  /// @param metric_name  of the series, for annotations about its histograms
  virtual Result<void> add(std::uint32_t group, StepColumn& column, std::string_view metric_name) = 0;
  /// Once per group, which is let go.
  virtual void write(std::uint32_t group, StepColumn& out) = 0;
};

template <class Cell>
class CellAccumulator : public Accumulator {
 public:
  explicit CellAccumulator(EvalContext& context)
      : steps_(context.steps.count()), share_(context.query.budget) {}

  void resize(std::size_t groups) override { groups_.resize(groups); }

  Result<void> add(std::uint32_t number, StepColumn& column, std::string_view) override {
    Group& group = groups_[number];
    std::uint64_t bytes = 0;
    if (group.cells.empty()) {
      group.cells.resize(steps_);
      group.seen.reset(steps_);
      bytes = bytes_of(group);
    }
    if (group.count == steps_ && column.present.full()) {
      // The common case, and one without a branch for each step.
      for (std::size_t step = 0; step < steps_; ++step) group.cells[step].add(column.values[step]);
      return {};
    }
    const auto before = group.count;
    column.present.for_each([&](std::size_t step) {
      if (group.seen.test(step)) {
        group.cells[step].add(column.values[step]);
      } else {
        group.cells[step].begin(column.values[step]);
        group.seen.set(step);
        ++group.count;
      }
    });
    return share_.add(group.count - before, bytes);
  }

  void write(std::uint32_t number, StepColumn& out) override {
    Group& group = groups_[number];
    out.reset(steps_);
    if (group.cells.empty()) return;
    out.present = group.seen;
    group.seen.for_each([&](std::size_t step) { out.values[step] = group.cells[step].value(); });
    share_.give_back(group.count, bytes_of(group));
    group = {};
  }

 protected:
  /// Steps at which the group has a value; empty if it has none at all.
  [[nodiscard]] const StepBitmap& seen(std::uint32_t number) const { return groups_[number].seen; }

 private:
  struct Group {
    std::vector<Cell> cells;
    StepBitmap seen;
    std::size_t count = 0;
  };
  [[nodiscard]] static std::uint64_t bytes_of(const Group& group) {
    return group.cells.size() * sizeof(Cell) + group.seen.size_bytes();
  }

  std::size_t steps_;
  BudgetShare share_;
  std::vector<Group> groups_;
};

/// sum and avg: histograms are added up, too.
template <class Cell>
class TotalAccumulator final : public CellAccumulator<Cell> {
 public:
  TotalAccumulator(EvalContext& context, bool mean, const Annotator& annotator, Span argument)
      : CellAccumulator<Cell>(context), totals_(context, mean, annotator, argument) {}

  void resize(std::size_t groups) override {
    CellAccumulator<Cell>::resize(groups);
    totals_.resize(groups);
    has_histograms_.assign(groups, false);
  }

  Result<void> add(std::uint32_t group, StepColumn& column, std::string_view metric_name) override {
    if (!column.histograms.empty()) has_histograms_[group] = true;
    if (has_histograms_[group]) {
      if (auto taken = totals_.take(group, column, this->seen(group), metric_name); !taken) return taken;
    }
    return CellAccumulator<Cell>::add(group, column, metric_name);
  }

  void write(std::uint32_t group, StepColumn& out) override {
    CellAccumulator<Cell>::write(group, out);
    if (has_histograms_[group]) totals_.write(group, out);
  }

 private:
  HistogramTotals totals_;
  std::vector<bool> has_histograms_;
};

/// Quantiles need all values of a group at once.
class QuantileAccumulator final : public Accumulator {
 public:
  QuantileAccumulator(EvalContext& context, const std::vector<double>& q)
      : steps_(context.steps.count()), q_(q), columns_(context.query.budget) {}

  void resize(std::size_t groups) override { members_.resize(groups); }

  Result<void> add(std::uint32_t group, StepColumn& column, std::string_view) override {
    members_[group].push_back(columns_.size());
    auto held = columns_.add(std::move(column));
    column = {};
    return held;
  }

  void write(std::uint32_t group, StepColumn& out) override {
    out.reset(steps_);
    std::vector<double> values;
    for (std::size_t step = 0; step < steps_; ++step) {
      values.clear();
      for (const auto i : members_[group])
        if (columns_[i].present.test(step)) values.push_back(columns_[i].values[step]);
      if (!values.empty()) out.set(step, quantile_of(q_[step], values));
    }
  }

 private:
  std::size_t steps_;
  const std::vector<double>& q_;
  HeldColumns columns_;
  std::vector<std::vector<std::size_t>> members_;
};

class Aggregation final : public VectorOperator {
 public:
  Aggregation(EvalContext& context, const AggregateSpec& spec, VectorOperatorPtr child,
              ScalarOperatorPtr param)
      : context_(context),
        spec_(spec),
        child_(std::move(child)),
        param_operator_(std::move(param)),
        grouping_(context.query, spec.grouping, spec.without),
        annotator_(context.query.annotator()) {}

  Result<std::vector<SeriesInfo>> open() override {
    auto param = AggregateParam::evaluate(context_, param_operator_.get());
    if (!param) return pass(param);
    param_ = std::move(*param);
    auto series = child_->open();
    if (!series) return series;
    auto found = find_groups(*series);
    if (!found) return found;
    std::vector<SeriesInfo> groups = std::move(*found);
    make_accumulator(groups.size());
    auto read = read_child(*series);
    child_.reset();
    if (!read) return pass(read);
    if (spec_.op == AggregateOp::quantile) warn_of_quantiles();
    return filled(groups);
  }

  Result<bool> next(StepColumn& out) override {
    if (next_ == filled_.size()) return false;
    if (auto going_on = context_.query.deadline.check(); !going_on) return pass(going_on);
    accumulator_->write(filled_[next_++], out);
    return true;
  }

 private:
  /// Which of a group's present series lose their names; the last step decides for the group.
  struct Names {
    bool any_drops = false;
    bool any_keeps = false;
    StepBitmap dropped;
    StepBitmap seen;
    [[nodiscard]] bool at_last_step() const {
      for (std::size_t step = seen.size(); step-- > 0;)
        if (seen.test(step)) return dropped.test(step);
      return false;
    }
  };

  Result<std::vector<SeriesInfo>> find_groups(const std::vector<SeriesInfo>& series) {
    LabelIdsIndex index;
    LabelListMeter meter(context_.query.budget, spec_.span);
    std::vector<SeriesInfo> groups;
    group_of_.reserve(series.size());
    for (const auto& s : series) {
      LabelIds labels = grouping_.labels(s.labels);
      const auto [number, is_new] = index.insert(labels);
      if (is_new) {
        if (auto charged = meter.add(labels); !charged) return pass(charged);
        groups.push_back({std::move(labels), false});
        names_.emplace_back();
      }
      (s.drop_name ? names_[number].any_drops : names_[number].any_keeps) = true;
      group_of_.push_back(number);
    }
    return groups;
  }

  void make_accumulator(std::size_t groups);

  Result<void> read_child(const std::vector<SeriesInfo>& series) {
    any_.assign(names_.size(), false);
    StepColumn column;
    for (std::size_t i = 0;; ++i) {
      auto more = child_->next(column);
      if (!more) return pass(more);
      if (!*more) return {};
      if (ignores_histograms(spec_.op) && !column.histograms.empty()) drop_histograms(column);
      if (!column.present.any()) continue;
      const auto group = group_of_[i];
      any_[group] = true;
      note_names(names_[group], series[i].drop_name, column.present);
      if (auto added = accumulator_->add(group, column, name_of(column, series[i])); !added) return added;
    }
  }

  static bool ignores_histograms(AggregateOp op) {
    switch (op) {
      case AggregateOp::min:
      case AggregateOp::max:
      case AggregateOp::stddev:
      case AggregateOp::stdvar:
      case AggregateOp::quantile:
        return true;
      default:
        return false;
    }
  }

  void drop_histograms(StepColumn& column) const {
    const auto before = column.present.count();
    column.drop_histograms();
    if (column.present.count() != before)
      annotator_.info(texts::ignored_in_aggregation(text_of(spec_.op)), spec_.argument_span);
  }

  [[nodiscard]] std::string_view name_of(const StepColumn& column, const SeriesInfo& series) const {
    if (column.histograms.empty()) return {};
    return context_.query.pool.get(series.labels, context_.query.metric_name);
  }

  void note_names(Names& names, bool drops, const StepBitmap& present) const {
    if (!names.any_drops || !names.any_keeps) return;
    if (names.seen.size() == 0) {
      names.seen.reset(context_.steps.count());
      names.dropped.reset(context_.steps.count());
    }
    names.seen |= present;
    if (drops) names.dropped |= present;
  }

  /// Groups without a value at any step are no series.
  std::vector<SeriesInfo> filled(std::vector<SeriesInfo>& groups) {
    std::vector<SeriesInfo> out;
    for (std::uint32_t g = 0; g < groups.size(); ++g) {
      if (!any_[g]) continue;
      groups[g].drop_name = names_[g].any_keeps ? names_[g].at_last_step() : names_[g].any_drops;
      out.push_back(std::move(groups[g]));
      filled_.push_back(g);
    }
    return out;
  }

  void warn_of_quantiles() const {
    const auto warn = [&](double q) { annotator_.warn(invalid_quantile_text(q), spec_.param_span); };
    if (param_.has_nan) warn(std::numeric_limits<double>::quiet_NaN());
    if (param_.max > 1) warn(param_.max);
    if (param_.min < 0) warn(param_.min);
  }

  EvalContext& context_;
  AggregateSpec spec_;
  VectorOperatorPtr child_;
  ScalarOperatorPtr param_operator_;
  Grouping grouping_;
  Annotator annotator_;
  AggregateParam param_;
  std::unique_ptr<Accumulator> accumulator_;
  std::vector<std::uint32_t> group_of_;  ///< of each input series
  std::vector<Names> names_;             ///< of each group
  std::vector<bool> any_;                ///< the group has a value at some step
  std::vector<std::uint32_t> filled_;    ///< groups that are output series
  std::size_t next_ = 0;
};

void Aggregation::make_accumulator(std::size_t groups) {
  switch (spec_.op) {
    case AggregateOp::sum:
      accumulator_ =
          std::make_unique<TotalAccumulator<SumCell>>(context_, false, annotator_, spec_.argument_span);
      break;
    case AggregateOp::avg:
      accumulator_ =
          std::make_unique<TotalAccumulator<MeanCell>>(context_, true, annotator_, spec_.argument_span);
      break;
    case AggregateOp::min:
      accumulator_ = std::make_unique<CellAccumulator<MinCell>>(context_);
      break;
    case AggregateOp::max:
      accumulator_ = std::make_unique<CellAccumulator<MaxCell>>(context_);
      break;
    case AggregateOp::count:
      accumulator_ = std::make_unique<CellAccumulator<CountCell>>(context_);
      break;
    case AggregateOp::stdvar:
      accumulator_ = std::make_unique<CellAccumulator<VarianceCell>>(context_);
      break;
    case AggregateOp::stddev:
      accumulator_ = std::make_unique<CellAccumulator<DeviationCell>>(context_);
      break;
    case AggregateOp::quantile:
      accumulator_ = std::make_unique<QuantileAccumulator>(context_, param_.values);
      break;
    default:
      accumulator_ = std::make_unique<CellAccumulator<GroupCell>>(context_);
      break;
  }
  accumulator_->resize(groups);
}

}  // namespace

Result<AggregateParam> AggregateParam::evaluate(const EvalContext& context, ScalarOperator* from) {
  AggregateParam param;
  if (!from) {
    param.values.assign(context.steps.count(), 0);
    return param;
  }
  auto values = from->values();
  if (!values) return pass(values);
  param.values = std::move(*values);
  param.min = param.max = param.values.front();
  for (const double v : param.values) {
    param.max = go_max(param.max, v);
    param.min = go_min(param.min, v);
    param.has_nan = param.has_nan || std::isnan(v);
  }
  return param;
}

VectorOperatorPtr make_aggregation(EvalContext& context, const AggregateSpec& spec, VectorOperatorPtr child,
                                   ScalarOperatorPtr param) {
  return std::make_unique<Aggregation>(context, spec, std::move(child), std::move(param));
}

}  // namespace narthex::query

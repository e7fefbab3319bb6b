#include "query/engine/query_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "query/engine/builder.h"
#include "query/engine/column_map.h"
#include "query/engine/extended_window.h"
#include "query/engine/merge.h"
#include "query/engine/profile.h"
#include "query/histogram/arithmetic.h"

namespace narthex::query {

namespace {

/// Takes away the names that operators have only marked (delayed name removal).
class FinalNames final : public VectorOperator {
 public:
  FinalNames(EvalContext& context, VectorOperatorPtr child)
      : query_(context.query), child_(std::move(child)) {}
  Result<std::vector<SeriesInfo>> open() override {
    auto series = child_->open();
    if (series)
      for (auto& s : *series)
        if (s.drop_name) s.labels = without_metric_name(query_, s.labels);
    return series;
  }
  Result<bool> next(StepColumn& out) override { return child_->next(out); }

 private:
  QueryState& query_;
  VectorOperatorPtr child_;
};

double seconds_since(const Clock& clock, std::chrono::nanoseconds start) {
  return std::chrono::duration<double>(clock.steady() - start).count();
}

class QueryRun {
 public:
  QueryRun(QueryState& query, const QueryPlan& plan, const RunSetup& setup, bool per_step_stats)
      : query_(query),
        builder_(plan),
        setup_(setup),
        stats_(query.query_steps, per_step_stats),
        context_{query, query.query_steps, stats_},
        share_(query.budget),
        plan_only_(query.profile && query.profile->level() == ProfileLevel::plan) {}

  Result<QueryResult> run(const Expr& root, QueryStats& stats) {
    const auto start = setup_.clock.steady();
    auto evaluated = evaluate(root);
    stats.inner_eval_seconds = seconds_since(setup_.clock, start);
    write_stats(stats);
    if (!evaluated) return pass(evaluated);
    if (result_.type == ValueType::matrix) {
      const auto sort_start = setup_.clock.steady();
      sort_by_labels();
      stats.result_sort_seconds = seconds_since(setup_.clock, sort_start);
    }
    if (auto written = write_series(); !written) return pass(written);
    result_.memory = share_.detach();
    return std::move(result_);
  }

 private:
  Result<void> evaluate(const Expr& root) {
    switch (type_of(root)) {
      case ValueType::string: {
        result_.type = ValueType::string;
        result_.string = unwrap(root).as<StringLiteral>()->value;
        result_.scalar_t = context_.steps.start;
        return {};
      }
      case ValueType::scalar:
        return evaluate_scalar(root);
      case ValueType::vector:
        return evaluate_vector(root);
      case ValueType::matrix:
        return evaluate_matrix(unwrap(root));
      case ValueType::none:
        break;
    }
    return fail(Code::internal, "expression has no type");
  }

  Result<void> evaluate_scalar(const Expr& root) {
    auto scalar = builder_.scalar(root, context_);
    if (!scalar) return pass(scalar);
    if (plan_only_) {
      result_.type = query_.is_instant ? ValueType::scalar : ValueType::matrix;
      return {};
    }
    auto values = (*scalar)->values();
    if (!values) return pass(values);
    if (query_.is_instant) {
      result_.type = ValueType::scalar;
      result_.scalar_t = context_.steps.start;
      result_.scalar = values->front();
      return {};
    }
    result_.type = ValueType::matrix;
    StepColumn column;
    column.reset(values->size());
    column.values = std::move(*values);
    column.present.set_all();
    return keep(LabelIds{}, column);
  }

  Result<void> evaluate_vector(const Expr& root) {
    result_.type = query_.is_instant ? ValueType::vector : ValueType::matrix;
    auto made = builder_.vector(root, context_);
    if (!made) return pass(made);
    if (plan_only_) return {};
    VectorOperatorPtr op = std::move(*made);
    if (query_.delayed_name_removal)
      op = merge_same_labels(std::make_unique<FinalNames>(context_, std::move(op)), context_);
    auto series = op->open();
    if (!series) return pass(series);
    labels_.reserve(series->size());
    result_.series.reserve(series->size());
    StepColumn column;
    for (std::size_t i = 0;; ++i) {
      auto more = op->next(column);
      if (!more) return pass(more);
      if (!*more) return {};
      if (!column.present.any()) continue;
      if (auto kept = keep(std::move((*series)[i].labels), column); !kept) return kept;
    }
  }

  /// The samples of a range vector themselves; instant queries only.
  Result<void> evaluate_matrix(const Expr& root) {
    result_.type = ValueType::matrix;
    auto made = builder_.range(root, context_, true);
    if (!made) return pass(made);
    if (plan_only_) return {};
    auto series = made->source->open();
    if (!series) return pass(series);
    storage::SampleColumns samples;
    for (std::size_t i = 0;; ++i) {
      auto more = made->source->next(samples);
      if (!more) return pass(more);
      if (!*more) break;
      if (samples.t.empty()) continue;
      if (made->anchored || made->smoothed)
        if (auto extended = extend_window(samples, context_.steps.start, made->shape, made->smoothed);
            !extended)
          return extended;
      if (!made->shape.from_subquery) {
        stats_.add_total(0, count_samples(samples));
        stats_.add_read(0, count_samples(samples));
      }
      if (samples.t.empty()) continue;
      SeriesInfo& info = (*series)[i];
      if (query_.delayed_name_removal && info.drop_name)
        info.labels = without_metric_name(query_, info.labels);
      if (auto kept = keep_samples(std::move(info.labels), samples); !kept) return kept;
    }
    return query_.delayed_name_removal ? merge_matrix() : Result<void>{};
  }

  Result<void> keep(LabelIds labels, const StepColumn& column) {
    ResultSeries series;
    const auto n = column.present.count();
    series.t.reserve(n);
    series.v.reserve(n);
    column.present.for_each([&](std::size_t step) {
      if (const auto* h = column.histogram(step)) {
        series.histograms.emplace_back(context_.steps.at(step), *h);
        return;
      }
      series.t.push_back(context_.steps.at(step));
      series.v.push_back(column.values[step]);
    });
    return keep_series(std::move(labels), std::move(series));
  }

  Result<void> keep_samples(LabelIds labels, storage::SampleColumns& samples) {
    ResultSeries series;
    auto h = samples.histograms.begin();
    for (std::size_t i = 0; i < samples.t.size(); ++i) {
      if (h != samples.histograms.end() && h->index == i) {
        series.histograms.emplace_back(samples.t[i], std::move((h++)->value));
        continue;
      }
      series.t.push_back(samples.t[i]);
      series.v.push_back(samples.v[i]);
    }
    return keep_series(std::move(labels), std::move(series));
  }

  Result<void> keep_series(LabelIds labels, ResultSeries series) {
    std::uint64_t samples = series.t.size();
    std::uint64_t bytes = samples * (sizeof(Timestamp) + sizeof(double)) + sizeof(ResultSeries);
    for (const auto& [t, h] : series.histograms) {
      samples += counted_samples(h);
      bytes += sizeof(t) + counted_bytes(h);
    }
    if (auto charged = share_.add(samples, bytes); !charged) return charged;
    labels_.push_back(std::move(labels));
    result_.series.push_back(std::move(series));
    return {};
  }

  static std::uint64_t count_samples(const storage::SampleColumns& samples) {
    std::uint64_t n = samples.t.size() - samples.histograms.size();
    for (const auto& h : samples.histograms) n += counted_samples(h.value);
    return n;
  }

  /// Series of a range vector that lost their names: joined, unless they meet at a time.
  Result<void> merge_matrix() {
    LabelIdsIndex index;
    std::vector<LabelIds> labels;
    std::vector<ResultSeries> merged;
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      const auto [number, is_new] = index.insert(labels_[i]);
      if (is_new) {
        labels.push_back(std::move(labels_[i]));
        merged.push_back(std::move(result_.series[i]));
      } else if (!join(merged[number], result_.series[i])) {
        return fail(Code::execution, std::string(kSameLabelset));
      }
    }
    labels_ = std::move(labels);
    result_.series = std::move(merged);
    return {};
  }

  /// @return  false if both have a sample at one time
  static bool join(ResultSeries& into, const ResultSeries& other) {
    ResultSeries both;
    std::size_t a = 0;
    std::size_t b = 0;
    while (a < into.t.size() || b < other.t.size()) {
      const bool take_a = b == other.t.size() || (a < into.t.size() && into.t[a] <= other.t[b]);
      if (take_a && b < other.t.size() && into.t[a] == other.t[b]) return false;
      const ResultSeries& from = take_a ? into : other;
      std::size_t& at = take_a ? a : b;
      both.t.push_back(from.t[at]);
      both.v.push_back(from.v[at++]);
    }
    into.t = std::move(both.t);
    into.v = std::move(both.v);
    into.histograms.insert(into.histograms.end(), other.histograms.begin(), other.histograms.end());
    const auto when = &std::pair<Timestamp, FloatHistogram>::first;
    std::ranges::stable_sort(into.histograms, {}, when);
    return std::ranges::adjacent_find(into.histograms, {}, when) == into.histograms.end();
  }

  void sort_by_labels() {
    std::vector<std::size_t> order(labels_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
      const auto by_labels = query_.pool.compare(labels_[a], labels_[b]);
      return by_labels != 0 ? by_labels < 0 : a < b;
    });
    std::vector<LabelIds> labels;
    std::vector<ResultSeries> series;
    labels.reserve(order.size());
    series.reserve(order.size());
    for (const auto i : order) {
      labels.push_back(std::move(labels_[i]));
      series.push_back(std::move(result_.series[i]));
    }
    labels_ = std::move(labels);
    result_.series = std::move(series);
  }

  /// Ids and their pool, if they take less than the labels written out. @return  whether they do
  Result<bool> keep_ids() {
    std::uint64_t by_ids = query_.pool.size_bytes() + labels_.capacity() * sizeof(LabelIds);
    std::uint64_t by_labels = 0;
    for (const LabelIds& ids : labels_) {
      by_ids += ids.capacity() * sizeof(PairId);
      by_labels += query_.pool.count_text(ids);
    }
    if (by_ids >= by_labels) return false;
    if (auto charged = share_.add(0, by_ids); !charged) return pass(charged);
    result_.pool = query_.shared_pool;
    result_.label_ids = std::move(labels_);
    return true;
  }

  Result<void> write_series() {
    if (query_.may_keep_ids) {
      auto kept = keep_ids();
      if (!kept) return pass(kept);
      if (*kept) return {};
    }
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      Labels labels = query_.pool.labels(labels_[i]);
      if (auto charged = share_.add(0, labels.bytes().capacity()); !charged) return charged;
      result_.series[i].labels = std::move(labels);
      labels_[i] = {};
    }
    return {};
  }

  void write_stats(QueryStats& out) const {
    out.total_queryable_samples = stats_.total();
    out.samples_read = stats_.read();
    out.peak_samples = query_.budget.peak_samples();
    for (std::size_t i = 0; i < stats_.total_per_step().size(); ++i) {
      out.total_per_step.emplace_back(context_.steps.at(i), stats_.total_per_step()[i]);
      out.read_per_step.emplace_back(context_.steps.at(i), stats_.read_per_step()[i]);
    }
  }

  QueryState& query_;
  OperatorBuilder builder_;
  const RunSetup& setup_;
  SampleStats stats_;
  EvalContext context_;
  BudgetShare share_;
  bool plan_only_;  ///< the operators are made and not run
  QueryResult result_;
  std::vector<LabelIds> labels_;  ///< of result_.series
};

}  // namespace

Result<QueryResult> run_query(const Expr& root, storage::Queryable& store, const QueryRequest& request,
                              const RunSetup& setup, QueryStats& stats) {
  const auto start = setup.clock.steady();
  if (auto going_on = setup.deadline.check("query execution"); !going_on) return pass(going_on);
  const auto type = type_of(root);
  const bool is_instant = request.step == 0;
  if (!is_instant && type != ValueType::vector && type != ValueType::scalar)
    return fail(
        Code::invalid,
        fmt::format("invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
                    documented_type(type)));
  const Timestamp end = is_instant ? request.start : request.end;
  auto plan = QueryPlan::make(root, request.query, request.start, end, request.step);
  if (!plan) return pass(plan);
  const DurationMs lookback = request.lookback.value_or(0) > 0 ? *request.lookback : setup.options.lookback;
  auto querier = store.querier(plan->time_range(root, lookback));
  if (!querier) return pass(querier);

  QueryState query(setup.budget, setup.deadline, **querier);
  query.lookback = lookback;
  query.default_subquery_step = setup.subquery_step;
  query.delayed_name_removal = setup.options.delayed_name_removal;
  query.use_start_timestamps = setup.options.use_start_timestamps;
  query.regex_memory = setup.options.parser.regex_memory;
  query.shares_parts = setup.options.share_repeated_parts;
  query.is_instant = is_instant;
  query.may_keep_ids = request.may_keep_ids;
  query.query_steps = {request.start, end, is_instant ? 1 : request.step};
  std::shared_ptr<QueryProfile> profile;
  if (request.profile != ProfileLevel::none) profile = std::make_shared<QueryProfile>(request.profile);
  query.profile = profile.get();
  query.helpers = setup.helpers;
  stats.preparation_seconds = seconds_since(setup.clock, start);

  // A column, its bitmap and the numbers per step, before anything of that size is made.
  BudgetShare grid(setup.budget);
  if (auto charged = grid.add(0, std::uint64_t{query.query_steps.count()} * sizeof(double) * 4); !charged)
    return pass(charged);
  QueryRun run(query, *plan, setup, setup.options.per_step_stats && request.per_step_stats);
  auto result = run.run(root, stats);
  if (result) query.annotations.write(request.query, result->annotations);
  if (result) result->profile = std::move(profile);
  return result;
}

}  // namespace narthex::query

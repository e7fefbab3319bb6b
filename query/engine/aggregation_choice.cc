// topk, bottomk, limitk, limit_ratio: at each step some series of each group are chosen, with
// all their labels.
//
// Ties between equal values are resolved as Prometheus' heap does.
// Source: Prometheus promql/engine.go, aggregationK
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "model/value.h"
#include "query/engine/aggregation.h"
#include "query/engine/annotation_texts.h"
#include "query/engine/grouping.h"
#include "query/functions/go_math.h"

namespace narthex::query {

namespace {

struct Candidate {
  double value = 0;
  std::uint32_t series = 0;
};

/// Go's container/heap with the comparison of Prometheus: NaN comes before everything.
class CandidateHeap {
 public:
  explicit CandidateHeap(bool lowest_on_top) : lowest_on_top_(lowest_on_top) {}

  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] const Candidate& top() const { return items_.front(); }
  [[nodiscard]] const std::vector<Candidate>& items() const { return items_; }
  void clear() { items_.clear(); }

  void push(Candidate c) {
    items_.push_back(c);
    std::size_t i = items_.size() - 1;
    while (i > 0) {
      const std::size_t parent = (i - 1) / 2;
      if (!less(items_[i], items_[parent])) break;
      std::swap(items_[i], items_[parent]);
      i = parent;
    }
  }

  void replace_top(Candidate c) {
    items_.front() = c;
    std::size_t i = 0;
    for (;;) {
      std::size_t child = 2 * i + 1;
      if (child >= items_.size()) return;
      if (child + 1 < items_.size() && less(items_[child + 1], items_[child])) ++child;
      if (!less(items_[child], items_[i])) return;
      std::swap(items_[i], items_[child]);
      i = child;
    }
  }

  /// Best first, NaN last, equal ones as they lie in the heap.
  void sort_best_first() {
    std::vector<std::uint32_t> order(items_.size());
    std::iota(order.begin(), order.end(), 0u);
    std::ranges::sort(order, [&](std::uint32_t i, std::uint32_t j) {
      const double a = items_[i].value;
      const double b = items_[j].value;
      if (std::isnan(a) || std::isnan(b)) return std::isnan(a) == std::isnan(b) ? i < j : std::isnan(b);
      return a != b ? less(items_[j], items_[i]) : i < j;
    });
    std::vector<Candidate> sorted;
    for (const auto i : order) sorted.push_back(items_[i]);
    items_ = std::move(sorted);
  }

  /// `v` is better than the worst one kept.
  [[nodiscard]] bool beats_top(double v) const {
    const double top = items_.front().value;
    if (std::isnan(top)) return !std::isnan(v);
    return lowest_on_top_ ? top < v : top > v;
  }

 private:
  [[nodiscard]] bool less(const Candidate& a, const Candidate& b) const {
    if (std::isnan(a.value)) return true;
    return lowest_on_top_ ? a.value < b.value : a.value > b.value;
  }

  bool lowest_on_top_;
  std::vector<Candidate> items_;
};

class Choice final : public VectorOperator {
 public:
  Choice(EvalContext& context, const AggregateSpec& spec, VectorOperatorPtr child, ScalarOperatorPtr param)
      : context_(context),
        spec_(spec),
        child_(std::move(child)),
        param_operator_(std::move(param)),
        grouping_(context.query, spec.grouping, spec.without),
        columns_(context.query.budget),
        annotator_(context.query.annotator()) {}

  Result<std::vector<SeriesInfo>> open() override {
    auto param = AggregateParam::evaluate(context_, param_operator_.get());
    if (!param) return pass(param);
    param_ = std::move(*param);
    auto series = child_->open();
    if (!series) return series;
    if (auto read = drain(*child_, columns_); !read) return pass(read);
    child_.reset();
    drop_empty(*series);
    auto any = check_param();
    if (!any) return pass(any);
    if (!*any) return std::vector<SeriesInfo>{};
    find_groups(*series);
    kept_.assign(series->size(), StepBitmap(context_.steps.count()));
    for (std::size_t step = 0; step < context_.steps.count(); ++step) {
      if (auto going_on = context_.query.deadline.check(); !going_on) return pass(going_on);
      choose(step);
    }
    return chosen(*series);
  }

  Result<bool> next(StepColumn& out) override {
    if (next_ == order_.size()) return false;
    const auto i = order_[next_++];
    out = columns_.take(i);
    out.present = std::move(kept_[i]);
    return true;
  }

 private:
  /// Series without any value are no series to Prometheus, which caps k by their number.
  void drop_empty(std::vector<SeriesInfo>& series) {
    std::vector<SeriesInfo> kept;
    for (std::size_t i = 0; i < series.size(); ++i) {
      if (!columns_[i].present.any()) continue;
      columns_index_.push_back(static_cast<std::uint32_t>(i));
      kept.push_back(std::move(series[i]));
    }
    for (std::size_t i = 0; i < columns_index_.size(); ++i)
      if (columns_index_[i] != i) columns_[i] = std::move(columns_[columns_index_[i]]);
    series = std::move(kept);
  }

  /// @return  false if nothing can be chosen at any step
  Result<bool> check_param() const {
    if (spec_.op == AggregateOp::limit_ratio) return check_ratio();
    constexpr double kMaxInt64 = 9223372036854774784.0;
    constexpr double kMinInt64 = -9223372036854775808.0;
    if (param_.max < 1) return false;
    if (param_.has_nan) return fail(Code::execution, "Parameter value is NaN");
    if (param_.min <= kMinInt64)
      return fail(Code::execution,
                  fmt::format("Scalar value {} underflows int64", format_general(param_.min)));
    if (param_.max >= kMaxInt64)
      return fail(Code::execution,
                  fmt::format("Scalar value {} overflows int64", format_general(param_.max)));
    return true;
  }

  Result<bool> check_ratio() const {
    if (param_.max == 0 && param_.min == 0) return false;
    if (param_.has_nan) return fail(Code::execution, "Ratio value is NaN");
    const auto warn = [&](double got, int cap) {
      annotator_.warn(fmt::format("ratio value should be between -1 and 1, got {}, capping to {}",
                                  format_general(got), cap),
                      spec_.param_span);
    };
    if (param_.max > 1) warn(param_.max, 1);
    if (param_.min < -1) warn(param_.min, -1);
    return true;
  }

  void find_groups(const std::vector<SeriesInfo>& series) {
    LabelIdsIndex index;
    for (const auto& s : series) {
      group_of_.push_back(index.insert(grouping_.labels(s.labels)).first);
      if (spec_.op == AggregateOp::limit_ratio)
        share_.push_back(static_cast<double>(context_.query.pool.labels(s.labels).hash()) /
                         18446744073709551615.0);
    }
    heaps_.assign(index.size(), CandidateHeap(spec_.op != AggregateOp::bottomk));
  }

  void choose(std::size_t step) {
    if (spec_.op == AggregateOp::limit_ratio) return choose_share(step);
    const auto k = std::min(go_int64(param_.values[step]), static_cast<std::int64_t>(group_of_.size()));
    if (k < 1) return;
    for (auto& heap : heaps_) heap.clear();
    for (std::uint32_t i = 0; i < group_of_.size(); ++i)
      if (columns_[i].present.test(step) && is_eligible(i, step))
        offer(heaps_[group_of_[i]], {columns_[i].values[step], i}, static_cast<std::size_t>(k));
    for (const auto& heap : heaps_)
      for (const auto& c : heap.items()) kept_[c.series].set(step);
  }

  /// topk and bottomk compare floats.
  [[nodiscard]] bool is_eligible(std::uint32_t i, std::size_t step) const {
    if (spec_.op == AggregateOp::limitk || !columns_[i].histogram(step)) return true;
    annotator_.info(texts::ignored_in_aggregation(text_of(spec_.op)), spec_.span);
    return false;
  }

  void offer(CandidateHeap& heap, Candidate c, std::size_t k) const {
    if (heap.size() < k)
      heap.push(c);
    else if (spec_.op != AggregateOp::limitk && heap.beats_top(c.value))
      heap.replace_top(c);
  }

  void choose_share(std::size_t step) {
    const double r = std::clamp(param_.values[step], -1.0, 1.0);
    if (r == 0) return;
    for (std::size_t i = 0; i < share_.size(); ++i)
      if (columns_[i].present.test(step) && (r >= 0 ? share_[i] < r : share_[i] >= 1 + r)) kept_[i].set(step);
  }

  /// In an instant query topk and bottomk come best first, group after group.
  std::vector<SeriesInfo> chosen(std::vector<SeriesInfo>& series) {
    if (context_.single_step() && spec_.op != AggregateOp::limit_ratio && spec_.op != AggregateOp::limitk) {
      for (auto& heap : heaps_) {
        heap.sort_best_first();
        for (const auto& c : heap.items()) order_.push_back(c.series);
      }
    } else {
      for (std::uint32_t i = 0; i < kept_.size(); ++i)
        if (kept_[i].any()) order_.push_back(i);
    }
    std::vector<SeriesInfo> out;
    for (const auto i : order_) out.push_back(std::move(series[i]));
    return out;
  }

  EvalContext& context_;
  AggregateSpec spec_;
  VectorOperatorPtr child_;
  ScalarOperatorPtr param_operator_;
  Grouping grouping_;
  HeldColumns columns_;
  Annotator annotator_;
  AggregateParam param_;
  std::vector<std::uint32_t> columns_index_;  ///< of the series that have values
  std::vector<std::uint32_t> group_of_;
  std::vector<double> share_;  ///< limit_ratio: the hash of each series' labels, as 0..1
  std::vector<CandidateHeap> heaps_;
  std::vector<StepBitmap> kept_;
  std::vector<std::uint32_t> order_;
  std::size_t next_ = 0;
};

}  // namespace

VectorOperatorPtr make_choice(EvalContext& context, const AggregateSpec& spec, VectorOperatorPtr child,
                              ScalarOperatorPtr param) {
  return std::make_unique<Choice>(context, spec, std::move(child), std::move(param));
}

}  // namespace narthex::query

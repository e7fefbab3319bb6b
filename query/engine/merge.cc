#include "query/engine/merge.h"

#include <optional>

#include "query/engine/label_ops.h"

namespace narthex::query {

namespace {

class MergeOperator final : public VectorOperator {
 public:
  /// @param earliest_name  whether the name goes is decided by the series that comes first in
  ///        time, not by the first in order
  MergeOperator(VectorOperatorPtr child, const EvalContext& context, bool earliest_name)
      : child_(std::move(child)),
        steps_(context.steps.count()),
        earliest_name_(earliest_name),
        share_(context.query.budget),
        index_share_(context.query.budget) {}

  Result<std::vector<SeriesInfo>> open() override {
    auto in = child_->open();
    if (!in) return in;
    LabelIdsIndex index;
    std::vector<SeriesInfo> out;
    out_of_.reserve(in->size());
    bool names_differ = false;
    for (auto& series : *in) {
      const auto [number, is_new] = index.insert(series.labels);
      out_of_.push_back(number);
      drops_name_.push_back(series.drop_name);
      if (is_new)
        out.push_back(std::move(series));
      else
        names_differ = names_differ || series.drop_name != out[number].drop_name;
      if (auto charged = index_share_.set_bytes(index.size_bytes()); !charged) return pass(charged);
    }
    index_share_.clear();
    if (out.size() == out_of_.size()) {
      out_of_.clear();
      passes_through_ = true;
      return out;
    }
    pending_.resize(out.size());
    for (const auto number : out_of_) ++pending_[number].awaited;
    if (!names_differ || !earliest_name_) return out;
    for (std::size_t i = 0; i < out_of_.size(); ++i)
      if (auto taken = take_one(); !taken) return pass(taken);
    for (std::size_t number = 0; number < out.size(); ++number)
      out[number].drop_name = pending_[number].drops_name;
    return out;
  }

  Result<bool> next(StepColumn& out) override {
    if (passes_through_) return child_->next(out);
    if (next_out_ == pending_.size()) return finish();
    Pending& wanted = pending_[next_out_];
    while (wanted.awaited > 0) {
      auto taken = take_one();
      if (!taken) return pass(taken);
    }
    ++next_out_;
    if (wanted.column)
      out = std::move(*wanted.column);
    else
      out.reset(steps_);
    wanted.column.reset();
    return true;
  }

 private:
  struct Pending {
    std::size_t awaited = 0;  ///< input series that have not come yet
    bool drops_name = false;  ///< of the series with the earliest step so far
    std::optional<StepColumn> column;
  };

  Result<void> take_one() {
    auto more = child_->next(scratch_);
    if (!more) return pass(more);
    const bool drops_name = drops_name_[next_in_];
    Pending& target = pending_[out_of_[next_in_++]];
    --target.awaited;
    if (!target.column || scratch_.present.first() < target.column->present.first())
      target.drops_name = drops_name;
    if (!target.column) {
      if (auto held = share_.add(scratch_.count_samples(), scratch_.size_bytes()); !held) return held;
      target.column = std::move(scratch_);
      scratch_ = {};
      return {};
    }
    collided_ = collided_ || target.column->present.intersects(scratch_.present);
    target.column->merge(scratch_);
    return {};
  }

  Result<bool> finish() {
    auto more = child_->next(scratch_);
    if (!more) return more;
    if (collided_) return fail(Code::execution, std::string(kSameLabelset));
    return false;
  }

  VectorOperatorPtr child_;
  std::size_t steps_;
  bool earliest_name_;
  BudgetShare share_;
  BudgetShare index_share_;  ///< of the index that open() makes
  bool passes_through_ = false;
  bool collided_ = false;
  std::vector<std::uint32_t> out_of_;  ///< output number of each input series
  std::vector<bool> drops_name_;       ///< of each input series
  std::vector<Pending> pending_;
  std::size_t next_in_ = 0;
  std::size_t next_out_ = 0;
  StepColumn scratch_;
};

}  // namespace

VectorOperatorPtr merge_same_labels(VectorOperatorPtr child, const EvalContext& context) {
  return std::make_unique<MergeOperator>(std::move(child), context, false);
}

VectorOperatorPtr merge_after_function(VectorOperatorPtr child, const EvalContext& context) {
  if (context.query.delayed_name_removal && context.single_step()) return child;
  return std::make_unique<MergeOperator>(std::move(child), context, true);
}

}  // namespace narthex::query

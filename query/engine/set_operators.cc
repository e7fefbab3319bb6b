#include "query/engine/set_operators.h"

#include "query/engine/merge.h"
#include "query/engine/signatures.h"

namespace narthex::query {

namespace {

/// Which signatures are present at which steps.
class Presence {
 public:
  explicit Presence(EvalContext& context) : steps_(context.steps.count()), share_(context.query.budget) {}

  Result<void> reset(std::size_t signatures) {
    present_.resize(signatures);
    return share_.add(0, signatures * sizeof(StepBitmap));
  }
  Result<void> add(std::uint32_t signature, const StepBitmap& steps) {
    auto& bits = present_[signature];
    if (bits.size() == 0) {
      if (auto charged = share_.add(0, steps.size_bytes()); !charged) return charged;
      bits.reset(steps_);
    }
    bits |= steps;
    return {};
  }
  /// Null if the signature is never present.
  [[nodiscard]] const StepBitmap* of(std::uint32_t signature) const {
    return present_[signature].size() == 0 ? nullptr : &present_[signature];
  }

 private:
  std::size_t steps_;
  std::vector<StepBitmap> present_;
  BudgetShare share_;
};

/// `and`, `unless`: the right side is read for its presence alone.
class Filter final : public VectorOperator {
 public:
  Filter(EvalContext& context, bool keep_matched, const VectorMatching& matching, VectorOperatorPtr lhs,
         VectorOperatorPtr rhs)
      : keep_matched_(keep_matched),
        lhs_(std::move(lhs)),
        rhs_(std::move(rhs)),
        signatures_(context, matching),
        on_right_(context) {}

  Result<std::vector<SeriesInfo>> open() override {
    auto left = lhs_->open();
    if (!left) return left;
    auto right = rhs_->open();
    if (!right) return right;
    auto left_signature = signatures_.of(*left);
    if (!left_signature) return pass(left_signature);
    left_signature_ = std::move(*left_signature);
    const auto right_signature = signatures_.of(*right);
    if (!right_signature) return std::unexpected(right_signature.error());
    if (auto ready = on_right_.reset(signatures_.count()); !ready) return pass(ready);
    StepColumn column;
    for (std::size_t i = 0;; ++i) {
      auto more = rhs_->next(column);
      if (!more) return pass(more);
      if (!*more) return left;
      if (auto added = on_right_.add((*right_signature)[i], column.present); !added) return pass(added);
    }
  }

  Result<bool> next(StepColumn& out) override {
    auto more = lhs_->next(out);
    if (!more || !*more) return more;
    const StepBitmap* matched = on_right_.of(left_signature_[next_++]);
    if (keep_matched_) {
      if (matched)
        out.present &= *matched;
      else
        out.present.reset(out.values.size());
    } else if (matched) {
      out.present.subtract(*matched);
    }
    return true;
  }

 private:
  bool keep_matched_;
  VectorOperatorPtr lhs_;
  VectorOperatorPtr rhs_;
  Signatures signatures_;
  Presence on_right_;
  std::vector<std::uint32_t> left_signature_;
  std::size_t next_ = 0;
};

/// `or`: all of the left side, then what the right side has beyond it.
class Union final : public VectorOperator {
 public:
  Union(EvalContext& context, const VectorMatching& matching, VectorOperatorPtr lhs, VectorOperatorPtr rhs)
      : lhs_(std::move(lhs)), rhs_(std::move(rhs)), signatures_(context, matching), on_left_(context) {}

  Result<std::vector<SeriesInfo>> open() override {
    auto left = lhs_->open();
    if (!left) return left;
    auto right = rhs_->open();
    if (!right) return right;
    auto left_signature = signatures_.of(*left);
    if (!left_signature) return pass(left_signature);
    signature_ = std::move(*left_signature);
    left_size_ = left->size();
    const auto right_signature = signatures_.of(*right);
    if (!right_signature) return std::unexpected(right_signature.error());
    signature_.insert(signature_.end(), right_signature->begin(), right_signature->end());
    if (auto ready = on_left_.reset(signatures_.count()); !ready) return pass(ready);
    left->insert(left->end(), std::make_move_iterator(right->begin()), std::make_move_iterator(right->end()));
    return left;
  }

  Result<bool> next(StepColumn& out) override {
    if (!left_done_) {
      auto more = lhs_->next(out);
      if (!more) return more;
      if (*more) {
        if (auto added = on_left_.add(signature_[next_++], out.present); !added) return pass(added);
        return true;
      }
      left_done_ = true;
    }
    auto more = rhs_->next(out);
    if (!more || !*more) return more;
    if (const StepBitmap* taken = on_left_.of(signature_[next_++])) out.present.subtract(*taken);
    return true;
  }

 private:
  VectorOperatorPtr lhs_;
  VectorOperatorPtr rhs_;
  Signatures signatures_;
  Presence on_left_;
  std::vector<std::uint32_t> signature_;  ///< left series, then right
  std::size_t left_size_ = 0;
  bool left_done_ = false;
  std::size_t next_ = 0;
};

}  // namespace

VectorOperatorPtr make_set_operator(EvalContext& context, BinaryOp op, const VectorMatching& matching,
                                    VectorOperatorPtr lhs, VectorOperatorPtr rhs) {
  if (op == BinaryOp::logical_or)
    return merge_after_function(std::make_unique<Union>(context, matching, std::move(lhs), std::move(rhs)),
                                context);
  return merge_after_function(std::make_unique<Filter>(context, op == BinaryOp::logical_and, matching,
                                                       std::move(lhs), std::move(rhs)),
                              context);
}

}  // namespace narthex::query

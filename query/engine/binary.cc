#include "query/engine/binary.h"

#include <fmt/format.h>

#include <algorithm>

#include "query/engine/binary_pairs.h"
#include "query/engine/element_operators.h"
#include "query/engine/merge.h"
#include "query/engine/scalar_operators.h"
#include "query/engine/vector_scalar.h"

namespace narthex::query {

namespace {

/// Bitmaps that come to exist when first needed, charged to the query.
class LazyBitmaps {
 public:
  explicit LazyBitmaps(EvalContext& context) : steps_(context.steps.count()), share_(context.query.budget) {}
  void resize(std::size_t n) { bits_.resize(n); }
  Result<StepBitmap*> at(std::size_t i) {
    if (bits_[i].size() == 0) {
      bits_[i].reset(steps_);
      if (auto charged = share_.add(0, bits_[i].size_bytes()); !charged) return pass(charged);
    }
    return &bits_[i];
  }

 private:
  std::size_t steps_;
  std::vector<StepBitmap> bits_;
  BudgetShare share_;
};

class VectorBinary final : public VectorOperator {
 public:
  VectorBinary(EvalContext& context, const BinarySpec& spec, const VectorMatching& matching,
               VectorOperatorPtr lhs, VectorOperatorPtr rhs)
      : context_(context),
        spec_(spec),
        matching_(matching),
        swapped_(matching.card == Cardinality::one_to_many),
        many_(swapped_ ? std::move(rhs) : std::move(lhs)),
        one_(swapped_ ? std::move(lhs) : std::move(rhs)),
        pairs_(context, matching,
               {changes_metric(spec.op) || (spec.return_bool && !context.query.delayed_name_removal),
                spec.return_bool}),
        one_columns_(context.query.budget),
        matched_(context),
        matched_signature_(context),
        emitted_(context),
        annotator_(context.query.annotator()) {}

  Result<std::vector<SeriesInfo>> open() override;
  Result<bool> next(StepColumn& out) override;

 private:
  Result<void> next_many();
  Result<void> compute(const BinaryPairs::Output& output, StepColumn& out);
  void pair_up(const StepColumn& many, const StepColumn& one, StepColumn& out);
  void fill_unmatched_many(std::uint32_t signature, StepColumn& out);
  Result<void> fill_unmatched_one(const BinaryPairs::Output& output, StepColumn& out);
  Result<void> note_matches(const BinaryPairs::Output& output, const StepBitmap& matches);
  /// Floats that meet make a float, whatever they are.
  [[nodiscard]] bool is_plain() const {
    return spec_.op != BinaryOp::trim_upper && spec_.op != BinaryOp::trim_lower;
  }
  static ElementValue element(const StepColumn& column, std::size_t step) {
    return {column.values[step], column.histogram(step)};
  }
  void put(std::size_t step, double many, double one, StepColumn& out);
  bool put_mixed(std::size_t step, ElementValue many, ElementValue one, StepColumn& out);
  void tell_notes();
  Result<void> note_emitted(const BinaryPairs::Output& output, const StepBitmap& present);
  void find_duplicates();
  [[nodiscard]] Result<bool> finish();
  [[nodiscard]] std::string duplicate_text(std::size_t step) const;

  EvalContext& context_;
  BinarySpec spec_;
  const VectorMatching& matching_;
  bool swapped_;  ///< the many side is the right one
  VectorOperatorPtr many_;
  VectorOperatorPtr one_;
  BinaryPairs pairs_;
  HeldColumns one_columns_;
  std::vector<SeriesInfo> one_infos_;

  StepColumn many_column_;
  std::uint32_t many_index_ = ~std::uint32_t{0};  ///< of many_column_
  StepBitmap many_present_;                       ///< steps with any sample of the many side
  std::size_t next_output_ = 0;
  StepBitmap matches_;  ///< of the output being computed: steps at which two samples met

  LazyBitmaps matched_;            ///< per group of outputs that may not meet
  LazyBitmaps matched_signature_;  ///< per signature, for fill
  LazyBitmaps emitted_;            ///< per labels that several outputs have
  StepBitmap duplicates_;          ///< steps at which the one side has a signature twice
  std::size_t first_double_match_;
  std::size_t first_same_labels_;
  Annotator annotator_;
  std::vector<BinaryNote> last_note_;  ///< per step; empty if there is none
};

Result<std::vector<SeriesInfo>> VectorBinary::open() {
  auto lhs = (swapped_ ? one_ : many_)->open();
  if (!lhs) return lhs;
  auto rhs = (swapped_ ? many_ : one_)->open();
  if (!rhs) return rhs;
  const auto& many_infos = swapped_ ? *rhs : *lhs;
  one_infos_ = std::move(swapped_ ? *lhs : *rhs);
  if (auto read = drain(*one_, one_columns_); !read) return pass(read);
  auto infos = pairs_.build(many_infos, one_infos_);
  if (!infos) return infos;
  const auto steps = context_.steps.count();
  many_present_.reset(steps);
  first_double_match_ = first_same_labels_ = steps;
  matched_.resize(pairs_.count_groups());
  matched_signature_.resize(pairs_.count_signatures());
  emitted_.resize(pairs_.count_labels());
  find_duplicates();
  return infos;
}

void VectorBinary::find_duplicates() {
  duplicates_.reset(context_.steps.count());
  for (std::uint32_t s = 0; s < pairs_.count_signatures(); ++s) {
    const auto& ones = pairs_.ones_with_signature(s);
    if (ones.size() < 2) continue;
    StepBitmap seen = one_columns_[ones[0]].present;
    for (std::size_t k = 1; k < ones.size(); ++k) {
      StepBitmap both = one_columns_[ones[k]].present;
      both &= seen;
      duplicates_ |= both;
      seen |= one_columns_[ones[k]].present;
    }
  }
}

Result<bool> VectorBinary::next(StepColumn& out) {
  const auto& outputs = pairs_.outputs();
  if (next_output_ == outputs.size()) return finish();
  const auto& output = outputs[next_output_++];
  out.reset(context_.steps.count());
  if (output.many == BinaryPairs::kFill) {
    while (many_) {  // what is left of the many side may still match
      if (auto read = next_many(); !read) return pass(read);
    }
    if (auto filled = fill_unmatched_one(output, out); !filled) return pass(filled);
  } else {
    while (many_index_ != output.many) {
      if (auto read = next_many(); !read) return pass(read);
    }
    if (auto computed = compute(output, out); !computed) return pass(computed);
  }
  if (auto noted = note_emitted(output, out.present); !noted) return pass(noted);
  return true;
}

/// Reads the next series of the many side; forgets the side after its last one.
Result<void> VectorBinary::next_many() {
  auto more = many_->next(many_column_);
  if (!more) return pass(more);
  if (!*more) {
    many_.reset();
    return {};
  }
  ++many_index_;
  many_present_ |= many_column_.present;
  return {};
}

Result<void> VectorBinary::compute(const BinaryPairs::Output& output, StepColumn& out) {
  matches_.reset(context_.steps.count());
  for (const auto j : pairs_.ones(output)) {
    if (j == BinaryPairs::kFill)
      fill_unmatched_many(pairs_.signature_of_many(output.many), out);
    else
      pair_up(many_column_, one_columns_[j], out);
  }
  return note_matches(output, matches_);
}

void VectorBinary::pair_up(const StepColumn& many, const StepColumn& one, StepColumn& out) {
  StepBitmap both = many.present;
  both &= one.present;
  if (is_plain() && many.histograms.empty() && one.histograms.empty()) {
    both.for_each([&](std::size_t step) { put(step, many.values[step], one.values[step], out); });
    matches_ |= both;
    return;
  }
  both.for_each([&](std::size_t step) {
    if (put_mixed(step, element(many, step), element(one, step), out)) matches_.set(step);
  });
}

void VectorBinary::fill_unmatched_many(std::uint32_t signature, StepColumn& out) {
  StepBitmap alone = many_column_.present;
  for (const auto j : pairs_.ones_with_signature(signature)) alone.subtract(one_columns_[j].present);
  if (is_plain() && many_column_.histograms.empty()) {
    alone.for_each(
        [&](std::size_t step) { put(step, many_column_.values[step], *matching_.fill_right, out); });
    matches_ |= alone;
    return;
  }
  alone.for_each([&](std::size_t step) {
    if (put_mixed(step, element(many_column_, step), {*matching_.fill_right, nullptr}, out))
      matches_.set(step);
  });
}

Result<void> VectorBinary::fill_unmatched_one(const BinaryPairs::Output& output, StepColumn& out) {
  const auto j = pairs_.ones(output).front();
  auto matched = matched_signature_.at(pairs_.signature_of_one(j));
  if (!matched) return pass(matched);
  const StepColumn& one = one_columns_[j];
  StepBitmap alone = one.present;
  alone.subtract(**matched);
  alone.for_each([&](std::size_t step) {
    if (is_plain() && one.histograms.empty())
      put(step, *matching_.fill_left, one.values[step], out);
    else
      put_mixed(step, {*matching_.fill_left, nullptr}, element(one, step), out);
  });
  return {};
}

void VectorBinary::put(std::size_t step, double many, double one, StepColumn& out) {
  const double left = swapped_ ? one : many;
  const double right = swapped_ ? many : one;
  const double result = apply_scalar(spec_.op, left, right);
  if (!is_comparison(spec_.op) || spec_.return_bool)
    out.set(step, result);
  else if (result != 0)
    out.set(step, left);
}

/// @return  false if the two kinds of samples do not go together: then they have not met
bool VectorBinary::put_mixed(std::size_t step, ElementValue many, ElementValue one, StepColumn& out) {
  const ElementValue left = swapped_ ? one : many;
  const ElementValue right = swapped_ ? many : one;
  auto result = apply_elements(spec_.op, left, right);
  if (result.note != BinaryNote::none) {
    if (last_note_.empty()) last_note_.resize(context_.steps.count());
    last_note_[step] = result.note;
  }
  if (result.failed) return false;
  if (spec_.return_bool) {
    out.set(step, result.keep ? 1 : 0);
  } else if (is_comparison(spec_.op)) {
    if (!result.keep) return true;
    if (left.histogram)
      out.set_histogram(step, FloatHistogram(*left.histogram));
    else
      out.set(step, left.value);
  } else if (result.histogram) {
    out.set_histogram(step, std::move(*result.histogram));
  } else {
    out.set(step, result.value);
  }
  return true;
}

/// Of several notes at one step Prometheus tells the last.
void VectorBinary::tell_notes() {
  for (const BinaryNote n : last_note_)
    if (n != BinaryNote::none) note(annotator_, n, spec_.op, spec_.span);
  last_note_.clear();
}

/// Two outputs of a group that match at one step: the labels given do not tell them apart.
Result<void> VectorBinary::note_matches(const BinaryPairs::Output& output, const StepBitmap& matches) {
  if (matching_.fill_left) {
    auto of_signature = matched_signature_.at(pairs_.signature_of_many(output.many));
    if (!of_signature) return pass(of_signature);
    **of_signature |= matches;
  }
  if (!pairs_.has_several_members(output.group)) return {};
  auto matched = matched_.at(output.group);
  if (!matched) return pass(matched);
  first_double_match_ = std::min(first_double_match_, (*matched)->first_common(matches));
  **matched |= matches;
  return {};
}

Result<void> VectorBinary::note_emitted(const BinaryPairs::Output& output, const StepBitmap& present) {
  if (!pairs_.has_several_outputs(output.labels)) return {};
  auto emitted = emitted_.at(output.labels);
  if (!emitted) return pass(emitted);
  first_same_labels_ = std::min(first_same_labels_, (*emitted)->first_common(present));
  **emitted |= present;
  return {};
}

/// The error of the earliest step, if any; at one step in the order Prometheus looks.
Result<bool> VectorBinary::finish() {
  while (many_) {
    if (auto read = next_many(); !read) return pass(read);
  }
  tell_notes();
  // Without a sample on the other side nothing is compared, unless a fill value stands in.
  if (!matching_.fill_left && !matching_.fill_right) duplicates_ &= many_present_;
  const auto steps = context_.steps.count();
  const auto first_duplicate = duplicates_.first();
  if (first_duplicate < steps && first_duplicate <= first_double_match_ &&
      first_duplicate <= first_same_labels_)
    return fail(Code::execution, duplicate_text(first_duplicate));
  if (first_double_match_ < steps && first_double_match_ <= first_same_labels_)
    return fail(Code::execution,
                matching_.card == Cardinality::one_to_one
                    ? "multiple matches for labels: many-to-one matching must be explicit "
                      "(group_left/group_right)"
                    : "multiple matches for labels: grouping labels must ensure unique matches");
  const bool judged = !context_.query.delayed_name_removal || !context_.single_step();
  if (first_same_labels_ < steps && judged) return fail(Code::execution, std::string(kSameLabelset));
  return false;
}

std::string VectorBinary::duplicate_text(std::size_t step) const {
  std::vector<std::uint32_t> first_of(pairs_.count_signatures(), BinaryPairs::kFill);
  for (std::uint32_t j = 0; j < one_columns_.size(); ++j) {
    if (!one_columns_[j].present.test(step)) continue;
    auto& first = first_of[pairs_.signature_of_one(j)];
    if (first == BinaryPairs::kFill) {
      first = j;
      continue;
    }
    const auto& pool = context_.query.pool;
    std::string a = pool.labels(one_infos_[first].labels).to_string();
    std::string b = pool.labels(one_infos_[j].labels).to_string();
    if (a > b) std::swap(a, b);
    return fmt::format(
        "found duplicate series for the match group {} on the {} hand-side of the operation: [{}, {}]"
        ";many-to-many matching not allowed: matching labels must be unique on one side",
        pool.labels(pairs_.matched_labels(one_infos_[j].labels)).to_string(), swapped_ ? "left" : "right", a,
        b);
  }
  return {};
}

}  // namespace

VectorOperatorPtr make_vector_binary(EvalContext& context, const BinarySpec& spec,
                                     const VectorMatching& matching, VectorOperatorPtr lhs,
                                     VectorOperatorPtr rhs) {
  return merge_after_function(
      std::make_unique<VectorBinary>(context, spec, matching, std::move(lhs), std::move(rhs)), context);
}

}  // namespace narthex::query

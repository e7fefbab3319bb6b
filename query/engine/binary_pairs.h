// BinaryPairs: which series of the two sides of a binary operator meet, and under which labels
// their results go on. Everything that depends on labels alone, computed once per series.
//
// One side may have several series per signature at a step (the "many" side, the left one
// unless group_right is given), the other only one (the "one" side); which one it is may change
// from step to step, as when a pod was restarted.
//
// Threads: one at a time.
// Source: Prometheus promql/engine.go, VectorBinop, resultMetric
#pragma once

#include <span>

#include "query/engine/signatures.h"

namespace narthex::query {

class BinaryPairs {
 public:
  static constexpr std::uint32_t kFill = ~std::uint32_t{0};

  /// One output: a series of the many side with those of the one side that give these labels.
  struct Output {
    std::uint32_t many = 0;    ///< index, or kFill: the one side's series alone with the fill value
    std::uint32_t labels = 0;  ///< number of its labels
    std::uint32_t group = 0;   ///< outputs of one group may not meet at a step
    std::uint32_t first_one = 0;
    std::uint32_t last_one = 0;  ///< ones()[first_one, last_one)
  };

  struct Spec {
    bool drop_name = false;  ///< __name__ goes at once
    bool return_bool = false;
  };

  BinaryPairs(EvalContext& context, const VectorMatching& matching, const Spec& spec);

  /// @param many, one  labels of the sides; the infos of all outputs, in their order
  /// Errors: limit, timeout, cancelled.
  Result<std::vector<SeriesInfo>> build(const std::vector<SeriesInfo>& many,
                                        const std::vector<SeriesInfo>& one);

  [[nodiscard]] const std::vector<Output>& outputs() const { return outputs_; }
  /// Series of the one side (or kFill: the fill value) that take part in an output.
  [[nodiscard]] std::span<const std::uint32_t> ones(const Output& o) const {
    return std::span(ones_).subspan(o.first_one, o.last_one - o.first_one);
  }
  [[nodiscard]] std::uint32_t signature_of_many(std::uint32_t i) const { return many_signature_[i]; }
  [[nodiscard]] std::uint32_t signature_of_one(std::uint32_t i) const { return one_signature_[i]; }
  [[nodiscard]] const std::vector<std::uint32_t>& ones_with_signature(std::uint32_t s) const {
    return ones_of_[s];
  }
  [[nodiscard]] std::size_t count_signatures() const { return ones_of_.size(); }
  [[nodiscard]] bool has_several_outputs(std::uint32_t labels) const {
    return outputs_per_labels_[labels] > 1;
  }
  [[nodiscard]] bool has_several_members(std::uint32_t group) const { return members_[group] > 1; }
  [[nodiscard]] std::size_t count_labels() const { return outputs_per_labels_.size(); }
  [[nodiscard]] std::size_t count_groups() const { return members_.size(); }
  [[nodiscard]] LabelIds matched_labels(const LabelIds& labels) const {
    return signatures_.matched_labels(labels);
  }

 private:
  Result<void> add_many(std::uint32_t i, const LabelIds& labels, const std::vector<SeriesInfo>& one);
  Result<void> add_output(std::uint32_t many, std::uint32_t signature, LabelIds labels,
                          std::span<const std::uint32_t> ones);
  [[nodiscard]] LabelIds result_labels(const LabelIds& many, const LabelIds& one);

  QueryState& query_;
  const VectorMatching& matching_;
  Spec spec_;
  Signatures signatures_;
  NameSet match_names_;
  std::vector<NameId> include_;
  std::vector<std::uint32_t> many_signature_;
  std::vector<std::uint32_t> one_signature_;
  std::vector<std::vector<std::uint32_t>> ones_of_;
  std::vector<Output> outputs_;
  std::vector<SeriesInfo> infos_;
  std::vector<std::uint32_t> ones_;
  LabelIdsIndex labels_;
  std::vector<std::uint32_t> outputs_per_labels_;
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> groups_;
  std::vector<std::uint32_t> members_;
  LabelListMeter lists_;
  BudgetShare share_;  ///< everything else that grows with the outputs
};

}  // namespace narthex::query

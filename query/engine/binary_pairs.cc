#include "query/engine/binary_pairs.h"

namespace narthex::query {

BinaryPairs::BinaryPairs(EvalContext& context, const VectorMatching& matching, const Spec& spec)
    : query_(context.query),
      matching_(matching),
      spec_(spec),
      signatures_(context, matching),
      match_names_(context.query.pool, matching.labels),
      lists_(context.query.budget),
      share_(context.query.budget) {
  for (const auto& name : matching.include) include_.push_back(query_.pool.name(name));
}

Result<std::vector<SeriesInfo>> BinaryPairs::build(const std::vector<SeriesInfo>& many,
                                                   const std::vector<SeriesInfo>& one) {
  auto of_many = signatures_.of(many);
  if (!of_many) return pass(of_many);
  many_signature_ = std::move(*of_many);
  auto of_one = signatures_.of(one);
  if (!of_one) return pass(of_one);
  one_signature_ = std::move(*of_one);
  ones_of_.resize(signatures_.count());
  for (std::uint32_t j = 0; j < one.size(); ++j) ones_of_[one_signature_[j]].push_back(j);
  for (std::uint32_t i = 0; i < many.size(); ++i) {
    // One series may meet any number of others.
    if (auto going_on = query_.deadline.check(); !going_on) return pass(going_on);
    if (auto added = add_many(i, many[i].labels, one); !added) return pass(added);
  }
  if (matching_.fill_left)
    for (std::uint32_t j = 0; j < one.size(); ++j) {
      auto added = add_output(kFill, one_signature_[j],
                              result_labels(signatures_.matched_labels(one[j].labels), one[j].labels),
                              std::span(&j, 1));
      if (!added) return pass(added);
    }
  if (auto charged = lists_.settle(); !charged) return pass(charged);
  return std::move(infos_);
}

Result<void> BinaryPairs::add_many(std::uint32_t i, const LabelIds& labels,
                                   const std::vector<SeriesInfo>& one) {
  const auto signature = many_signature_[i];
  std::vector<std::uint32_t> partners = ones_of_[signature];
  if (matching_.fill_right) partners.push_back(kFill);
  if (partners.empty()) return {};
  const auto with = [&](std::uint32_t j) {
    return result_labels(labels, j == kFill ? signatures_.matched_labels(labels) : one[j].labels);
  };
  if (include_.empty() || partners.size() == 1)
    return add_output(i, signature, with(partners.front()), partners);
  // Labels taken over from the one side may differ: an output for each set of labels.
  LabelIdsIndex index;
  std::vector<std::pair<LabelIds, std::vector<std::uint32_t>>> by_labels;
  for (const auto j : partners) {
    LabelIds result = with(j);
    const auto [number, is_new] = index.insert(result);
    if (is_new) by_labels.emplace_back(std::move(result), std::vector<std::uint32_t>());
    by_labels[number].second.push_back(j);
  }
  for (auto& [result, ones] : by_labels)
    if (auto added = add_output(i, signature, std::move(result), ones); !added) return added;
  return {};
}

Result<void> BinaryPairs::add_output(std::uint32_t many, std::uint32_t signature, LabelIds labels,
                                     std::span<const std::uint32_t> ones) {
  const auto [number, is_new] = labels_.insert(labels);
  if (is_new) outputs_per_labels_.push_back(0);
  ++outputs_per_labels_[number];
  // One-to-one: one match per signature. Else: one per signature and labels.
  const bool one_to_one = matching_.card == Cardinality::one_to_one;
  const std::uint64_t key = std::uint64_t{signature} << 32 | (one_to_one ? 0 : number);
  const auto [group, is_first] = groups_.try_emplace(key, static_cast<std::uint32_t>(members_.size()));
  if (is_first) members_.push_back(0);
  ++members_[group->second];
  const auto first = static_cast<std::uint32_t>(ones_.size());
  ones_.insert(ones_.end(), ones.begin(), ones.end());
  outputs_.push_back({many, number, group->second, first, static_cast<std::uint32_t>(ones_.size())});
  if (auto charged = lists_.add(labels); !charged) return charged;
  infos_.push_back({std::move(labels), spec_.return_bool});
  constexpr std::uint64_t kBytesPerOutput = sizeof(Output) + 32;
  return share_.set_bytes(labels_.size_bytes() + outputs_.size() * kBytesPerOutput +
                          ones_.size() * sizeof(std::uint32_t));
}

LabelIds BinaryPairs::result_labels(const LabelIds& many, const LabelIds& one) {
  LabelIds result = spec_.drop_name ? without_metric_name(query_, many) : many;
  if (matching_.card == Cardinality::one_to_one)
    result = matching_.on ? keep_names(query_.pool, result, match_names_)
                          : without_names(query_.pool, result, match_names_);
  for (const auto name : include_) query_.pool.set(result, name, query_.pool.get(one, name));
  return result;
}

}  // namespace narthex::query

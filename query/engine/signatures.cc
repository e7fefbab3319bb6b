#include "query/engine/signatures.h"

namespace narthex::query {

Signatures::Signatures(EvalContext& context, const VectorMatching& matching)
    : query_(context.query),
      on_(matching.on),
      names_(context.query.pool, matching.labels),
      share_(context.query.budget) {
  if (!on_) names_.add(context.query.metric_name);
}

Result<std::vector<std::uint32_t>> Signatures::of(const std::vector<SeriesInfo>& series) {
  std::vector<std::uint32_t> numbers;
  numbers.reserve(series.size());
  for (const auto& s : series) {
    numbers.push_back(index_.insert(matched_labels(s.labels)).first);
    if (auto charged = share_.set_bytes(index_.size_bytes()); !charged) return pass(charged);
  }
  return numbers;
}

LabelIds Signatures::matched_labels(const LabelIds& labels) const {
  return on_ ? keep_names(query_.pool, labels, names_) : without_names(query_.pool, labels, names_);
}

}  // namespace narthex::query

#include "query/engine/label_ops.h"

namespace narthex::query {

LabelIds keep_names(const LabelPool& pool, std::span<const PairId> labels, const NameSet& names) {
  LabelIds kept;
  for (const auto pair : labels)
    if (names.has(pool.name_of(pair))) kept.push_back(pair);
  return kept;
}

LabelIds without_names(const LabelPool& pool, std::span<const PairId> labels, const NameSet& names) {
  LabelIds kept;
  kept.reserve(labels.size());
  for (const auto pair : labels)
    if (!names.has(pool.name_of(pair))) kept.push_back(pair);
  return kept;
}

LabelIds without_metric_name(const QueryState& query, std::span<const PairId> labels) {
  LabelIds kept;
  kept.reserve(labels.size());
  for (const auto pair : labels) {
    const auto name = query.pool.name_of(pair);
    if (name != query.metric_name && name != query.type_label && name != query.unit_label)
      kept.push_back(pair);
  }
  return kept;
}

}  // namespace narthex::query

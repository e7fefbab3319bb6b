// What operators do with label lists: dropping, keeping, comparing and numbering them, by ids.
//
// Threads: one at a time.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/label_pool.h"
#include "query/engine/query_state.h"

namespace narthex::query {

/// A set of label names, as in by (...), ignoring (...).
class NameSet {
 public:
  NameSet() = default;
  NameSet(LabelPool& pool, std::span<const std::string> names) {
    for (const auto& n : names) add(pool.name(n));
  }
  void add(NameId name) {
    const auto i = static_cast<std::size_t>(name);
    if (i >= has_.size()) has_.resize(i + 1);
    has_[i] = true;
  }
  [[nodiscard]] bool has(NameId name) const {
    const auto i = static_cast<std::size_t>(name);
    return i < has_.size() && has_[i];
  }

 private:
  std::vector<bool> has_;
};

LabelIds keep_names(const LabelPool& pool, std::span<const PairId> labels, const NameSet& names);
LabelIds without_names(const LabelPool& pool, std::span<const PairId> labels, const NameSet& names);
/// Without __name__, __type__ and __unit__: what most functions do.
LabelIds without_metric_name(const QueryState& query, std::span<const PairId> labels);

struct LabelIdsHash {
  using is_avalanching = void;
  std::size_t operator()(const LabelIds& ids) const {
    std::uint64_t h = 0x9e3779b97f4a7c15ULL ^ ids.size();
    for (const auto id : ids) {
      h ^= static_cast<std::uint32_t>(id);
      h *= 0xff51afd7ed558ccdULL;
      h ^= h >> 32;
    }
    return h;
  }
};

/// Numbers label lists in order of first appearance.
class LabelIdsIndex {
 public:
  /// @return  the number, and whether the list is new
  std::pair<std::uint32_t, bool> insert(const LabelIds& ids) {
    const auto [at, is_new] = numbers_.try_emplace(ids, static_cast<std::uint32_t>(numbers_.size()));
    if (is_new) bytes_ += kSlots * sizeof(LabelIds) + ids.size() * sizeof(PairId) + kHeapBlock;
    return {at->second, is_new};
  }
  [[nodiscard]] std::size_t size() const { return numbers_.size(); }
  /// About what it holds, with what the heap adds.
  [[nodiscard]] std::uint64_t size_bytes() const { return bytes_; }

 private:
  static constexpr std::uint64_t kHeapBlock = 16;
  static constexpr std::uint64_t kSlots = 4;  ///< for each entry, while the table grows

  boost::unordered_flat_map<LabelIds, std::uint32_t, LabelIdsHash> numbers_;
  std::uint64_t bytes_ = 0;
};

/// The text for two samples of one step with equal labels.
inline constexpr std::string_view kSameLabelset = "vector cannot contain metrics with the same labelset";

}  // namespace narthex::query

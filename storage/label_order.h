// Sorting series of one LabelPool by their labels, as Labels' <=> would.
//
// Text is compared once per distinct pair, not once per comparison of two series: pairs get a
// rank by (name, value), and series compare as lists of ranks.
//
// Threads: any, while nobody adds to the pool.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "model/label_pool.h"

namespace narthex::storage {

/// Rank of each pair that occurs, indexed by its id; other entries mean nothing.
std::vector<std::uint32_t> rank_pairs(const LabelPool& pool, std::vector<PairId> occurring);

/// Numbers 0..size-1 in the order of their series' labels.
/// @param labels  labels(i) is a span of PairId
template <class LabelsOf>
std::vector<std::uint32_t> order_by_labels(const LabelPool& pool, std::size_t size, LabelsOf&& labels) {
  std::vector<std::uint32_t> order(size);
  std::iota(order.begin(), order.end(), 0U);
  if (size < 2) return order;
  std::vector<PairId> occurring;
  std::vector<bool> seen(pool.count_pairs());
  for (std::size_t i = 0; i < size; ++i) {
    for (const PairId p : labels(i)) {
      if (seen[static_cast<std::uint32_t>(p)]) continue;
      seen[static_cast<std::uint32_t>(p)] = true;
      occurring.push_back(p);
    }
  }
  const std::vector<std::uint32_t> ranks = rank_pairs(pool, std::move(occurring));
  std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
    return std::ranges::lexicographical_compare(labels(a), labels(b), [&](PairId x, PairId y) {
      return ranks[static_cast<std::uint32_t>(x)] < ranks[static_cast<std::uint32_t>(y)];
    });
  });
  return order;
}

}  // namespace narthex::storage

// SelectBudget: the memory that a select may take, asked for as its result grows, so that a
// query that matches too much ends before it holds it.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/label_pool.h"
#include "model/result.h"

namespace narthex::storage {

class SelectBudget {
 public:
  virtual ~SelectBudget() = default;
  /// `bytes` more are held, until the querier's user lets them go.
  /// Errors: limit.
  virtual Result<void> hold(std::uint64_t bytes) = 0;
};

/// Measures a select: its own buffers and what it adds to the pool.
class SelectMeter {
 public:
  /// @param budget  null: nothing is measured
  SelectMeter(SelectBudget* budget, const LabelPool& pool)
      : budget_(budget), pool_(pool), pool_bytes_(budget ? pool.size_bytes() : 0) {}

  /// Told for each series; asks the budget now and then. @param set_bytes  held by the set by now
  Result<void> series_added(std::size_t set_bytes) {
    static constexpr std::uint32_t kEvery = 1024;
    if (++series_ % kEvery != 0) return {};
    return settle(set_bytes);
  }
  /// Once, at the end.
  Result<void> settle(std::size_t set_bytes) {
    if (!budget_) return {};
    const std::size_t now = set_bytes + pool_.size_bytes() - pool_bytes_;
    if (now <= told_) return {};
    const std::size_t more = now - told_;
    told_ = now;
    return budget_->hold(more);
  }

 private:
  SelectBudget* budget_;
  const LabelPool& pool_;
  std::size_t pool_bytes_;
  std::size_t told_ = 0;
  std::uint32_t series_ = 0;
};

}  // namespace narthex::storage

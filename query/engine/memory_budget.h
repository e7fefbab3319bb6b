// QueryBudget: what one query holds, in bytes and in samples, against its two limits.
//
// Samples are counted as Prometheus' max-samples counts them (a float is 1), but only those
// really held at once: a query that Prometheus admits at a limit is never refused here.
// Holders charge through a BudgetShare, which gives everything back when it dies.
//
// Threads: one at a time (a query's own thread).
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/result.h"

namespace narthex::query {

class QueryBudget {
 public:
  QueryBudget(std::uint64_t max_samples, std::uint64_t max_bytes)
      : max_samples_(max_samples), max_bytes_(max_bytes) {}

  /// Errors: limit, with the text of Prometheus for samples and the limit named for bytes.
  Result<void> charge(std::uint64_t samples, std::uint64_t bytes);
  void release(std::uint64_t samples, std::uint64_t bytes);
  /// Samples that are held only while one series is worked on.
  Result<void> check_passing(std::uint64_t samples);

  [[nodiscard]] std::uint64_t peak_samples() const { return peak_samples_; }
  [[nodiscard]] std::uint64_t peak_bytes() const { return peak_bytes_; }

 private:
  std::uint64_t max_samples_;
  std::uint64_t max_bytes_;
  std::uint64_t samples_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t peak_samples_ = 0;
  std::uint64_t peak_bytes_ = 0;
};

/// What one holder has charged.
class BudgetShare {
 public:
  explicit BudgetShare(QueryBudget& budget) : budget_(&budget) {}
  BudgetShare(const BudgetShare&) = delete;
  BudgetShare& operator=(const BudgetShare&) = delete;
  ~BudgetShare() { clear(); }

  Result<void> add(std::uint64_t samples, std::uint64_t bytes) {
    if (auto charged = budget_->charge(samples, bytes); !charged) return charged;
    samples_ += samples;
    bytes_ += bytes;
    return {};
  }
  /// For buffers that grow: charges the difference to what was set before.
  Result<void> set_bytes(std::uint64_t bytes) {
    if (bytes <= bytes_) return {};
    return add(0, bytes - bytes_);
  }
  void clear() {
    budget_->release(samples_, bytes_);
    samples_ = bytes_ = 0;
  }

 private:
  QueryBudget* budget_;
  std::uint64_t samples_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace narthex::query

// QueryBudget: what one query holds, in bytes and in samples, against its limits and those of
// all queries together.
//
// Samples are counted as Prometheus' max-samples counts them (a float is 1), but only those
// really held at once: a query that Prometheus admits at a limit is never refused here.
// Holders charge through a BudgetShare, which gives everything back when it dies and knows
// which part of the query it works for.
//
// Threads: one at a time (a query's own thread).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "model/result.h"
#include "query/engine/memory_pool.h"
#include "query/engine/running_queries.h"
#include "query/promql/ast.h"

namespace narthex::query {

class QueryBudget {
 public:
  /// @param query  its text, for places in errors; must outlive the budget, as must `progress`
  QueryBudget(std::uint64_t max_samples, std::uint64_t max_bytes, std::shared_ptr<MemoryPool> pool,
              std::string_view query, QueryProgress& progress);
  QueryBudget(const QueryBudget&) = delete;
  QueryBudget& operator=(const QueryBudget&) = delete;
  ~QueryBudget();

  /// @param at  the part of the query that wants it
  /// Errors: limit, with the text of Prometheus for samples; for bytes it names the limit, what
  /// is held and wanted, and line and column.
  Result<void> charge(std::uint64_t samples, std::uint64_t bytes, Span at);
  void release(std::uint64_t samples, std::uint64_t bytes);
  /// Samples that are held only while one series is worked on.
  Result<void> check_passing(std::uint64_t samples);
  /// Lets `bytes` of what is charged live on, beyond the query, until the result is dropped.
  [[nodiscard]] std::shared_ptr<const PooledBytes> detach(std::uint64_t bytes);

  [[nodiscard]] std::uint64_t peak_samples() const { return peak_samples_; }
  [[nodiscard]] std::uint64_t peak_bytes() const { return peak_bytes_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] QueryProgress& progress() { return progress_; }

  /// The part of the query whose operators are made now.
  [[nodiscard]] Span place() const { return place_; }
  class PlaceScope {
   public:
    PlaceScope(QueryBudget& budget, Span place) : budget_(budget), before_(budget.place_) {
      budget.place_ = place;
    }
    ~PlaceScope() { budget_.place_ = before_; }
    PlaceScope(const PlaceScope&) = delete;
    PlaceScope& operator=(const PlaceScope&) = delete;

   private:
    QueryBudget& budget_;
    Span before_;
  };

 private:
  Result<void> reserve(std::uint64_t bytes, Span at);
  void show();

  const std::uint64_t max_samples_;
  const std::uint64_t max_bytes_;
  const std::shared_ptr<MemoryPool> pool_;
  const std::string_view query_;
  QueryProgress& progress_;
  Span place_;
  std::uint64_t samples_ = 0;
  std::uint64_t bytes_ = 0;
  /// Taken from the pool, and kept to the query's end: what it gave up before stays with the heap.
  std::uint64_t reserved_ = 0;
  std::uint64_t peak_samples_ = 0;
  std::uint64_t peak_bytes_ = 0;
};

/// What one holder has charged.
class BudgetShare {
 public:
  explicit BudgetShare(QueryBudget& budget) : BudgetShare(budget, budget.place()) {}
  /// @param at  the part of the query it works for
  BudgetShare(QueryBudget& budget, Span at) : budget_(&budget), at_(at) {}
  BudgetShare(const BudgetShare&) = delete;
  BudgetShare& operator=(const BudgetShare&) = delete;
  ~BudgetShare() { clear(); }

  Result<void> add(std::uint64_t samples, std::uint64_t bytes) {
    if (auto charged = budget_->charge(samples, bytes, at_); !charged) return charged;
    samples_ += samples;
    bytes_ += bytes;
    return {};
  }
  /// For buffers that grow: charges the difference to what was set before.
  Result<void> set_bytes(std::uint64_t bytes) {
    if (bytes <= bytes_) return {};
    return add(0, bytes - bytes_);
  }
  /// A part of what was added.
  void give_back(std::uint64_t samples, std::uint64_t bytes) {
    budget_->release(samples, bytes);
    samples_ -= samples;
    bytes_ -= bytes;
  }
  void clear() {
    budget_->release(samples_, bytes_);
    samples_ = bytes_ = 0;
  }
  /// What is held becomes the result's, which outlives the query.
  [[nodiscard]] std::shared_ptr<const PooledBytes> detach() {
    auto detached = budget_->detach(bytes_);
    budget_->release(samples_, 0);
    samples_ = bytes_ = 0;
    return detached;
  }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] QueryBudget& budget() const { return *budget_; }
  [[nodiscard]] Span at() const { return at_; }

 private:
  QueryBudget* budget_;
  Span at_;
  std::uint64_t samples_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace narthex::query

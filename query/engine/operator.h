// The operators a query is made of.
//
// A VectorOperator first tells the labels of all its output series (open), then yields their
// values one series at a time, for all steps at once (next). Consumers always read to the end:
// an operator may find only there that the query must fail, because Prometheus reports the
// error of the earliest step.
//
// Threads: one at a time.
#pragma once

#include <memory>
#include <vector>

#include "model/label_pool.h"
#include "model/result.h"
#include "query/engine/query_state.h"
#include "query/engine/step_column.h"
#include "storage/querier.h"

namespace narthex::query {

struct SeriesInfo {
  LabelIds labels;
  /// The metric name goes at the end of the query (delayed name removal), or has gone already.
  bool drop_name = false;
};

/// Bytes of samples that a series was read into.
std::uint64_t sample_bytes(const storage::SampleColumns& samples);

/// Bytes of one series in a list of series, with what the heap adds.
inline std::uint64_t label_list_bytes(std::size_t labels) {
  constexpr std::size_t kHeapBlock = 16;
  return sizeof(SeriesInfo) + (labels * sizeof(PairId) + 2 * kHeapBlock - 1) / kHeapBlock * kHeapBlock;
}

/// Charges lists of labels that an operator makes, a bunch at a time.
class LabelListMeter {
 public:
  explicit LabelListMeter(QueryBudget& budget) : share_(budget) {}
  LabelListMeter(QueryBudget& budget, Span at) : share_(budget, at) {}
  Result<void> add(const LabelIds& labels) {
    static constexpr std::uint64_t kBunch = 16 * 1024;
    pending_ += label_list_bytes(labels.size());
    return pending_ < kBunch ? Result<void>() : settle();
  }
  Result<void> settle() {
    const std::uint64_t bytes = pending_;
    pending_ = 0;
    return share_.add(0, bytes);
  }

 private:
  BudgetShare share_;
  std::uint64_t pending_ = 0;
};

class VectorOperator {
 public:
  virtual ~VectorOperator() = default;
  /// Called once, first. The same labels may come several times.
  virtual Result<std::vector<SeriesInfo>> open() = 0;
  /// Overwrites `out` with the next series, in the order of open(); a series may be absent at
  /// all steps. @return  false after the last one; consumers call until then.
  virtual Result<bool> next(StepColumn& out) = 0;
};
using VectorOperatorPtr = std::unique_ptr<VectorOperator>;

class ScalarOperator {
 public:
  virtual ~ScalarOperator() = default;
  /// values[step]; called once.
  virtual Result<std::vector<double>> values() = 0;
};
using ScalarOperatorPtr = std::unique_ptr<ScalarOperator>;

/// The series of an opened selector by their numbers, for several threads at once.
class SeriesReads {
 public:
  virtual ~SeriesReads() = default;
  /// Overwrites `out` with the samples of series `i`, staleness markers left out; charges nothing.
  /// Errors: those of the store, timeout, cancelled.
  virtual Result<void> read(std::size_t i, storage::SampleColumns& out) const = 0;
};

/// Where range functions take their samples from: a selector or a subquery.
class RangeSource {
 public:
  virtual ~RangeSource() = default;
  virtual Result<std::vector<SeriesInfo>> open() = 0;
  /// Overwrites `out` with the samples of the next series, staleness markers left out.
  /// @return  false after the last one
  virtual Result<bool> next(storage::SampleColumns& out) = 0;
  /// Instead of next(). Null: the series come one after another only.
  [[nodiscard]] virtual const SeriesReads* reads() const { return nullptr; }
};
using RangeSourcePtr = std::unique_ptr<RangeSource>;

/// Columns an operator keeps, charged to the query.
class HeldColumns {
 public:
  explicit HeldColumns(QueryBudget& budget) : share_(budget) {}
  Result<void> add(StepColumn&& column) {
    if (auto charged = share_.add(column.count_samples(), bytes_of(column)); !charged) return charged;
    columns_.push_back(std::move(column));
    return {};
  }
  [[nodiscard]] std::size_t size() const { return columns_.size(); }
  /// Hands one on: whoever gets it charges it.
  StepColumn take(std::size_t i) {
    share_.give_back(columns_[i].count_samples(), bytes_of(columns_[i]));
    return std::move(columns_[i]);
  }
  StepColumn& operator[](std::size_t i) { return columns_[i]; }
  const StepColumn& operator[](std::size_t i) const { return columns_[i]; }
  void clear() {
    columns_.clear();
    share_.clear();
  }

 private:
  /// With the column itself and what the heap adds to its two buffers.
  static std::uint64_t bytes_of(const StepColumn& column) {
    return column.size_bytes() + sizeof(StepColumn) + 32;
  }

  BudgetShare share_;
  std::vector<StepColumn> columns_;
};

/// Reads an opened operator to its end.
Result<void> drain(VectorOperator& from, HeldColumns& into);

}  // namespace narthex::query

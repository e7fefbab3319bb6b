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

/// Where range functions take their samples from: a selector or a subquery.
class RangeSource {
 public:
  virtual ~RangeSource() = default;
  virtual Result<std::vector<SeriesInfo>> open() = 0;
  /// Overwrites `out` with the samples of the next series, staleness markers left out.
  /// @return  false after the last one
  virtual Result<bool> next(storage::SampleColumns& out) = 0;
};
using RangeSourcePtr = std::unique_ptr<RangeSource>;

/// Columns an operator keeps, charged to the query.
class HeldColumns {
 public:
  explicit HeldColumns(QueryBudget& budget) : share_(budget) {}
  Result<void> add(StepColumn&& column) {
    if (auto charged = share_.add(column.count_samples(), column.size_bytes()); !charged) return charged;
    columns_.push_back(std::move(column));
    return {};
  }
  [[nodiscard]] std::size_t size() const { return columns_.size(); }
  StepColumn& operator[](std::size_t i) { return columns_[i]; }
  const StepColumn& operator[](std::size_t i) const { return columns_[i]; }
  void clear() {
    columns_.clear();
    share_.clear();
  }

 private:
  BudgetShare share_;
  std::vector<StepColumn> columns_;
};

/// Reads an opened operator to its end.
Result<void> drain(VectorOperator& from, HeldColumns& into);

}  // namespace narthex::query

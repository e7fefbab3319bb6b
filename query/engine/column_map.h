// ColumnMap: operators that turn each series of their input into one output series, by value.
//
// Threads: one at a time.
#pragma once

#include "query/engine/label_ops.h"
#include "query/engine/operator.h"

namespace narthex::query {

class ColumnMap : public VectorOperator {
 public:
  /// @param drop_name  the result is no longer the metric it was
  ColumnMap(EvalContext& context, VectorOperatorPtr child, bool drop_name)
      : context_(context), child_(std::move(child)), drop_name_(drop_name) {}

  Result<std::vector<SeriesInfo>> open() final {
    if (auto ready = prepare(); !ready) return pass(ready);
    auto series = child_->open();
    if (!series || !drop_name_) return series;
    for (auto& s : *series) {
      if (!context_.query.delayed_name_removal) s.labels = without_metric_name(context_.query, s.labels);
      s.drop_name = true;
    }
    return series;
  }

  Result<bool> next(StepColumn& out) final {
    auto more = child_->next(out);
    if (!more || !*more) return more;
    if (!takes_histograms()) out.drop_histograms();
    map(out);
    return true;
  }

 protected:
  /// Otherwise map() sees floats only: most functions ignore histograms.
  [[nodiscard]] virtual bool takes_histograms() const { return false; }
  /// Before the input is opened: scalar arguments are evaluated here.
  virtual Result<void> prepare() { return {}; }
  virtual void map(StepColumn& column) = 0;
  EvalContext& context_;

 private:
  VectorOperatorPtr child_;
  bool drop_name_;
};

/// One series made of nothing but the steps.
class SingleSeries : public VectorOperator {
 public:
  explicit SingleSeries(EvalContext& context) : context_(context) {}
  Result<bool> next(StepColumn& out) final {
    if (done_) return false;
    done_ = true;
    out.reset(context_.steps.count());
    fill(out);
    return true;
  }

 protected:
  virtual void fill(StepColumn& out) = 0;
  EvalContext& context_;

 private:
  bool done_ = false;
};

}  // namespace narthex::query

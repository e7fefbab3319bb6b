#include "query/functions/histogram_values.h"

#include <cmath>

#include "query/engine/column_map.h"
#include "query/engine/merge.h"
#include "query/histogram/statistics.h"

namespace narthex::query {

namespace {

double value_of(FunctionId id, const FloatHistogram& h) {
  switch (id) {
    case FunctionId::histogram_count:
      return h.count;
    case FunctionId::histogram_sum:
      return h.sum;
    case FunctionId::histogram_avg:
      return native_mean(h);
    case FunctionId::histogram_stddev:
      return std::sqrt(native_variance(h));
    default:
      return native_variance(h);
  }
}

class HistogramValue final : public ColumnMap {
 public:
  HistogramValue(EvalContext& context, FunctionId id, VectorOperatorPtr child)
      : ColumnMap(context, std::move(child), true), id_(id) {}

 private:
  [[nodiscard]] bool takes_histograms() const override { return true; }
  void map(StepColumn& column) override {
    column.drop_floats();
    column.present.for_each(
        [&](std::size_t step) { column.values[step] = value_of(id_, *column.histogram(step)); });
    column.histograms.clear();
  }

  FunctionId id_;
};

}  // namespace

VectorOperatorPtr make_histogram_value(EvalContext& context, FunctionId id, VectorOperatorPtr child) {
  return merge_after_function(std::make_unique<HistogramValue>(context, id, std::move(child)), context);
}

}  // namespace narthex::query

// Functions over range vectors whose series may have native histograms.
//
// Each function has a part for floats, which sees series without histograms as they are and
// pays nothing for them, and mostly one for histograms, asked at the steps whose windows have
// some. Where a function has none, histograms are ignored with an info.
//
// Threads: one at a time.
#pragma once

#include "query/functions/histogram_input.h"

namespace narthex::query {

class HistogramFunction {
 public:
  virtual ~HistogramFunction() = default;
  /// Sets the result of a step whose window has histograms, and maybe floats too.
  virtual void at_step(const PartedSeries& series, const RangeInput& in, std::size_t step,
                       StepColumn& out) = 0;
};
using HistogramFunctionPtr = std::unique_ptr<HistogramFunction>;

/// The part of `id` for histograms is made when the first of them comes.
RangeFunctionPtr with_histograms(RangeFunctionPtr of_floats, FunctionId id, const RangeCallSite& site);

/// rate, increase, delta, irate, idelta (histogram_rate.cc).
HistogramFunctionPtr make_histogram_rate(FunctionId id, const RangeCallSite& site);
/// rate, increase, delta with anchored or smoothed (histogram_extended_rate.cc).
HistogramFunctionPtr make_histogram_extended_rate(FunctionId id, const RangeCallSite& site);
/// changes, resets (histogram_changes.cc).
HistogramFunctionPtr make_histogram_changes(FunctionId id, const RangeCallSite& site);
/// sum, avg, count, present, first, last, ts_of_first, ts_of_last (histogram_over_time.cc).
HistogramFunctionPtr make_histogram_over_time(FunctionId id, const RangeCallSite& site);
/// Any of the above. Null: the function is for floats only.
HistogramFunctionPtr make_histogram_function(FunctionId id, const RangeCallSite& site);

}  // namespace narthex::query

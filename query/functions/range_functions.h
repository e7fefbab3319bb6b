// The functions over range vectors, one file per family.
#pragma once

#include "query/engine/range_window.h"
#include "query/promql/functions.h"

namespace narthex::query {

/// What a function knows of its call.
struct RangeCallSite {
  Annotator annotator;
  Span first_argument;  ///< where annotations point to
  bool anchored = false;
  bool smoothed = false;
};

/// rate, increase, delta, irate, idelta (rate.cc); with anchored or smoothed: extended_rate.cc.
RangeFunctionPtr make_rate_function(FunctionId id, const RangeCallSite& site);
RangeFunctionPtr make_extended_rate_function(FunctionId id, const RangeCallSite& site);
/// changes, resets.
RangeFunctionPtr make_changes_function(FunctionId id, const RangeCallSite& site);
/// deriv, predict_linear, double_exponential_smoothing.
RangeFunctionPtr make_trend_function(FunctionId id);
/// *_over_time.
RangeFunctionPtr make_over_time_function(FunctionId id, const RangeCallSite& site);

/// Any of the above, native histograms included (mixed_range.h). Null if `id` is no function
/// over a range vector.
RangeFunctionPtr make_range_function(FunctionId id, const RangeCallSite& site);

/// `b`, reported at time `tb`, began anew since `a` at `ta`, judged by start timestamps.
/// Source: Prometheus promql/functions.go, isStartTimestampReset
bool is_start_timestamp_reset(Timestamp a_start, Timestamp a_t, Timestamp b_start, Timestamp b_t);
/// `b` claims to have begun before `a` was reported, and not together with it.
bool starts_overlap(Timestamp a_start, Timestamp a_t, Timestamp b_start);

}  // namespace narthex::query

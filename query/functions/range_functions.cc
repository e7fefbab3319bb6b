#include "query/functions/range_functions.h"

#include "query/functions/mixed_range.h"

namespace narthex::query {

namespace {

RangeFunctionPtr make_float_function(FunctionId id, const RangeCallSite& site) {
  switch (id) {
    case FunctionId::rate:
    case FunctionId::increase:
    case FunctionId::delta:
      return site.anchored || site.smoothed ? make_extended_rate_function(id, site)
                                            : make_rate_function(id, site);
    case FunctionId::irate:
    case FunctionId::idelta:
      return make_rate_function(id, site);
    case FunctionId::changes:
    case FunctionId::resets:
      return make_changes_function(id, site);
    case FunctionId::deriv:
    case FunctionId::predict_linear:
    case FunctionId::double_exponential_smoothing:
      return make_trend_function(id);
    default:
      return make_over_time_function(id, site);
  }
}

}  // namespace

RangeFunctionPtr make_range_function(FunctionId id, const RangeCallSite& site) {
  auto of_floats = make_float_function(id, site);
  if (!of_floats) return nullptr;
  return with_histograms(std::move(of_floats), id, site);
}

bool starts_overlap(Timestamp a_start, Timestamp a_t, Timestamp b_start) {
  return b_start != 0 && b_start < a_t && b_start != a_start;
}

bool is_start_timestamp_reset(Timestamp a_start, Timestamp a_t, Timestamp b_start, Timestamp b_t) {
  // Not set, or not before its own sample: unknown.
  if (b_start == 0 || b_start >= b_t) return false;
  if (b_start != a_t) return b_start > a_t;
  // It points at the sample before: a delta, unless that one's own start is unknown.
  if (a_start > a_t) return false;
  return a_start != 0 && a_start != a_t;
}

}  // namespace narthex::query

#include "query/histogram/interpolate.h"

#include "query/histogram/arithmetic.h"
#include "query/histogram/reset.h"

namespace narthex::query {

Interpolated interpolate(const TimedHistogram& a, const TimedHistogram& b, Timestamp t, bool is_counter) {
  Interpolated out;
  if (t == a.t || t == b.t) {
    out.value = t == a.t ? *a.h : *b.h;
    return out;
  }
  const double fraction = static_cast<double>(t - a.t) / static_cast<double>(b.t - a.t);
  FloatHistogram h = *b.h;
  if (is_counter && was_reset(*b.h, *a.h)) {
    multiply(h, fraction);
    out.value = std::move(h);
    return out;
  }
  const auto down = subtract(h, *a.h);
  if (!down) return out;
  out.reconciled_in_subtraction = down->bounds_reconciled;
  multiply(h, fraction);
  const auto up = add(h, *a.h);
  if (!up) return out;
  out.reconciled_in_addition = up->bounds_reconciled;
  out.value = std::move(h);
  return out;
}

}  // namespace narthex::query

// The φ-quantile of some values, as quantile, quantile_over_time and mad_over_time take it.
#pragma once

#include <string>
#include <vector>

namespace narthex::query {

/// Sorts `values`. Between two of them the result lies on the line; NaN if there are none or
/// q is NaN, ∓Inf if q is outside [0, 1].
double quantile_of(double q, std::vector<double>& values);

/// Text of the warning for a q outside [0, 1] or NaN.
std::string invalid_quantile_text(double q);
inline bool is_valid_quantile(double q) {
  return q >= 0 && q <= 1;
}

}  // namespace narthex::query

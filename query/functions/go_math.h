// Arithmetic where Go and C++ differ, in Go's way: results must equal Prometheus'.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace narthex::query {

/// math.Max: NaN if either is, +0 above -0, Inf above NaN.
inline double go_max(double a, double b) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (a == kInf || b == kInf) return kInf;
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  if (a == 0 && b == 0) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

/// math.Min: NaN if either is, -0 below +0, -Inf below NaN.
inline double go_min(double a, double b) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (a == -kInf || b == -kInf) return -kInf;
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  if (a == 0 && b == 0) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}

/// int64(f) on amd64: everything that does not fit is the smallest number.
inline std::int64_t go_int64(double f) {
  if (!(f >= -9223372036854775808.0 && f < 9223372036854775808.0))
    return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(f);
}

}  // namespace narthex::query

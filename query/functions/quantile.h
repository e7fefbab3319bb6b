// The φ-quantile of some values, as quantile, quantile_over_time and mad_over_time take it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace narthex::query {

/// Sorts `values`. Between two of them the result lies on the line; NaN if there are none or
/// q is NaN, ∓Inf if q is outside [0, 1].
double quantile_of(double q, std::vector<double>& values);

/// The values of a window that slides over a series, kept in order: a step costs what came and went, not a
/// sort.
///
/// They are kept as integers that compare as the values do, NaN before all others and -0 before 0: whatever
/// is taken out is found, and is what went in.
class SortedWindow {
 public:
  /// Forgets the series before.
  void clear();
  /// To values [first, last), both never before those of the last move.
  void slide(std::span<const double> series, std::uint32_t first, std::uint32_t last);
  /// As quantile_of().
  [[nodiscard]] double quantile(double q) const;

 private:
  void replace(std::int64_t old_key, std::int64_t new_key);

  std::vector<std::int64_t> keys_;  ///< ascending
  std::uint32_t first_ = 0;
  std::uint32_t last_ = 0;
};

/// Text of the warning for a q outside [0, 1] or NaN.
std::string invalid_quantile_text(double q);
inline bool is_valid_quantile(double q) {
  return q >= 0 && q <= 1;
}

}  // namespace narthex::query

// Sample values: the special NaNs, and numbers as Prometheus reads and prints them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace narthex {

/// Marks the end of a series; never shown to users.
inline constexpr std::uint64_t kStaleNanBits = 0x7ff0000000000002;
/// What Prometheus stores for any other NaN.
inline constexpr std::uint64_t kNormalNanBits = 0x7ff8000000000001;
inline constexpr double kStaleNan = std::bit_cast<double>(kStaleNanBits);
inline constexpr double kNormalNan = std::bit_cast<double>(kNormalNanBits);

[[nodiscard]] inline bool is_stale_nan(double v) {
  return std::bit_cast<std::uint64_t>(v) == kStaleNanBits;
}

/// Vectors and matrices in JSON: shortest digits that round-trip, plain; scientific if
/// |v| < 1e-6 (not 0) or >= 1e21, exponent signed with at least two digits; NaN, +Inf, -Inf, -0.
void append_json_value(std::string& out, double v);
/// The same into a buffer of kMaxJsonValue. @return  behind the last character
char* write_json_value(char* out, double v);
inline constexpr std::size_t kMaxJsonValue = 48;
/// Go's strconv.FormatFloat(v, 'f', -1, 64): always plain.
std::string format_plain(double v);
/// Go's FormatFloat(v, 'g', -1, 64) (%v): scientific below 1e-4 and from 1e6 on (`1e+06`).
std::string format_general(double v);
/// Go's FormatFloat(v, 'e', -1, 64): always scientific, "1e+00".
std::string format_scientific(double v);
/// OpenMetrics: format_general, but whole numbers get ".0"; for le and quantile labels.
std::string format_open_metrics(double v);
/// JSON time: whole seconds, or exactly three decimals when milliseconds are not 0.
void append_json_time(std::string& out, std::int64_t ms);
/// The same into a buffer of kMaxJsonTime. @return  behind the last character
char* write_json_time(char* out, std::int64_t ms);
inline constexpr std::size_t kMaxJsonTime = 24;

/// Go's strconv.ParseFloat, whole text: decimal, exponent, hex floats, inf/infinity/nan in any
/// case with sign; out of range gives ±Inf as an error (nullopt). Underscores are refused.
std::optional<double> parse_float(std::string_view text);

}  // namespace narthex

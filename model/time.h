// Time as Prometheus counts it: signed milliseconds since the Unix epoch, and durations in
// milliseconds with Prometheus' text form (`1h30m`; units y w d h m s ms, descending, each once).
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "model/result.h"

namespace narthex {

using Timestamp = std::int64_t;   ///< milliseconds since the epoch
using DurationMs = std::int64_t;  ///< milliseconds

inline constexpr Timestamp kMinTime = std::numeric_limits<std::int64_t>::min();
inline constexpr Timestamp kMaxTime = std::numeric_limits<std::int64_t>::max();

/// Both ends inclusive.
struct TimeRange {
  Timestamp mint = kMinTime;
  Timestamp maxt = kMaxTime;

  [[nodiscard]] bool contains(Timestamp t) const { return mint <= t && t <= maxt; }
  [[nodiscard]] bool overlaps(const TimeRange& o) const { return mint <= o.maxt && o.mint <= maxt; }
  bool operator==(const TimeRange&) const = default;
};

/// "1h30m" -> 5'400'000; "0" alone is allowed. Errors: invalid, with Prometheus' text
/// (`not a valid duration string: "x"`, `empty duration string`, `duration out of range`).
Result<DurationMs> parse_duration(std::string_view text);

/// 5'400'000 -> "1h30m"; 0 -> "0s". Inverse of parse_duration, as Prometheus prints it
/// (weeks, days and years only where they divide exactly).
std::string format_duration(DurationMs ms);

/// RFC 3339 with optional fraction -> milliseconds. Errors: invalid.
Result<Timestamp> parse_rfc3339(std::string_view text);

/// 2026-02-03T04:05:06.789Z; the fraction is left out when it is zero.
std::string format_rfc3339(Timestamp t);

/// API time parameter: float seconds or RFC 3339. Errors: invalid,
/// `cannot parse "x" to a valid timestamp`.
Result<Timestamp> parse_api_time(std::string_view text);

/// API duration parameter: float seconds or a Prometheus duration. Errors: invalid,
/// `cannot parse "x" to a valid duration`.
Result<DurationMs> parse_api_duration(std::string_view text);

}  // namespace narthex

// Numbers of expositions: Go's ParseFloat without its newer forms, and timestamps.
//
// Threads: any.
#pragma once

#include <optional>
#include <string_view>

#include "model/result.h"
#include "model/time.h"

namespace narthex::scrape {

/// A sample's value; every NaN becomes the normal one. Nothing if it is not a number.
std::optional<double> parse_value(std::string_view text);
/// The same with Prometheus' error text.
Result<double> parse_value_or_error(std::string_view text);

/// OpenMetrics' float seconds as milliseconds. `what` begins the text of an error about NaN and
/// infinities: "invalid timestamp".
Result<Timestamp> parse_seconds(std::string_view text, std::string_view what);

/// Reads the plainest numbers: digits, perhaps with a sign and a fraction, so few that a double
/// holds them exactly or one division rounds them rightly. Something that is no digit must follow.
/// @return  behind the last digit; null for any other number, which parse_value() reads
const char* read_plain_value(const char* text, double& value);

}  // namespace narthex::scrape

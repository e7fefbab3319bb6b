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

}  // namespace narthex::scrape

// log_line: the text of one log event, as Go's slog writes it (TextHandler, JSONHandler).
//
// Threads: any.
#pragma once

#include <initializer_list>
#include <source_location>
#include <string>
#include <string_view>

#include "model/time.h"
#include "telemetry/log.h"

namespace narthex::telemetry {

struct LogEvent {
  Timestamp time;
  LogLevel level;
  std::string_view message;
  std::initializer_list<LogField> fields;
  std::source_location where;
};

/// 2026-02-03T04:05:06.780Z: always three decimals, unlike format_rfc3339.
std::string time_with_ms(Timestamp t);

/// Without the newline. Keys that would repeat time, level or source get the prefix `logged_`.
std::string log_line(LogFormat format, const LogEvent& event);

}  // namespace narthex::telemetry

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

/// Without the newline. Keys that would repeat time, level or source get the prefix `logged_`.
std::string log_line(LogFormat format, const LogEvent& event);

}  // namespace narthex::telemetry

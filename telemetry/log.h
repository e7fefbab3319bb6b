// The log: one line per event on standard error, logfmt or JSON, in the layout of Prometheus
// 3.x: time=2026-02-03T04:05:06.789Z level=INFO source=file.cc:12 msg="..." key=value.
//
// spdlog does the work and is included in one .cc only.
// Threads: any, after set_up().
#pragma once

#include <cstdint>
#include <initializer_list>
#include <source_location>
#include <string>
#include <string_view>

#include "model/result.h"

namespace narthex::telemetry {

enum class LogLevel : std::uint8_t { debug, info, warn, error };
enum class LogFormat : std::uint8_t { logfmt, json };

struct LogField {
  std::string_view key;
  std::string value;
};

void set_up_log(LogLevel level, LogFormat format);
/// "debug", "info", "warn", "error". Errors: invalid.
Result<LogLevel> parse_log_level(std::string_view text);
/// "logfmt", "json". Errors: invalid.
Result<LogFormat> parse_log_format(std::string_view text);

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields,
         std::source_location where);

inline void debug(std::string_view m, std::initializer_list<LogField> f = {},
                  std::source_location w = std::source_location::current()) {
  log(LogLevel::debug, m, f, w);
}
inline void info(std::string_view m, std::initializer_list<LogField> f = {},
                 std::source_location w = std::source_location::current()) {
  log(LogLevel::info, m, f, w);
}
inline void warn(std::string_view m, std::initializer_list<LogField> f = {},
                 std::source_location w = std::source_location::current()) {
  log(LogLevel::warn, m, f, w);
}
inline void error(std::string_view m, std::initializer_list<LogField> f = {},
                  std::source_location w = std::source_location::current()) {
  log(LogLevel::error, m, f, w);
}

}  // namespace narthex::telemetry

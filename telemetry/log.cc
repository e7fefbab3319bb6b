#include "telemetry/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>

#include "model/clock.h"
#include "model/unicode.h"
#include "telemetry/log_line.h"

namespace narthex::telemetry {

namespace {

std::atomic<LogFormat> g_format{LogFormat::logfmt};
std::atomic<LogLevel> g_level{LogLevel::info};

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made =
        std::make_shared<spdlog::logger>("narthex", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");  // the layout is ours
    made->set_level(spdlog::level::debug);
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *instance;
}

}  // namespace

void set_up_log(LogLevel level, LogFormat format) {
  g_level = level;
  g_format = format;
}

Result<LogLevel> parse_log_level(std::string_view text) {
  const std::string name = to_lower(text);
  if (name == "debug") return LogLevel::debug;
  if (name == "info") return LogLevel::info;
  if (name == "warn") return LogLevel::warn;
  if (name == "error") return LogLevel::error;
  return fail(Code::invalid, "unrecognized log level " + std::string(text));
}

Result<LogFormat> parse_log_format(std::string_view text) {
  if (text == "logfmt") return LogFormat::logfmt;
  if (text == "json") return LogFormat::json;
  return fail(Code::invalid, "unrecognized log format " + std::string(text));
}

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields,
         std::source_location where) {
  if (level < g_level.load(std::memory_order_relaxed)) return;
  const LogEvent event{system_clock().now(), level, message, fields, where};
  const std::string line = log_line(g_format.load(std::memory_order_relaxed), event);
  logger().log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace narthex::telemetry

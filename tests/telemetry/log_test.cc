#include "telemetry/log.h"

#include <doctest/doctest.h>

#include "telemetry/log_line.h"

using namespace narthex;
using namespace narthex::telemetry;

namespace {

std::string line_number() {
  return std::to_string(std::source_location::current().line());
}

std::string line(LogFormat format, Timestamp t, LogLevel level, std::string_view message,
                 std::initializer_list<LogField> fields) {
  const LogEvent event{t, level, message, fields, std::source_location::current()};
  const std::string text = log_line(format, event);
  // The line of this function is of no interest.
  const std::string here = "log_test.cc:" + std::to_string(event.where.line());
  const std::size_t at = text.find(here);
  REQUIRE(at != std::string::npos);
  std::string shown = text.substr(0, at);
  shown += 'S';
  shown += text.substr(at + here.size());
  return shown;
}

}  // namespace

TEST_CASE("logfmt lines are those of Go's slog") {
  constexpr Timestamp kTime = 1'770'091'506'780;
  CHECK(line(LogFormat::logfmt, kTime, LogLevel::info, "Server is ready", {{"addr", "0.0.0.0:9090"}}) ==
        "time=2026-02-03T04:05:06.780Z level=INFO source=S msg=\"Server is ready\" addr=0.0.0.0:9090");
  CHECK(line(LogFormat::logfmt, -1, LogLevel::error, "x",
             {{"a", ""},
              {"b", "a=b"},
              {"c", "q\"q"},
              {"d", "a\nb"},
              {"e", "back\\slash"},
              {"f", "é"},
              {"g", "\xff"},
              {"time", "1"},
              {"a key", "v"}}) ==
        R"(time=1969-12-31T23:59:59.999Z level=ERROR source=S msg=x a="" b="a=b" c="q\"q" d="a\nb" )"
        R"(e=back\slash f=é g="\xff" logged_time=1 "a key"=v)");
}

TEST_CASE("JSON lines are those of Go's slog") {
  CHECK(
      line(LogFormat::json, 0, LogLevel::warn, "a \"b\"", {{"k", "x\ny\t\x01<é\u2028\\"}, {"bad", "\xff"}}) ==
      R"({"time":"1970-01-01T00:00:00.000Z","level":"WARN","source":"S","msg":"a \"b\"",)"
      "\"k\":\"x\\ny\\t\\u0001<é\\u2028\\\\\",\"bad\":\"\ufffd\"}");
}

TEST_CASE("levels and formats are read as Prometheus reads them") {
  CHECK(parse_log_level("debug").value() == LogLevel::debug);
  CHECK(parse_log_level("Info").value() == LogLevel::info);
  CHECK(parse_log_level("warn").value() == LogLevel::warn);
  CHECK(parse_log_level("error").value() == LogLevel::error);
  CHECK(parse_log_level("loud").error().text == "unrecognized log level loud");
  CHECK(parse_log_format("json").value() == LogFormat::json);
  CHECK(parse_log_format("logfmt").value() == LogFormat::logfmt);
  CHECK(parse_log_format("xml").error().text == "unrecognized log format xml");
}

TEST_CASE("logging needs no set-up") {
  set_up_log(LogLevel::error, LogFormat::logfmt);
  debug("not shown");
  error("Shown by a test, on purpose", {{"line", line_number()}});
}

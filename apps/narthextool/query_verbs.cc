#include "apps/narthextool/query_verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/value.h"

namespace narthex::apps {

namespace {

constexpr DurationMs kHour = 3'600'000;
constexpr DurationMs kWideRange = 9999 * kHour;

Result<Timestamp> time_or(const std::string& text, Timestamp fallback, std::string_view what) {
  if (text.empty()) return fallback;
  auto t = parse_api_time(text);
  if (!t) return pass(t, fmt::format("error parsing {}", what));
  return *t;
}

std::string seconds_text(Timestamp t) {
  return format_plain(static_cast<double>(t) / 1000);
}

Result<void> print_answer(const QueryTask& task, Result<ApiAnswer> answer,
                          Result<std::string> (*printed)(const boost::json::value&, QueryFormat)) {
  if (!answer) return pass(answer, "query error");
  auto text = printed(*answer->data, task.format);
  if (!text) return pass(text, "query error");
  task.print(*text);
  return {};
}

Result<ApiParameters> select_parameters(const QueryTask& task, const SelectOptions& options) {
  const Timestamp now = task.clock.now();
  auto start = time_or(options.start, now - kWideRange, "start time");
  if (!start) return pass(start);
  auto end = time_or(options.end, now + kWideRange, "end time");
  if (!end) return pass(end);
  ApiParameters parameters{{"start", seconds_text(*start)}, {"end", seconds_text(*end)}};
  for (const std::string& selector : options.selectors) parameters.emplace_back("match[]", selector);
  return parameters;
}

/// A label's name as a path element: what is no classic name in the U__ form.
std::string path_name(std::string_view name) {
  if (is_legacy_label_name(name)) return std::string(name);
  std::string out = "U__";
  for (const char c : name) {
    const bool is_word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (is_word)
      out += c;
    else if (c == '_')
      out += "__";
    else
      out += fmt::format("_{:x}_", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace

Result<void> query_instant(const QueryTask& task, const std::string& expr, const std::string& time) {
  auto t = time_or(time, task.clock.now(), "evaluation time");
  if (!t) return pass(t);
  return print_answer(task, task.client.post("/query", {{"query", expr}, {"time", seconds_text(*t)}}),
                      print_value);
}

Result<void> query_range(const QueryTask& task, const std::string& expr, const RangeOptions& options) {
  constexpr DurationMs kDefaultRange = 300'000;
  constexpr double kDefaultSteps = 250;
  auto end = time_or(options.end, task.clock.now(), "end time");
  if (!end) return pass(end);
  auto start = time_or(options.start, *end - kDefaultRange, "start time");
  if (!start) return pass(start);
  if (*start >= *end) return fail(Code::invalid, "start time is not before end time");
  double step = options.step_seconds;
  if (step == 0) step = std::max(std::floor(static_cast<double>(*end - *start) / 1000 / kDefaultSteps), 1.0);
  return print_answer(task,
                      task.client.post("/query_range", {{"query", expr},
                                                        {"start", seconds_text(*start)},
                                                        {"end", seconds_text(*end)},
                                                        {"step", format_plain(step)}}),
                      print_value);
}

Result<void> query_series(const QueryTask& task, const SelectOptions& options) {
  auto parameters = select_parameters(task, options);
  if (!parameters) return pass(parameters);
  return print_answer(task, task.client.post("/series", *parameters), print_series);
}

Result<void> query_labels(const QueryTask& task, const std::string& name, const SelectOptions& options,
                          const Print& warn) {
  auto parameters = select_parameters(task, options);
  if (!parameters) return pass(parameters);
  auto answer = task.client.get(fmt::format("/label/{}/values", path_name(name)), *parameters);
  if (answer)
    for (const std::string& warning : answer->warnings) warn(fmt::format("query warning: {}\n", warning));
  return print_answer(task, std::move(answer), print_label_values);
}

}  // namespace narthex::apps

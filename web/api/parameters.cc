#include "web/api/parameters.h"

#include <charconv>

#include "query/promql/parser.h"

namespace narthex::web {

namespace {

/// The bounds Prometheus uses where none are given; also accepted as text.
constexpr Timestamp kApiMinTime = kMinTime / 1000 * 1000 + 62'135'596'801'000;
constexpr Timestamp kApiMaxTime = kMaxTime / 1000 * 1000 - 62'135'596'801'000 + 999;

bool is_form(const Request& request) {
  const auto type = net::find_header(request.headers, "Content-Type");
  return type && type->starts_with("application/x-www-form-urlencoded");
}

}  // namespace

Error in_parameter(Error error, std::string_view name) {
  error.code = Code::invalid;
  error.text = "invalid parameter " + quote(name) + ": " + error.text;
  return error;
}

Result<Parameters> Parameters::from(const Request& request) {
  Parameters parameters;
  if (request.method != "GET" && request.method != "HEAD" && is_form(request)) {
    auto body = net::parse_form(request.body);
    if (!body) return fail(Code::invalid, "error parsing form values: invalid URL escape in the body");
    parameters.values_ = std::move(*body);
  }
  auto query = net::parse_form(request.query);
  if (!query) return fail(Code::invalid, "error parsing form values: invalid URL escape in the query string");
  for (auto& pair : *query) parameters.values_.push_back(std::move(pair));
  return parameters;
}

std::string_view Parameters::get(std::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key == name) return value;
  }
  return {};
}

std::vector<std::string_view> Parameters::all(std::string_view name) const {
  std::vector<std::string_view> found;
  for (const auto& [key, value] : values_) {
    if (key == name) found.emplace_back(value);
  }
  return found;
}

Result<std::size_t> Parameters::limit() const {
  const std::string_view text = get("limit");
  if (text.empty()) return std::size_t{0};
  std::int64_t limit = 0;
  const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), limit);
  if (ec != std::errc() || end != digits.data() + digits.size()) {
    return std::unexpected(in_parameter(
        {Code::invalid, "strconv.Atoi: parsing " + quote(text) + ": invalid syntax", {}}, "limit"));
  }
  if (limit < 0)
    return std::unexpected(in_parameter({Code::invalid, "limit must be non-negative", {}}, "limit"));
  return static_cast<std::size_t>(limit);
}

Result<Timestamp> Parameters::time(std::string_view name, Timestamp fallback) const {
  const std::string_view text = get(name);
  if (text.empty()) return fallback;
  if (text == "-292273086-05-16T16:47:06Z") return kApiMinTime;
  if (text == "292277025-08-18T07:12:54.999999999Z") return kApiMaxTime;
  auto t = parse_api_time(text);
  if (t) return *t;
  return std::unexpected(
      in_parameter(std::move(t).error().during("invalid time value for '" + std::string(name) + "'"), name));
}

Result<TimeRange> Parameters::range() const {
  auto start = time("start", kApiMinTime);
  if (!start) return pass(start);
  auto end = time("end", kApiMaxTime);
  if (!end) return pass(end);
  return TimeRange{*start, *end};
}

Result<std::vector<std::vector<Matcher>>> Parameters::matcher_sets() const {
  std::vector<std::vector<Matcher>> sets;
  for (const std::string_view text : all("match[]")) {
    auto matchers = query::parse_selector(text);
    if (!matchers) return pass(matchers);
    bool restricts = false;
    for (const Matcher& m : *matchers) restricts = restricts || !m.matches_empty();
    if (!restricts) return fail(Code::invalid, "match[] must contain at least one non-empty matcher");
    sets.push_back(std::move(*matchers));
  }
  return sets;
}

}  // namespace narthex::web

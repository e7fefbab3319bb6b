// Parameters: what a client asked for, from the query string and a form body, as Go's
// http.Request.Form holds it: values of the body come before those of the query string.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/matcher.h"
#include "model/result.h"
#include "model/time.h"
#include "web/server/message.h"

namespace narthex::web {

class Parameters {
 public:
  /// Errors: invalid (bad percent escape).
  static Result<Parameters> from(const Request& request);

  /// First value, or "".
  [[nodiscard]] std::string_view get(std::string_view name) const;
  [[nodiscard]] std::vector<std::string_view> all(std::string_view name) const;

  /// 0 if absent. Errors: invalid.
  [[nodiscard]] Result<std::size_t> limit() const;
  /// `fallback` if absent. Errors: invalid, `invalid time value for 'start': ...`.
  [[nodiscard]] Result<Timestamp> time(std::string_view name, Timestamp fallback) const;
  /// start and end, everything if absent.
  [[nodiscard]] Result<TimeRange> range() const;
  /// All match[]: each selector must hold a matcher that does not match the empty string.
  [[nodiscard]] Result<std::vector<std::vector<Matcher>>> matcher_sets() const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

/// `invalid parameter "name": <what it says>`
[[nodiscard]] Error in_parameter(Error error, std::string_view name);

}  // namespace narthex::web

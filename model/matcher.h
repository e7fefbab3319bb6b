// Matcher: one predicate on one label, as in {job="x", path=~"/api/.*"}.
//
// Threads: any, after construction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/labels.h"
#include "model/regex.h"
#include "model/result.h"

namespace narthex {

enum class MatchOp : std::uint8_t { equal, not_equal, regex, not_regex };
/// `=`, `!=`, `=~` or `!~`.
std::string_view operator_text(MatchOp op);

class Matcher {
 public:
  /// @param regex_memory  see Regex::compile
  /// Errors: invalid (bad regular expression, Go's text).
  static Result<Matcher> make(MatchOp op, std::string name, std::string value,
                              std::uint64_t regex_memory = Regex::kMaxMemory);
  /// op must be equal or not_equal.
  static Matcher literal(MatchOp op, std::string name, std::string value);

  [[nodiscard]] bool matches(std::string_view value) const;
  /// True if a series without the label matches.
  [[nodiscard]] bool matches_empty() const { return matches(""); }
  [[nodiscard]] MatchOp op() const { return op_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& value() const { return value_; }
  /// Set for regex and not_regex.
  [[nodiscard]] const std::optional<Regex>& regex() const { return regex_; }
  /// `job=~"a.*"`; names outside the legacy charset quoted.
  [[nodiscard]] std::string to_string() const;

 private:
  Matcher(MatchOp op, std::string name, std::string value)
      : op_(op), name_(std::move(name)), value_(std::move(value)) {}
  MatchOp op_;
  std::string name_;
  std::string value_;
  std::optional<Regex> regex_;
};

}  // namespace narthex

#include "model/matcher.h"

#include "model/check.h"

namespace narthex {

std::string_view operator_text(MatchOp op) {
  switch (op) {
    case MatchOp::equal:
      return "=";
    case MatchOp::not_equal:
      return "!=";
    case MatchOp::regex:
      return "=~";
    case MatchOp::not_regex:
      return "!~";
  }
  return "=";
}

Result<Matcher> Matcher::make(MatchOp op, std::string name, std::string value, std::uint64_t regex_memory) {
  Matcher matcher(op, std::move(name), std::move(value));
  if (op == MatchOp::regex || op == MatchOp::not_regex) {
    auto regex = Regex::compile(matcher.value_, regex_memory);
    if (!regex) return pass(regex);
    matcher.regex_ = std::move(*regex);
  }
  return matcher;
}

Matcher Matcher::literal(MatchOp op, std::string name, std::string value) {
  check(op == MatchOp::equal || op == MatchOp::not_equal, "a literal matcher compares for equality");
  return {op, std::move(name), std::move(value)};
}

bool Matcher::matches(std::string_view value) const {
  switch (op_) {
    case MatchOp::equal:
      return value == value_;
    case MatchOp::not_equal:
      return value != value_;
    case MatchOp::regex:
      return regex_->matches(value);
    case MatchOp::not_regex:
      return !regex_->matches(value);
  }
  return false;
}

std::string Matcher::to_string() const {
  std::string out = is_legacy_label_name(name_) ? name_ : quote(name_);
  out += operator_text(op_);
  out += quote(value_);
  return out;
}

}  // namespace narthex

#include "query/promql/text.h"

#include <fmt/format.h>

#include <charconv>

#include "model/labels.h"
#include "model/unicode.h"
#include "model/value.h"

namespace narthex::query {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

/// Digits in `base` at the front of `text`; nothing if one of them is none.
std::optional<std::int32_t> digits_at(std::string_view text, std::size_t n, int base) {
  if (text.size() < n) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : text.substr(0, n)) {
    const int digit = digit_value(c);
    if (digit >= base) return std::nullopt;
    value = value * static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(digit);
  }
  if (value > 0x10FFFF) return std::nullopt;
  return static_cast<std::int32_t>(value);
}

/// Reads one escape sequence behind its backslash and appends what it means.
/// @return  bytes read; 0 if it is none
std::size_t unescape(std::string_view text, char quote, std::string& out) {
  static constexpr std::string_view kLetters = "abfnrtv\\";
  static constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\";
  if (text.empty()) return 0;
  const char c = text.front();
  if (c == quote) return out += c, 1;
  if (const auto at = kLetters.find(c); at != std::string_view::npos) return out += kMeanings[at], 1;
  if (c >= '0' && c <= '7') {
    const auto byte = digits_at(text, 3, 8);
    if (!byte || *byte > 255) return 0;
    return out += static_cast<char>(*byte), 3;
  }
  if (c == 'x') {
    const auto byte = digits_at(text.substr(1), 2, 16);
    if (!byte) return 0;
    return out += static_cast<char>(*byte), 3;
  }
  if (c == 'u' || c == 'U') {
    const std::size_t n = c == 'u' ? 4 : 8;
    const auto code = digits_at(text.substr(1), n, 16);
    if (!code) return 0;
    append_rune(out, static_cast<char32_t>(*code));
    return n + 1;
  }
  return 0;
}

/// Underscores stand between digits, or between a base prefix and a digit.
bool underscores_are_right(std::string_view text) {
  char before = '^';
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    before = '0';
    base = 16;
    text.remove_prefix(2);
  }
  for (const char c : text) {
    const bool digit = digit_value(c) < base;
    if (c == '_' && before != '0') return false;
    if (c != '_' && !digit && before == '_') return false;
    before = digit ? '0' : c;
  }
  return before != '_';
}

/// Go's ParseInt with base 0: decimal, 0x, or octal by a leading zero.
std::optional<double> parse_integer(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.front() == '0') {
    base = 8;
    text.remove_prefix(1);
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.front() == '-') return std::nullopt;
  return static_cast<double>(value);
}

bool is_decimal_float(std::string_view text) {
  std::size_t i = 0;
  const auto skip_digits = [&] {
    const std::size_t from = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - from;
  };
  std::size_t digits = skip_digits();
  if (i < text.size() && text[i] == '.') {
    ++i;
    digits += skip_digits();
  }
  if (digits == 0) return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (skip_digits() == 0) return false;
  }
  return i == text.size();
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = ascii_lower(c);
  return out;
}

std::string quote_character(std::int32_t c) {
  if (c == '"') return "'\"'";
  if (c == '\'') return R"('\'')";
  std::string text;
  append_rune(text, c < 0 ? kReplacement : static_cast<char32_t>(c));
  text = quote(text);
  text.front() = '\'';
  text.back() = '\'';
  return text;
}

std::string describe_character(std::int32_t c) {
  const auto code = static_cast<char32_t>(c);
  std::string text;
  append_rune(text, code);
  return is_printable(code) ? fmt::format("U+{:04X} '{}'", c, text) : fmt::format("U+{:04X}", c);
}

std::optional<std::string> unquote(std::string_view text) {
  if (text.size() < 2 || text.front() != text.back()) return std::nullopt;
  const char quote = text.front();
  text = text.substr(1, text.size() - 2);
  if (quote == '`') {
    if (text.contains('`')) return std::nullopt;
    return std::string(text);
  }
  if ((quote != '"' && quote != '\'') || text.contains('\n')) return std::nullopt;

  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char c = text.front();
    if (c == quote) return std::nullopt;
    text.remove_prefix(1);
    if (c != '\\') {
      out += c;
      continue;
    }
    const std::size_t read = unescape(text, quote, out);
    if (read == 0) return std::nullopt;
    text.remove_prefix(read);
  }
  return out;
}

Result<double> parse_number(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return fail(Code::invalid,
                fmt::format("error parsing number: strconv.ParseFloat: parsing {}: {}", quote(text), why));
  };
  std::string digits;
  for (const char c : text)
    if (c != '_') digits += c;
  if (digits.size() != text.size() && !underscores_are_right(text)) return refuse("invalid syntax");
  if (const auto whole = parse_integer(digits)) return *whole;
  if (const auto value = parse_float(digits)) return *value;
  return refuse(is_decimal_float(digits) ? "value out of range" : "invalid syntax");
}

}  // namespace narthex::query

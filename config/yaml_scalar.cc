#include "config/yaml_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string>

#include "model/value.h"

namespace narthex::config {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

template <std::size_t N>
bool one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::ranges::find(words, text) != words.end();
}

std::optional<ScalarValue> named_value(std::string_view text) {
  static constexpr std::array<std::string_view, 11> kTrue = {"y",    "Y",    "yes", "Yes", "YES", "true",
                                                             "True", "TRUE", "on",  "On",  "ON"};
  static constexpr std::array<std::string_view, 11> kFalse = {"n",     "N",     "no",  "No",  "NO", "false",
                                                              "False", "FALSE", "off", "Off", "OFF"};
  static constexpr std::array<std::string_view, 5> kNull = {"", "~", "null", "Null", "NULL"};
  static constexpr std::array<std::string_view, 3> kNan = {".nan", ".NaN", ".NAN"};
  static constexpr std::array<std::string_view, 6> kInf = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"};
  static constexpr std::array<std::string_view, 3> kMinusInf = {"-.inf", "-.Inf", "-.INF"};
  if (text.size() > 5) return std::nullopt;
  if (one_of(text, kTrue)) return ScalarValue(true);
  if (one_of(text, kFalse)) return ScalarValue(false);
  if (one_of(text, kNull)) return ScalarValue(std::monostate{});
  if (one_of(text, kNan)) return ScalarValue(std::numeric_limits<double>::quiet_NaN());
  if (one_of(text, kInf)) return ScalarValue(std::numeric_limits<double>::infinity());
  if (one_of(text, kMinusInf)) return ScalarValue(-std::numeric_limits<double>::infinity());
  return std::nullopt;
}

/// Go's strconv.ParseInt and ParseUint with base 0: 0x, 0b, 0o and a leading 0 choose the base.
std::optional<ScalarValue> integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char letter = static_cast<char>(text[1] | 0x20);
    base = letter == 'x' ? 16 : letter == 'b' ? 2 : 8;
    text.remove_prefix(letter == 'x' || letter == 'b' || letter == 'o' ? 2 : 1);
  }
  std::uint64_t magnitude = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), magnitude, base);
  if (text.empty() || problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (negative) {
    if (magnitude > kMax + 1) return std::nullopt;
    return ScalarValue(static_cast<std::int64_t>(~magnitude + 1));
  }
  if (magnitude > kMax) return ScalarValue(magnitude);
  return ScalarValue(static_cast<std::int64_t>(magnitude));
}

/// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool is_float_text(std::string_view text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t start = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i - start;
  };
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
  const std::size_t before = digits();
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0 && before == 0) return false;
  } else if (before == 0) {
    return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

/// 2026-2-3, alone or with a time of day behind it.
bool is_date(std::string_view text) {
  std::size_t i = 0;
  const auto number = [&](std::size_t most, unsigned low, unsigned high) {
    unsigned value = 0;
    std::size_t count = 0;
    for (; i < text.size() && count < most && is_digit(text[i]); ++i, ++count)
      value = value * 10 + static_cast<unsigned>(text[i] - '0');
    return count > 0 && value >= low && value <= high;
  };
  const auto skip = [&](char c) { return i < text.size() && text[i] == c && ++i > 0; };
  if (text.size() < 5 || text[4] != '-') return false;
  if (!number(4, 0, 9999) || i != 4 || !skip('-') || !number(2, 1, 12) || !skip('-') || !number(2, 1, 31))
    return false;
  if (i == text.size()) return true;
  const bool zoned = text[i] == 'T' || text[i] == 't';
  if (!zoned && text[i] != ' ') return false;
  ++i;
  if (!number(2, 0, 23) || !skip(':') || !number(2, 0, 59) || !skip(':') || !number(2, 0, 59)) return false;
  if (skip('.') && !number(9, 0, 999'999'999)) return false;
  if (!zoned) return i == text.size();
  if (skip('Z')) return i == text.size();
  return (skip('+') || skip('-')) && number(2, 0, 24) && skip(':') && number(2, 0, 59) && i == text.size();
}

}  // namespace

ScalarValue resolve_plain(std::string_view text) {
  if (auto named = named_value(text)) return *named;
  const char first = text[0];
  if (!is_digit(first) && first != '-' && first != '+' && first != '.') return text;
  if (first == '.') {
    // Go's ParseFloat decides alone here; it knows no underscores outside base prefixes.
    if (const auto v = parse_float(text)) return *v;
    return text;
  }
  if (is_date(text)) return DateText{};
  std::string digits(text);
  std::erase(digits, '_');
  if (auto v = integer(digits)) return *v;
  if (is_float_text(digits))
    if (const auto v = parse_float(digits)) return *v;
  return text;
}

ScalarValue resolve(const YamlNode& node) {
  if (node.kind == NodeKind::null) return std::monostate{};
  static constexpr std::array<std::string_view, 5> kResolved = {"!!int", "!!float", "!!bool", "!!null",
                                                                "!!timestamp"};
  if (!node.plain && !one_of(std::string_view(node.tag), kResolved)) return std::string_view(node.text);
  return resolve_plain(node.text);
}

bool is_base60(std::string_view text) {
  // [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?
  std::size_t i = 0;
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
  if (i >= text.size() || !is_digit(text[i])) return false;
  while (i < text.size() && (is_digit(text[i]) || text[i] == '_')) ++i;
  std::size_t parts = 0;
  while (i < text.size() && text[i] == ':') {
    ++i;
    const std::size_t start = i;
    while (i < text.size() && i - start < 2 && is_digit(text[i])) ++i;
    if (i == start || (i - start == 2 && text[start] > '5')) return false;
    ++parts;
  }
  if (parts == 0) return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    while (i < text.size() && (is_digit(text[i]) || text[i] == '_')) ++i;
  }
  return i == text.size();
}

}  // namespace narthex::config

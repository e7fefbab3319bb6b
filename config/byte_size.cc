#include "config/byte_size.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <optional>

namespace narthex::config {

namespace {

constexpr std::string_view kPrefixes = "KMGTPE";

std::optional<double> unit_factor(std::string_view unit, std::string_view suffix) {
  if (unit == "B") return 1.0;
  if (unit.size() != 1 + suffix.size() || !unit.ends_with(suffix)) return std::nullopt;
  const std::size_t power = kPrefixes.find(unit[0]);
  if (power == std::string_view::npos) return std::nullopt;
  return std::ldexp(1.0, static_cast<int>(10 * (power + 1)));
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Digits at the front of `s`, which shrinks by them. Nothing if they pass 63 bits.
std::optional<double> leading_number(std::string_view& s) {
  std::uint64_t value = 0;
  std::size_t i = 0;
  for (; i < s.size() && is_digit(s[i]); ++i) {
    if (value >= 922'337'203'685'477'579U) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(s[i] - '0');
  }
  s.remove_prefix(i);
  return static_cast<double>(value);
}

/// All units of one text end alike: `iB` or plain `B`.
Result<std::int64_t> parse_with(std::string_view text, std::string_view suffix) {
  const auto bad = [text] { return fail(Code::invalid, fmt::format("units: invalid {}", text)); };
  std::string_view s = text;
  const bool negative = s.starts_with('-');
  if (negative || s.starts_with('+')) s.remove_prefix(1);
  if (s == "0") return 0;
  if (s.empty()) return bad();
  double total = 0;
  while (!s.empty()) {
    const std::size_t size_before = s.size();
    const auto whole = leading_number(s);
    if (!whole) return bad();
    bool any_digit = s.size() != size_before;
    double value = *whole;
    if (s.starts_with('.')) {
      s.remove_prefix(1);
      const std::size_t digits_before = s.size();
      const auto fraction = leading_number(s);
      if (!fraction) return bad();
      const std::size_t digits = digits_before - s.size();
      value += *fraction / std::pow(10.0, static_cast<double>(digits));
      any_digit |= digits > 0;
    }
    if (!any_digit) return bad();
    std::size_t length = 0;
    while (length < s.size() && s[length] != '.' && !is_digit(s[length])) ++length;
    const std::string_view unit = s.substr(0, length);
    s.remove_prefix(length);
    const auto factor = unit_factor(unit, suffix);
    if (!factor) return fail(Code::invalid, fmt::format("units: unknown unit {} in {}", unit, text));
    total += value * *factor;
  }
  if (total >= 0x1p63) return fail(Code::invalid, "units: overflow parsing unit");
  const auto bytes = static_cast<std::int64_t>(total);
  return negative ? -bytes : bytes;
}

}  // namespace

Result<std::int64_t> parse_byte_size(std::string_view text) {
  if (auto size = parse_with(text, "iB")) return size;
  return parse_with(text, "B");
}

std::string format_byte_size(std::uint64_t bytes) {
  if (bytes == 0) return "0B";
  constexpr std::array<std::string_view, 7> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::string out;
  for (std::size_t i = 0; bytes > 0; ++i, bytes /= 1024)
    if (bytes % 1024 != 0) out.insert(0, fmt::format("{}{}", bytes % 1024, kUnits[i]));
  return out;
}

}  // namespace narthex::config

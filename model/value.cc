#include "model/value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "model/shortest_decimal.h"

namespace narthex {

namespace {

constexpr double kTwoTo53 = 9007199254740992.0;

/// The shortest decimal digits that give a number back: 0.DIGITS x 10^point.
struct Decimal {
  std::array<char, 24> digits;
  int count = 0;
  int point = 0;
};

/// `v` must be finite and not negative.
Decimal shortest_digits(double v) {
  Decimal d;
  // to_chars in scientific form gives the shortest digits; its fixed form does not for large
  // numbers, which it prints exactly.
  std::array<char, 32> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), v, std::chars_format::scientific).ptr;
  const char* at = text.data();
  for (; at < end && *at != 'e'; ++at)
    if (*at != '.') d.digits[static_cast<std::size_t>(d.count++)] = *at;
  int exponent = 0;
  if (at < end) {
    ++at;  // 'e'
    const bool negative = *at == '-';
    ++at;  // its sign
    std::from_chars(at, end, exponent);
    if (negative) exponent = -exponent;
  }
  d.point = exponent + 1;
  return d;
}

void append_digits(std::string& out, const Decimal& d, int from, int to) {
  out.append(d.digits.data() + from, static_cast<std::size_t>(to - from));
}

void append_plain(std::string& out, const Decimal& d) {
  if (d.point <= 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-d.point), '0');
    append_digits(out, d, 0, d.count);
  } else if (d.point >= d.count) {
    append_digits(out, d, 0, d.count);
    out.append(static_cast<std::size_t>(d.point - d.count), '0');
  } else {
    append_digits(out, d, 0, d.point);
    out += '.';
    append_digits(out, d, d.point, d.count);
  }
}

void append_scientific(std::string& out, const Decimal& d) {
  append_digits(out, d, 0, 1);
  if (d.count > 1) {
    out += '.';
    append_digits(out, d, 1, d.count);
  }
  int exponent = d.point - 1;
  out += 'e';
  out += exponent < 0 ? '-' : '+';
  exponent = std::abs(exponent);
  if (exponent < 10) out += '0';
  out += std::to_string(exponent);
}

/// Prints NaN and the infinities (then true), else only the sign, which it takes off `v`.
bool append_special(std::string& out, double& v) {
  if (std::isnan(v)) {
    out += "NaN";
    return true;
  }
  if (std::isinf(v)) {
    out += v > 0 ? "+Inf" : "-Inf";
    return true;
  }
  if (std::signbit(v)) {
    out += '-';
    v = -v;
  }
  return false;
}

enum class Layout : std::uint8_t { plain, scientific, general, json };

bool is_scientific(Layout layout, double v, const Decimal& d) {
  switch (layout) {
    case Layout::plain:
      return false;
    case Layout::scientific:
      return true;
    case Layout::general:
      return v != 0 && (d.point < -3 || d.point > 6);
    case Layout::json:
      return v != 0 && (v < 1e-6 || v >= 1e21);
  }
  return false;
}

void append_value(std::string& out, double v, Layout layout) {
  if (append_special(out, v)) return;
  // Most samples are whole numbers: their digits need no shortest-float search. Up to 2^53 each is a number
  // of its own, so that none has shorter digits.
  if (v < (layout == Layout::general ? 1e5 : kTwoTo53) && layout != Layout::scientific) {
    const auto whole = static_cast<std::int64_t>(v);
    if (static_cast<double>(whole) == v) {
      std::array<char, 20> text;
      out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), whole).ptr);
      return;
    }
  }
  const Decimal d = shortest_digits(v);
  if (is_scientific(layout, v, d))
    append_scientific(out, d);
  else
    append_plain(out, d);
}

std::string formatted(double v, Layout layout) {
  std::string out;
  append_value(out, v, layout);
  return out;
}

bool is_digit(char c) {
  return '0' <= c && c <= '9';
}

bool equal_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) | 0x20U) != static_cast<unsigned char>(lower[i])) return false;
  return true;
}

/// Exact powers of ten: m / 10^k is correctly rounded while m fits in 53 bits.
constexpr std::array<double, 23> kPowersOfTen{1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                              1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                              1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/// `e`, a sign if any, and one to three digits.
std::optional<int> parse_exponent(std::string_view text) {
  if (text[0] != 'e' && text[0] != 'E') return std::nullopt;
  text.remove_prefix(1);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text.size() > 3) return std::nullopt;
  int exponent = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    exponent = exponent * 10 + (c - '0');
  }
  return negative ? -exponent : exponent;
}

/// At most 15 digits, perhaps a dot and a small exponent: what nearly every sample looks like.
/// Both the digits and the power of ten are exact doubles then, so one rounding is all.
// hot: bench/exposition_bench
std::optional<double> parse_short_decimal(std::string_view text) {
  std::uint64_t digits = 0;
  int count = 0;
  int decimals = 0;
  bool dot = false;
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    const auto digit = static_cast<unsigned>(text[i]) - unsigned{'0'};
    if (digit <= 9) {
      // Too many digits wrap around, which does no harm: they are not used.
      digits = digits * 10 + digit;
      ++count;
      decimals += dot ? 1 : 0;
    } else if (text[i] == '.' && !dot) {
      dot = true;
    } else {
      break;
    }
  }
  if (count == 0 || count > 15) return std::nullopt;
  int power = -decimals;
  if (i < text.size()) {
    const auto exponent = parse_exponent(text.substr(i));
    if (!exponent) return std::nullopt;
    power += *exponent;
  }
  const auto v = static_cast<double>(digits);
  constexpr int kMaxPower = static_cast<int>(kPowersOfTen.size()) - 1;
  if (power < -kMaxPower || power > kMaxPower) return std::nullopt;
  return power < 0 ? v / kPowersOfTen[static_cast<std::size_t>(-power)]
                   : v * kPowersOfTen[static_cast<std::size_t>(power)];
}

/// from_chars leaves overflow and underflow alike; Go takes the second as zero.
std::optional<double> parse_extreme(std::string_view text) {
  const double v = std::strtod(std::string(text).c_str(), nullptr);
  if (std::isinf(v)) return std::nullopt;
  return v;
}

std::optional<double> parse_hex(std::string_view text) {
  const std::string_view digits = text.substr(2);
  // Go wants the exponent; from_chars would do without.
  if (digits.find_first_of("pP") == std::string_view::npos || digits[0] == '-') return std::nullopt;
  double v = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), v, std::chars_format::hex);
  if (end != digits.data() + digits.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return parse_extreme(text);
  return error == std::errc() ? std::optional(v) : std::nullopt;
}

std::optional<double> parse_unsigned(std::string_view text) {
  if (const auto v = parse_short_decimal(text)) return v;
  if (text.empty() || !(is_digit(text[0]) || text[0] == '.')) return std::nullopt;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) return parse_hex(text);
  double v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return parse_extreme(text);
  return error == std::errc() ? std::optional(v) : std::nullopt;
}

}  // namespace

static_assert(kMaxJsonValue > kShortestFractionRoom);  // and a sign

// hot: bench/query.py
char* write_json_value(char* out, double v) {
  const double magnitude = std::abs(v);
  if (magnitude < kTwoTo53) {
    // Most samples are whole numbers: their digits need no shortest-float search. Below 2^53 each is a number
    // of its own, so that none has shorter digits.
    const auto whole = static_cast<std::int64_t>(magnitude);
    const bool is_whole = static_cast<double>(whole) == magnitude;
    if (is_whole || magnitude >= 1e-6) {
      if (std::signbit(v)) *out++ = '-';
      if (is_whole) return std::to_chars(out, out + kMaxJsonValue - 1, whole).ptr;
      return write_shortest_fraction(out, magnitude);
    }
  }
  std::string text;
  append_value(text, v, Layout::json);
  return std::ranges::copy(text, out).out;
}

void append_json_value(std::string& out, double v) {
  std::array<char, kMaxJsonValue> text;
  out.append(text.data(), write_json_value(text.data(), v));
}
std::string format_plain(double v) {
  return formatted(v, Layout::plain);
}
std::string format_general(double v) {
  return formatted(v, Layout::general);
}
std::string format_scientific(double v) {
  return formatted(v, Layout::scientific);
}

std::string format_open_metrics(double v) {
  // Not -0: Prometheus compares with 0 and prints "0.0" for both.
  if (v == 0) return "0.0";
  std::string out = formatted(v, Layout::general);
  if (std::isfinite(v) && out.find_first_of("e.") == std::string::npos) out += ".0";
  return out;
}

// hot: bench/query.py
char* write_json_time(char* out, std::int64_t ms) {
  auto left = static_cast<std::uint64_t>(ms);
  if (ms < 0) {
    *out++ = '-';
    left = 0 - left;
  }
  out = std::to_chars(out, out + kMaxJsonTime - 1, left / 1000).ptr;
  const auto fraction = static_cast<unsigned>(left % 1000);
  if (fraction == 0) return out;
  *out++ = '.';
  *out++ = static_cast<char>('0' + fraction / 100);
  *out++ = static_cast<char>('0' + fraction / 10 % 10);
  *out++ = static_cast<char>('0' + fraction % 10);
  return out;
}

void append_json_time(std::string& out, std::int64_t ms) {
  std::array<char, kMaxJsonTime> text;
  out.append(text.data(), write_json_time(text.data(), ms));
}

std::optional<double> parse_float(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const bool negative = text[0] == '-';
  const std::string_view number = negative || text[0] == '+' ? text.substr(1) : text;
  if (const auto v = parse_unsigned(number)) return negative ? -*v : *v;
  if (equal_ignoring_case(number, "inf") || equal_ignoring_case(number, "infinity"))
    return negative ? -HUGE_VAL : HUGE_VAL;
  // Unlike the infinities, NaN has no sign.
  if (equal_ignoring_case(text, "nan")) return kNormalNan;
  return std::nullopt;
}

}  // namespace narthex

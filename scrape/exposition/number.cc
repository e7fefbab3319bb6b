#include "scrape/exposition/number.h"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "model/labels.h"
#include "model/value.h"

namespace narthex::scrape {

namespace {

/// Hexadecimal floats are the only ones that parse_float reads and Prometheus does not. Their
/// 'x' is the second byte, or the third behind a sign.
bool is_hexadecimal(std::string_view text) {
  const auto is_x = [&](std::size_t i) { return i < text.size() && (text[i] | 0x20) == 'x'; };
  return is_x(1) || is_x(2);
}

bool is_too_large(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  double v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  return error == std::errc::result_out_of_range && end == text.data() + text.size();
}

}  // namespace

std::optional<double> parse_value(std::string_view text) {
  const auto v = parse_float(text);
  if (!v || is_hexadecimal(text)) return std::nullopt;
  return v;
}

Result<double> parse_value_or_error(std::string_view text) {
  if (const auto v = parse_value(text)) return *v;
  if (text.find_first_of("pP_") != std::string_view::npos)
    return fail(Code::invalid, "unsupported character in float");
  return fail(Code::invalid, "strconv.ParseFloat: parsing " + quote(text) +
                                 (is_too_large(text) ? ": value out of range" : ": invalid syntax"));
}

Result<Timestamp> parse_seconds(std::string_view text, std::string_view what) {
  const auto seconds = parse_value_or_error(text);
  if (!seconds) return std::unexpected(seconds.error());
  if (!std::isfinite(*seconds))
    return fail(Code::invalid, std::string(what) + " " + format_general(*seconds));
  const double ms = *seconds * 1000;
  // What does not fit becomes the smallest number, as in Prometheus on x86: out of bounds for
  // every store, but no reason to refuse the page.
  if (!(std::abs(ms) < 9223372036854775808.0)) return std::numeric_limits<Timestamp>::min();
  return static_cast<Timestamp>(ms);
}

// hot: bench/scrape
const char* read_plain_value(const char* text, double& value) {
  static constexpr double kPowers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                       1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  static constexpr int kMostDigits = 15;  // below 2^53, whatever they are
  const bool negative = *text == '-';
  const char* at = text + (negative ? 1 : 0);
  const char* const first = at;
  std::uint64_t digits = 0;
  const auto is_digit = [](char c) { return static_cast<unsigned char>(c - '0') < 10; };
  for (; is_digit(*at); ++at) digits = digits * 10 + static_cast<std::uint64_t>(*at - '0');
  auto count = at - first;
  std::ptrdiff_t decimals = 0;
  if (count == 0 || count > kMostDigits) return nullptr;
  if (*at == '.') {
    const char* const fraction = ++at;
    for (; is_digit(*at) && at - fraction < kMostDigits; ++at)
      digits = digits * 10 + static_cast<std::uint64_t>(*at - '0');
    decimals = at - fraction;
    count += decimals;
    if (decimals == 0 || count > kMostDigits || is_digit(*at)) return nullptr;
  }
  const double magnitude = static_cast<double>(digits) / kPowers[decimals];
  value = negative ? -magnitude : magnitude;
  return at;
}

}  // namespace narthex::scrape

#include "apps/narthextool/go_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "model/labels.h"
#include "model/time.h"
#include "model/unicode.h"
#include "model/value.h"

namespace narthex::apps {
namespace {

using std::chrono::nanoseconds;

/// `value` / `unit` with as many decimals as it has.
std::string with_fraction(std::uint64_t value, std::uint64_t unit, std::string_view suffix) {
  std::string out = std::to_string(value / unit);
  std::uint64_t rest = value % unit;
  if (rest != 0) {
    out += '.';
    for (std::uint64_t digit = unit / 10; rest != 0; rest %= digit, digit /= 10) {
      out += static_cast<char>('0' + rest / digit);
    }
  }
  return out.append(suffix);
}

std::string escaped(char32_t code) {
  switch (code) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      break;
  }
  constexpr char32_t kLineSeparator = 0x2028;
  constexpr char32_t kParagraphSeparator = 0x2029;
  if (code < 0x20 || code == '<' || code == '>' || code == '&' || code == kLineSeparator ||
      code == kParagraphSeparator) {
    return fmt::format("\\u{:04x}", static_cast<std::uint32_t>(code));
  }
  return {};
}

struct DurationUnit {
  std::string_view name;
  double nanoseconds;
};
constexpr DurationUnit kDurationUnits[] = {{"ns", 1},   {"us", 1e3}, {"µs", 1e3}, {"μs", 1e3},
                                           {"ms", 1e6}, {"s", 1e9},  {"m", 6e10}, {"h", 3.6e12}};

bool is_number_part(char c) {
  return ('0' <= c && c <= '9') || c == '.';
}

/// Takes a decimal number off the front of `text`; nothing if none stands there.
std::optional<double> take_number(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && is_number_part(text[end])) ++end;
  const auto number = parse_float(text.substr(0, end));
  text.remove_prefix(end);
  return number;
}

}  // namespace

Result<nanoseconds> parse_go_duration(std::string_view text) {
  const auto invalid = [&] { return fail(Code::invalid, "time: invalid duration " + quote(text)); };
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return nanoseconds::zero();
  if (rest.empty()) return invalid();
  double sum = 0;
  while (!rest.empty()) {
    const auto number = take_number(rest);
    if (!number) return invalid();
    const auto unit_end = std::ranges::find_if(rest, is_number_part);
    const std::string_view unit(rest.begin(), unit_end);
    if (unit.empty()) return fail(Code::invalid, "time: missing unit in duration " + quote(text));
    const auto* known = std::ranges::find(kDurationUnits, unit, &DurationUnit::name);
    if (known == std::end(kDurationUnits))
      return fail(Code::invalid, "time: unknown unit " + quote(unit) + " in duration " + quote(text));
    sum += *number * known->nanoseconds;
    rest.remove_prefix(unit.size());
  }
  // The double next to the largest count may be larger than it.
  if (sum >= static_cast<double>(std::numeric_limits<std::int64_t>::max())) return invalid();
  return nanoseconds(std::llround(negative ? -sum : sum));
}

std::string go_duration(nanoseconds duration) {
  if (duration == nanoseconds::zero()) return "0s";
  const bool negative = duration < nanoseconds::zero();
  const auto count = static_cast<std::uint64_t>(duration.count());
  const std::uint64_t left = negative ? 0 - count : count;
  const std::string sign = negative ? "-" : "";
  constexpr std::uint64_t kMicro = 1000;
  constexpr std::uint64_t kMilli = 1000 * kMicro;
  constexpr std::uint64_t kSecond = 1000 * kMilli;
  if (left < kMicro) return sign + std::to_string(left) + "ns";
  if (left < kMilli) return sign + with_fraction(left, kMicro, "µs");
  if (left < kSecond) return sign + with_fraction(left, kMilli, "ms");
  const std::string seconds = with_fraction(left % (60 * kSecond), kSecond, "s");
  const std::uint64_t minutes = left / (60 * kSecond);
  if (minutes == 0) return sign + seconds;
  if (minutes < 60) return fmt::format("{}{}m{}", sign, minutes, seconds);
  return fmt::format("{}{}h{}m{}", sign, minutes / 60, minutes % 60, seconds);
}

std::string go_duration_between(std::int64_t begin, std::int64_t end) {
  constexpr std::uint64_t kNanosPerMilli = 1'000'000;
  const std::uint64_t span = static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(begin);
  return go_duration(nanoseconds(static_cast<std::int64_t>(span * kNanosPerMilli)));
}

std::string go_time(std::int64_t seconds) {
  // "2023-11-14T22:13:20Z"
  std::string text = format_rfc3339(seconds * 1000);
  const std::size_t t = text.find('T');
  if (t != std::string::npos) text[t] = ' ';
  if (text.ends_with('Z')) text.pop_back();
  return text + " +0000 UTC";
}

std::string base2_bytes(std::int64_t bytes) {
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::string out;
  std::int64_t left = bytes;
  for (std::size_t i = 0; i < std::size(kUnits); ++i) {
    if (left % 1024 != 0 || (i == 0 && left == 0)) {
      out = std::to_string(left % 1024).append(kUnits[i]) + out;
    }
    left /= 1024;
    if (left == 0) break;
  }
  return out;
}

std::string go_json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const Rune rune = decode_rune(text);
    if (!rune.valid) {
      out += "\\ufffd";
    } else if (const std::string escape = escaped(rune.code); !escape.empty()) {
      out += escape;
    } else {
      out += text.substr(0, rune.size);
    }
    text.remove_prefix(rune.size);
  }
  return out + '"';
}

std::string TextTable::text() const {
  constexpr std::size_t kLeastWidth = 13;
  constexpr std::size_t kPadding = 2;
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    if (widths.size() < row.size()) widths.resize(row.size(), kLeastWidth);
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size() + kPadding);
  }
  std::string out;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      out += row[i];
      out.append(widths[i] - row[i].size(), ' ');
    }
    if (!row.empty()) out += row.back();
    out += '\n';
  }
  return out;
}

}  // namespace narthex::apps

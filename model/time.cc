#include "model/time.h"

#include <array>
#include <cmath>
#include <cstdlib>

#include "model/labels.h"
#include "model/value.h"

namespace narthex {

namespace {

constexpr std::int64_t kNanosPerMs = 1'000'000;

bool is_digit(char c) {
  return '0' <= c && c <= '9';
}

struct Unit {
  std::string_view name;
  DurationMs ms;
};
/// From largest to smallest: a duration names them in this order.
constexpr std::array<Unit, 7> kUnits{{{"y", 365LL * 24 * 3600 * 1000},
                                      {"w", 7LL * 24 * 3600 * 1000},
                                      {"d", 24LL * 3600 * 1000},
                                      {"h", 3600LL * 1000},
                                      {"m", 60LL * 1000},
                                      {"s", 1000},
                                      {"ms", 1}}};

std::unexpected<Error> bad_duration(std::string_view text) {
  return fail(Code::invalid, "not a valid duration string: " + quote(text));
}

/// Digits at the start of `text`, which are cut off; nothing if they exceed 64 bits.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t n = 0;
  std::size_t i = 0;
  for (; i < text.size() && is_digit(text[i]); ++i) {
    const auto digit = static_cast<std::uint64_t>(text[i] - '0');
    if (__builtin_mul_overflow(n, std::uint64_t{10}, &n) || __builtin_add_overflow(n, digit, &n)) return {};
  }
  text.remove_prefix(i);
  return n;
}

std::string_view take_unit(std::string_view& text) {
  std::size_t i = 0;
  while (i < text.size() && !is_digit(text[i])) ++i;
  const std::string_view unit = text.substr(0, i);
  text.remove_prefix(i);
  return unit;
}

/// Days since the epoch of a date of the proleptic Gregorian calendar.
std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t shifted_month = month > 2 ? month - 3 : month + 9;
  const std::int64_t day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
  const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

struct CivilDate {
  std::int64_t year;
  int month;
  int day;
};

CivilDate civil_from_days(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const std::int64_t day_of_era = days - era * 146'097;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const int day = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  const int month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

int days_in_month(std::int64_t year, int month) {
  constexpr std::array<int, 12> kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return kDays[static_cast<std::size_t>(month - 1)] + (month == 2 && leap ? 1 : 0);
}

/// Reads fixed fields from the front of a text; remembers the first failure.
class FieldReader {
 public:
  explicit FieldReader(std::string_view text) : rest_(text) {}

  int number(std::size_t digits) {
    if (rest_.size() < digits) return refuse();
    int n = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (!is_digit(rest_[i])) return refuse();
      n = n * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return n;
  }
  /// Go reads the hour with one digit or two.
  int one_or_two_digits() {
    return number(rest_.size() > 1 && is_digit(rest_[0]) && is_digit(rest_[1]) ? 2 : 1);
  }
  bool take(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c)) refuse();
  }
  /// Milliseconds of a fraction of any length, cut off.
  int fraction_ms() {
    if (!take('.') && !take(',')) return 0;
    int ms = 0;
    int weight = 100;
    std::size_t i = 0;
    for (; i < rest_.size() && is_digit(rest_[i]); ++i) {
      ms += weight * (rest_[i] - '0');
      weight /= 10;
    }
    if (i == 0) refuse();
    rest_.remove_prefix(i);
    return ms;
  }
  [[nodiscard]] bool finished() const { return ok_ && rest_.empty(); }

 private:
  int refuse() {
    ok_ = false;
    return 0;
  }
  std::string_view rest_;
  bool ok_ = true;
};

void append_padded(std::string& out, std::int64_t n, std::size_t width) {
  const std::string digits = std::to_string(n < 0 ? -n : n);
  if (n < 0) out += '-';
  if (digits.size() < width) out.append(width - digits.size(), '0');
  out += digits;
}

/// Prometheus' own bounds, which Go can print but not read back.
constexpr std::string_view kMinTimeText = "-292273086-05-16T16:47:06Z";
constexpr std::string_view kMaxTimeText = "+292277025-08-18T07:12:54.999999999Z";
constexpr Timestamp kMinApiTime = (kMinTime / 1000 + 62'135'596'801) * 1000;
constexpr Timestamp kMaxApiTime = (kMaxTime / 1000 - 62'135'596'801) * 1000 + 999;

/// Go's way over time.Unix(seconds, nanoseconds), with its truncations.
std::optional<Timestamp> time_from_seconds(double seconds) {
  double whole = 0;
  double fraction = std::modf(seconds, &whole);
  if (!(std::abs(whole) < 9.2e15)) return std::nullopt;
  fraction = std::round(fraction * 1000) / 1000;
  auto s = static_cast<std::int64_t>(whole);
  auto ns = static_cast<std::int64_t>(fraction * 1e9);
  if (ns < 0) {
    ns += 1'000'000'000;
    --s;
  }
  return s * 1000 + ns / kNanosPerMs;
}

}  // namespace

Result<DurationMs> parse_duration(std::string_view text) {
  if (text == "0") return 0;
  if (text.empty()) return fail(Code::invalid, "empty duration string");

  constexpr auto kMaxNanos = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::uint64_t total = 0;  // nanoseconds: Go's range is the range
  std::size_t next_unit = 0;
  for (std::string_view rest = text; !rest.empty();) {
    if (!is_digit(rest[0])) return bad_duration(text);
    const auto n = take_number(rest);
    if (!n || rest.empty()) return bad_duration(text);
    const std::string_view name = take_unit(rest);
    std::size_t unit = 0;
    while (unit < kUnits.size() && kUnits[unit].name != name) ++unit;
    if (unit == kUnits.size())
      return fail(Code::invalid, "unknown unit " + quote(name) + " in duration " + quote(text));
    if (unit < next_unit) return bad_duration(text);
    next_unit = unit + 1;
    std::uint64_t nanos = 0;
    if (__builtin_mul_overflow(*n, static_cast<std::uint64_t>(kUnits[unit].ms * kNanosPerMs), &nanos) ||
        __builtin_add_overflow(total, nanos, &total) || total > kMaxNanos)
      return fail(Code::invalid, "duration out of range");
  }
  return static_cast<DurationMs>(total / kNanosPerMs);
}

std::string format_duration(DurationMs ms) {
  if (ms == 0) return "0s";
  std::string out;
  // Unsigned, so that the smallest value has a magnitude.
  auto left = static_cast<std::uint64_t>(ms);
  if (ms < 0) {
    out += '-';
    left = 0 - left;
  }
  for (const Unit& unit : kUnits) {
    const auto size = static_cast<std::uint64_t>(unit.ms);
    // 90d reads easier than 12w6d: years and weeks only where they divide exactly.
    const bool exact_only = unit.name == "y" || unit.name == "w";
    if (left < size || (exact_only && left % size != 0)) continue;
    out += std::to_string(left / size);
    out += unit.name;
    left %= size;
  }
  return out;
}

Result<Timestamp> parse_rfc3339(std::string_view text) {
  FieldReader in(text);
  const int year = in.number(4);
  in.expect('-');
  const int month = in.number(2);
  in.expect('-');
  const int day = in.number(2);
  in.expect('T');
  const int hour = in.one_or_two_digits();
  in.expect(':');
  const int minute = in.number(2);
  in.expect(':');
  const int second = in.number(2);
  const int ms = in.fraction_ms();
  std::int64_t offset_minutes = 0;
  if (!in.take('Z')) {
    const bool east = in.take('+');
    if (!east) in.expect('-');
    const int hours = in.number(2);
    in.expect(':');
    const int minutes = in.number(2);
    if (hours > 24 || minutes > 60) in.expect('\0');
    offset_minutes = (east ? 1 : -1) * (hours * 60 + minutes);
  }
  const bool in_range = month >= 1 && month <= 12 && day >= 1 && hour < 24 && minute < 60 && second < 60;
  if (!in.finished() || !in_range || day > days_in_month(year, month))
    return fail(Code::invalid, "cannot parse " + quote(text) + " as an RFC 3339 time");
  const std::int64_t days = days_from_civil(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
  const std::int64_t minutes = days * 1440 + hour * 60 + minute - offset_minutes;
  return (minutes * 60 + second) * 1000 + ms;
}

std::string format_rfc3339(Timestamp t) {
  constexpr std::int64_t kDayMs = 86'400'000;
  std::int64_t days = t / kDayMs;
  std::int64_t of_day = t % kDayMs;
  if (of_day < 0) {
    of_day += kDayMs;
    --days;
  }
  const CivilDate date = civil_from_days(days);
  std::string out;
  append_padded(out, date.year, 4);
  out += '-';
  append_padded(out, date.month, 2);
  out += '-';
  append_padded(out, date.day, 2);
  out += 'T';
  append_padded(out, of_day / 3'600'000, 2);
  out += ':';
  append_padded(out, of_day / 60'000 % 60, 2);
  out += ':';
  append_padded(out, of_day / 1000 % 60, 2);
  if (of_day % 1000 != 0) {
    out += '.';
    append_padded(out, of_day % 1000, 3);
    while (out.back() == '0') out.pop_back();
  }
  out += 'Z';
  return out;
}

Result<Timestamp> parse_api_time(std::string_view text) {
  if (const auto seconds = parse_float(text)) {
    if (const auto t = time_from_seconds(*seconds)) return *t;
  } else if (auto t = parse_rfc3339(text)) {
    return *t;
  } else if (text == kMinTimeText) {
    return kMinApiTime;
  } else if (text == kMaxTimeText) {
    return kMaxApiTime;
  }
  return fail(Code::invalid, "cannot parse " + quote(text) + " to a valid timestamp");
}

Result<DurationMs> parse_api_duration(std::string_view text) {
  const std::string refusal = "cannot parse " + quote(text) + " to a valid duration";
  if (const auto seconds = parse_float(text)) {
    const double nanos = *seconds * 1e9;
    if (!(std::abs(nanos) < 9.223372036854775807e18))
      return fail(Code::invalid, refusal + ". It overflows int64");
    return static_cast<std::int64_t>(nanos) / kNanosPerMs;
  }
  if (auto duration = parse_duration(text)) return *duration;
  return fail(Code::invalid, refusal);
}

}  // namespace narthex

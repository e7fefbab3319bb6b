#include "query/functions/calendar.h"

namespace narthex::query {

namespace {

constexpr std::int64_t kSecondsPerDay = 86'400;
/// Where Go begins to count, without signs: 1 March of the year -292277022400, in days before 1970.
constexpr std::int64_t kDaysBefore1970 = 106'751'991'073'400;

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

struct Date {
  std::int64_t year = 0;
  std::int64_t month = 0;  ///< 1..12
  std::int64_t day = 0;    ///< 1..31
};

/// Proleptic Gregorian date of a day since 1970-01-01. Counts in eras of 400 years that begin
/// on 1 March, so that the leap day comes last.
Date date_of(std::int64_t day) {
  constexpr std::int64_t kDaysPerEra = 146'097;
  const std::int64_t z = day + 719'468;
  const std::int64_t era = floor_div(z, kDaysPerEra);
  const std::int64_t in_era = z - era * kDaysPerEra;
  const std::int64_t year = (in_era - in_era / 1460 + in_era / 36'524 - in_era / 146'096) / 365;
  const std::int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
  const std::int64_t month = (5 * in_year + 2) / 153;
  Date d;
  d.day = in_year - (153 * month + 2) / 5 + 1;
  d.month = month < 10 ? month + 3 : month - 9;
  d.year = year + era * 400 + (d.month <= 2 ? 1 : 0);
  return d;
}

bool is_leap(std::int64_t year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

std::int64_t days_in_month(const Date& d) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return kDays[d.month - 1] + (d.month == 2 && is_leap(d.year) ? 1 : 0);
}

std::int64_t day_of_year(const Date& d) {
  std::int64_t days = d.day;
  for (Date m{d.year, 1, 1}; m.month < d.month; ++m.month) days += days_in_month(m);
  return days;
}

}  // namespace

double calendar_part(FunctionId part, std::int64_t seconds) {
  // What lies before that wraps around, as NaN does, which is the least of integers.
  constexpr auto kBefore1970 = static_cast<std::uint64_t>(kDaysBefore1970) * kSecondsPerDay;
  const std::uint64_t since_begin = static_cast<std::uint64_t>(seconds) + kBefore1970;
  const auto day = static_cast<std::int64_t>(since_begin / kSecondsPerDay) - kDaysBefore1970;
  const auto in_day = static_cast<std::int64_t>(since_begin % kSecondsPerDay);
  switch (part) {
    case FunctionId::minute:
      return static_cast<double>(in_day % 3600 / 60);
    case FunctionId::hour:
      return static_cast<double>(in_day / 3600);
    case FunctionId::day_of_week:
      return static_cast<double>(day + 4 - floor_div(day + 4, 7) * 7);  // 1970-01-01 was a Thursday
    case FunctionId::day_of_month:
      return static_cast<double>(date_of(day).day);
    case FunctionId::day_of_year:
      return static_cast<double>(day_of_year(date_of(day)));
    case FunctionId::days_in_month:
      return static_cast<double>(days_in_month(date_of(day)));
    case FunctionId::month:
      return static_cast<double>(date_of(day).month);
    default:
      return static_cast<double>(date_of(day).year);
  }
}

}  // namespace narthex::query

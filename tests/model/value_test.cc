#include "model/value.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>

using namespace narthex;

namespace {

std::string json(double v) {
  std::string out;
  append_json_value(out, v);
  return out;
}

constexpr double kInf = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("values print as Prometheus prints them") {
  const struct {
    double v;
    std::string_view json;
    std::string_view plain;
    std::string_view general;
    std::string_view scientific;
    std::string_view open_metrics;
  } rows[] = {
      {0, "0", "0", "0", "0e+00", "0.0"},
      {-0.0, "-0", "-0", "-0", "-0e+00", "0.0"},
      {1, "1", "1", "1", "1e+00", "1.0"},
      {-1, "-1", "-1", "-1", "-1e+00", "-1.0"},
      {42, "42", "42", "42", "4.2e+01", "42.0"},
      {0.1, "0.1", "0.1", "0.1", "1e-01", "0.1"},
      {0.1 + 0.2, "0.30000000000000004", "0.30000000000000004", "0.30000000000000004",
       "3.0000000000000004e-01", "0.30000000000000004"},
      {100000, "100000", "100000", "100000", "1e+05", "100000.0"},
      {999999, "999999", "999999", "999999", "9.99999e+05", "999999.0"},
      {1e6, "1000000", "1000000", "1e+06", "1e+06", "1e+06"},
      {1234567.5, "1234567.5", "1234567.5", "1.2345675e+06", "1.2345675e+06", "1.2345675e+06"},
      {0.0001, "0.0001", "0.0001", "0.0001", "1e-04", "0.0001"},
      {0.00001, "0.00001", "0.00001", "1e-05", "1e-05", "1e-05"},
      {1e-6, "0.000001", "0.000001", "1e-06", "1e-06", "1e-06"},
      {9.999999e-07, "9.999999e-07", "0.0000009999999", "9.999999e-07", "9.999999e-07", "9.999999e-07"},
      {1e20, "100000000000000000000", "100000000000000000000", "1e+20", "1e+20", "1e+20"},
      {1e21, "1e+21", "1000000000000000000000", "1e+21", "1e+21", "1e+21"},
      {1e30, "1e+30", "1000000000000000000000000000000", "1e+30", "1e+30", "1e+30"},
      {1756999999123456768.0, "1756999999123456800", "1756999999123456800", "1.7569999991234568e+18",
       "1.7569999991234568e+18", "1.7569999991234568e+18"},
      {9007199254740993.0, "9007199254740992", "9007199254740992", "9.007199254740992e+15",
       "9.007199254740992e+15", "9.007199254740992e+15"},
      {kInf, "+Inf", "+Inf", "+Inf", "+Inf", "+Inf"},
      {-kInf, "-Inf", "-Inf", "-Inf", "-Inf", "-Inf"},
      {kNormalNan, "NaN", "NaN", "NaN", "NaN", "NaN"},
      {-kNormalNan, "NaN", "NaN", "NaN", "NaN", "NaN"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.v);
    CHECK(json(row.v) == row.json);
    CHECK(format_plain(row.v) == row.plain);
    CHECK(format_general(row.v) == row.general);
    CHECK(format_scientific(row.v) == row.scientific);
    CHECK(format_open_metrics(row.v) == row.open_metrics);
  }
  CHECK(json(5e-324) == "5e-324");
  CHECK(json(1.7976931348623157e308) == "1.7976931348623157e+308");
  CHECK(format_plain(5e-324).size() == 326);
}

TEST_CASE("JSON times are seconds with three decimals where needed") {
  const struct {
    std::int64_t ms;
    std::string_view want;
  } rows[] = {{0, "0"},
              {1000, "1"},
              {1, "0.001"},
              {10, "0.010"},
              {100, "0.100"},
              {-1, "-0.001"},
              {-1500, "-1.500"},
              {1435781451781, "1435781451.781"},
              {1435781451000, "1435781451"}};
  for (const auto& row : rows) {
    std::string out;
    append_json_time(out, row.ms);
    CHECK(out == row.want);
  }
}

TEST_CASE("numbers are read as Go's ParseFloat reads them") {
  const struct {
    std::string_view text;
    std::optional<double> want;
  } rows[] = {
      {"0", 0},
      {"12", 12},
      {"00012", 12},
      {"+5", 5},
      {"-5", -5},
      {"1.5", 1.5},
      {"1.", 1},
      {".5", 0.5},
      {"-.5", -0.5},
      {"0.1", 0.1},
      {"123456789012345", 123456789012345},
      {"1234567890123456789", 1234567890123456789.0},
      {"9007199254740993", 9007199254740992},
      {"0.000001234567890", 0.00000123456789},
      {"3.14159265358979", 3.14159265358979},
      {"1e5", 1e5},
      {"1E+5", 1e5},
      {"1e-5", 1e-5},
      {"2.279966416e+09", 2279966416.0},
      {"1.23456789012345e+22", 1.23456789012345e+22},
      {"123456789012345e-22", 123456789012345e-22},
      {"123456789012345e22", 123456789012345e22},
      {"1e23", 1e23},
      {"1e022", 1e22},
      {"1e0022", 1e22},
      {"0e999", 0},
      {"1e-", {}},
      {"1e5.", {}},
      {"1e5e5", {}},
      {"1.5.e5", {}},
      {"4.9e-324", 5e-324},
      {"2e-324", 0},
      {"1e-400", 0},
      {"1e400", {}},
      {"-1e400", {}},
      {"0x1p-2", 0.25},
      {"0X1.8P3", 12},
      {"0x.8p1", 1},
      {"0x1.p1", 2},
      {"-0x1p4", -16},
      {"0x1", {}},
      {"0xp1", {}},
      {"0x-1p1", {}},
      {"0x1p2000", {}},
      {"0x1p-1080", 0},
      {"inf", kInf},
      {"+Inf", kInf},
      {"-INF", -kInf},
      {"Infinity", kInf},
      {"-infinity", -kInf},
      {"infi", {}},
      {"", {}},
      {".", {}},
      {"+", {}},
      {"-", {}},
      {"--1", {}},
      {"+-1", {}},
      {"1e", {}},
      {"1e+", {}},
      {"e5", {}},
      {"1 ", {}},
      {" 1", {}},
      {"1_000", {}},
      {"1..2", {}},
      {"1.2.3", {}},
      {"abc", {}},
      {"-nan", {}},
      {"nan(1)", {}},
      {"0b1", {}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto got = parse_float(row.text);
    CHECK(got == row.want);
  }
  for (const std::string_view text : {"nan", "NaN", "NAN"})
    CHECK(std::bit_cast<std::uint64_t>(parse_float(text).value()) == kNormalNanBits);
  CHECK(std::signbit(parse_float("-0").value()));
}

TEST_CASE("what is printed is read back as the same number") {
  std::uint64_t state = 42;
  for (int i = 0; i < 20'000; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    const auto v = std::bit_cast<double>(state);
    if (!std::isfinite(v)) continue;
    CHECK(parse_float(json(v)) == v);
    CHECK(parse_float(format_plain(v)) == v);
    CHECK(parse_float(format_general(v)) == v);
    // Short ones, which take the fast way.
    const double scale = i % 2 == 0 ? 1e-3 : 1e9;
    const double small = static_cast<double>(state >> 40U) * scale;
    CHECK(parse_float(format_general(small)) == small);
    CHECK(parse_float(format_scientific(small)) == small);
  }
}

TEST_CASE("the JSON form of a number with a fraction has the shortest digits, however large it is") {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const double v = std::ldexp(static_cast<double>(random() >> 11), -static_cast<int>(random() % 72));
    if (v < 1e-6) continue;
    CAPTURE(v);
    std::string json;
    append_json_value(json, -v);
    // Which looks for the digits in another way.
    CHECK(json == "-" + format_plain(v));
  }
}

TEST_CASE("the staleness marker is a NaN of its own") {
  CHECK(is_stale_nan(kStaleNan));
  CHECK_FALSE(is_stale_nan(kNormalNan));
  CHECK(std::isnan(kStaleNan));
}

#include "model/time.h"

#include <doctest/doctest.h>

#include "model/clock.h"

using namespace narthex;

TEST_CASE("durations: text to milliseconds") {
  const struct {
    std::string_view text;
    std::optional<DurationMs> want;
    std::string_view error;
  } rows[] = {
      {"0", 0, ""},
      {"0s", 0, ""},
      {"5m", 300'000, ""},
      {"1h30m", 5'400'000, ""},
      {"1y2w3d4h5m6s7ms", 33'019'506'007, ""},
      {"10ms", 10, ""},
      {"292y", 9'208'512'000'000, ""},
      {"", {}, "empty duration string"},
      {"1", {}, "not a valid duration string: \"1\""},
      {"-1s", {}, "not a valid duration string: \"-1s\""},
      {"30m1h", {}, "not a valid duration string: \"30m1h\""},
      {"1m1m", {}, "not a valid duration string: \"1m1m\""},
      {"1.5h", {}, "unknown unit \".\" in duration \"1.5h\""},
      {"1hour", {}, "unknown unit \"hour\" in duration \"1hour\""},
      {"99999999999999999999s", {}, "not a valid duration string: \"99999999999999999999s\""},
      {"294y", {}, "duration out of range"},
      {"292y52w", {}, "duration out of range"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto got = parse_duration(row.text);
    CHECK(got.has_value() == row.want.has_value());
    if (got) CHECK(*got == row.want);
    if (!got) CHECK(got.error().text == row.error);
  }
}

TEST_CASE("durations: milliseconds to text") {
  const struct {
    DurationMs ms;
    std::string_view want;
  } rows[] = {{0, "0s"},
              {1, "1ms"},
              {5'400'000, "1h30m"},
              {90LL * 86'400'000, "90d"},
              {14LL * 86'400'000, "2w"},
              {365LL * 86'400'000, "1y"},
              {366LL * 86'400'000, "366d"},
              {86'400'001, "1d1ms"},
              {-5'000, "-5s"}};
  for (const auto& row : rows) CHECK(format_duration(row.ms) == row.want);
}

TEST_CASE("RFC 3339 times are read and printed") {
  const struct {
    std::string_view text;
    Timestamp t;
    std::string_view printed;
  } rows[] = {
      {"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"},
      {"2026-02-03T04:05:06.789Z", 1'770'091'506'789, "2026-02-03T04:05:06.789Z"},
      {"2015-07-01T20:10:51.781+02:00", 1'435'774'251'781, "2015-07-01T18:10:51.781Z"},
      {"1969-12-31T23:59:59.5Z", -500, "1969-12-31T23:59:59.5Z"},
      {"2024-02-29T00:00:00-00:30", 1'709'166'600'000, "2024-02-29T00:30:00Z"},
      {"2024-02-29T5:00:00Z", 1'709'182'800'000, "2024-02-29T05:00:00Z"},
      {"0001-01-01T00:00:00.123456789Z", -62'135'596'799'877, "0001-01-01T00:00:00.123Z"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto got = parse_rfc3339(row.text);
    REQUIRE(got.has_value());
    CHECK(*got == row.t);
    CHECK(format_rfc3339(row.t) == row.printed);
  }
  for (const std::string_view bad :
       {"", "2026-02-03", "2026-02-03T04:05:06", "2026-13-03T04:05:06Z", "2025-02-29T00:00:00Z",
        "2026-02-03T24:05:06Z", "2026-02-03T04:05:60Z", "2026-02-03 04:05:06Z", "2026-02-03T04:05:06.Z",
        "2026-02-03T04:05:06+25:00", "2026-02-03T04:05:06Zx"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_rfc3339(bad).has_value());
  }
}

TEST_CASE("API parameters take seconds or text") {
  CHECK(parse_api_time("1435781451.781").value() == 1'435'781'451'781);
  CHECK(parse_api_time("-1.5").value() == -1500);
  CHECK(parse_api_time("1e3").value() == 1'000'000);
  CHECK(parse_api_time("2015-07-01T20:10:51.781Z").value() == 1'435'781'451'781);
  CHECK(parse_api_time("-292273086-05-16T16:47:06Z").value() == -9'223'309'901'257'974'000);
  CHECK(parse_api_time("+292277025-08-18T07:12:54.999999999Z").value() == 9'223'309'901'257'974'999);
  CHECK(parse_api_time("foo").error().text == "cannot parse \"foo\" to a valid timestamp");
  CHECK_FALSE(parse_api_time("NaN").has_value());
  CHECK_FALSE(parse_api_time("1e300").has_value());

  CHECK(parse_api_duration("1.5").value() == 1500);
  CHECK(parse_api_duration("1h").value() == 3'600'000);
  CHECK(parse_api_duration("-3").value() == -3000);
  CHECK(parse_api_duration("foo").error().text == "cannot parse \"foo\" to a valid duration");
  CHECK(parse_api_duration("1e300").error().text ==
        "cannot parse \"1e300\" to a valid duration. It overflows int64");
  CHECK_FALSE(parse_api_duration("NaN").has_value());
}

TEST_CASE("a manual clock stands still until it is moved") {
  ManualClock clock(1000);
  CHECK(clock.now() == 1000);
  clock.advance(500);
  CHECK(clock.now() == 1500);
  CHECK(clock.steady() == std::chrono::milliseconds(1500));
  clock.set(10);
  CHECK(clock.now() == 10);
}

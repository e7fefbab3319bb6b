#include "apps/narthextool/go_text.h"

#include <doctest/doctest.h>

#include <limits>

using namespace narthex::apps;

TEST_CASE("durations print as Go's time.Duration") {
  const struct {
    std::int64_t nanoseconds;
    std::string_view want;
  } rows[] = {{0, "0s"},
              {1, "1ns"},
              {1'100, "1.1µs"},
              {124'000'000, "124ms"},
              {1'500'000, "1.5ms"},
              {1'000'000'000, "1s"},
              {-1'500'000'000, "-1.5s"},
              {59'999'000'000, "59.999s"},
              {60'000'000'000, "1m0s"},
              {3'615'001'000'000, "1h0m15.001s"},
              {7'200'000'000'000, "2h0m0s"},
              {1'814'400'000'000'000, "504h0m0s"},
              {std::numeric_limits<std::int64_t>::min(), "-2562047h47m16.854775808s"}};
  for (const auto& row : rows) {
    CAPTURE(row.nanoseconds);
    CHECK(go_duration(std::chrono::nanoseconds(row.nanoseconds)) == row.want);
  }
  CHECK(go_duration_between(1000, 8'200'000) == "2h16m39s");
}

TEST_CASE("sizes name every unit that is not zero") {
  const struct {
    std::int64_t bytes;
    std::string_view want;
  } rows[] = {{0, "0B"},
              {635, "635B"},
              {1024, "1KiB"},
              {1599, "1KiB575B"},
              {(3LL << 30) + (512 << 10) + 3, "3GiB512KiB3B"}};
  for (const auto& row : rows) {
    CAPTURE(row.bytes);
    CHECK(base2_bytes(row.bytes) == row.want);
  }
}

TEST_CASE("times print as Go's time.Time") {
  CHECK(go_time(1'700'000'000) == "2023-11-14 22:13:20 +0000 UTC");
  CHECK(go_time(0) == "1970-01-01 00:00:00 +0000 UTC");
}

TEST_CASE("JSON strings are escaped as by encoding/json") {
  CHECK(go_json_string("a\"\\\n\t\x01<&>é\xff\u2028\x7f") ==
        "\"a\\\"\\\\\\n\\t\\u0001\\u003c\\u0026\\u003eé\\ufffd\\u2028\x7f\"");
}

TEST_CASE("tables are as wide as their widest cell, and at least 13") {
  TextTable table;
  table.add({"A", "B", "C"});
  table.add({"a long enough cell", "b", "c"});
  CHECK(table.text() ==
        "A                   B            C\n"
        "a long enough cell  b            c\n");
}

TEST_CASE("durations are read as Go reads them") {
  using std::chrono::nanoseconds;
  const struct {
    std::string_view text;
    std::int64_t want;
  } good[] = {{"0", 0},
              {"5s", 5'000'000'000},
              {"1h30m", 5'400'000'000'000},
              {"1.5h", 5'400'000'000'000},
              {"-250ms", -250'000'000},
              {"3us", 3000},
              {"30m1h", 5'400'000'000'000}};
  for (const auto& row : good) {
    CAPTURE(row.text);
    const auto got = parse_go_duration(row.text);
    REQUIRE(got);
    CHECK(got->count() == row.want);
  }
  const struct {
    std::string_view text;
    std::string_view error;
  } bad[] = {{"", "time: invalid duration \"\""},
             {"h", "time: invalid duration \"h\""},
             {"5", "time: missing unit in duration \"5\""},
             {"1d", "time: unknown unit \"d\" in duration \"1d\""},
             {"1.2.3s", "time: invalid duration \"1.2.3s\""},
             {"3000000h", "time: invalid duration \"3000000h\""}};
  for (const auto& row : bad) {
    CAPTURE(row.text);
    const auto got = parse_go_duration(row.text);
    REQUIRE_FALSE(got);
    CHECK(got.error().text == row.error);
  }
}

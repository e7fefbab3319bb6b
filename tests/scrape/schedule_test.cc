#include "scrape/schedule.h"

#include <doctest/doctest.h>

using namespace narthex;
using namespace narthex::scrape;

TEST_CASE("a target's phase depends on itself and the server, not on when one looks") {
  constexpr DurationMs kInterval = 15'000;
  const std::uint64_t hash = 0x1234567890abcdefULL;
  const Timestamp first = first_scrape(1'000'000'000'000, kInterval, hash, 42);
  CHECK(first > 1'000'000'000'000);
  CHECK(first <= 1'000'000'000'000 + kInterval);
  for (Timestamp now = 1'000'000'000'000; now < 1'000'000'100'000; now += 777) {
    const Timestamp next = first_scrape(now, kInterval, hash, 42);
    CHECK((next - first) % kInterval == 0);
    CHECK(next >= now);
    CHECK(next <= now + kInterval);
  }
  CHECK((first_scrape(1'000'000'000'000, kInterval, hash, 43'000'000'000) - first) % kInterval != 0);
}

TEST_CASE("missed scrapes are skipped, the one that is due is not") {
  CHECK(latest_due(100, 100, 10) == 100);
  CHECK(latest_due(100, 109, 10) == 100);
  CHECK(latest_due(100, 110, 10) == 110);
  CHECK(latest_due(100, 155, 10) == 150);
}

TEST_CASE("samples get the scheduled time unless the scrape came late") {
  CHECK(sample_time(60'000, 60'000, 15'000, 2) == 60'000);
  CHECK(sample_time(60'000, 60'002, 15'000, 2) == 60'000);
  CHECK(sample_time(60'000, 60'003, 15'000, 2) == 60'003);
  CHECK(sample_time(60'000, 59'999, 15'000, 2) == 60'000);
  CHECK(sample_time(60'000, 60'002, 100, 2) == 60'002);  // no more than 1 % of the interval
  CHECK(sample_time(60'000, 60'050, 15'000, 50) == 60'000);
}

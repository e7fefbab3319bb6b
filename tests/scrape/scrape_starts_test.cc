// Start timestamps on their way from a page to the store.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "scrape/scrape_cycle.h"
#include "tests/scrape/recording_store.h"

namespace narthex::scrape {
namespace {

constexpr const char* kOpenMetrics = "application/openmetrics-text; version=1.0.0";

struct Fixture {
  ManualClock clock{1'000'000};
  test::RecordingStore store;
  CycleSettings settings{.job = std::make_shared<const config::ScrapeConfig>(), .starts = true};
  std::unique_ptr<ScrapeCycle> cycle;

  ScrapeOutcome page(const std::string& text, const std::string& content_type = kOpenMetrics) {
    if (!cycle) cycle = std::make_unique<ScrapeCycle>(settings);
    const ScrapeBody body(text);
    ScrapeInput input;
    input.body = &body;
    input.content_type = content_type;
    clock.advance(10'000);
    input.t = clock.now();
    return cycle->run(input, store, clock);
  }
};

const std::string kCounters =
    "# TYPE a counter\na_total{x=\"1\"} 5\na_created{x=\"1\"} 1005\n"
    "a_total{x=\"2\"} 6\na_created{x=\"2\"} 1006\n# TYPE g gauge\ng 7\n# EOF\n";

TEST_CASE_FIXTURE(Fixture, "the store gets each counter's start, and no created series") {
  for (int i = 0; i < 2; ++i) {
    const auto outcome = page(kCounters);
    CHECK(!outcome.error);
    CHECK(outcome.scraped == 3);
    CHECK(outcome.series_added == (i == 0 ? 3 : 0));
  }
  CHECK(store.with_starts(R"(a_total{x="1"})") == "1005000>1010000=5 1005000>1020000=5");
  CHECK(store.with_starts(R"(a_total{x="2"})") == "1006000>1010000=6 1006000>1020000=6");
  CHECK(store.with_starts("g") == "1010000=7 1020000=7");
  CHECK(store.with_starts(R"(a_created{x="1"})").empty());
  page("# EOF\n");
  CHECK(store.with_starts(R"(a_total{x="1"})") == "1005000>1010000=5 1005000>1020000=5 1030000=stale");
}

TEST_CASE_FIXTURE(Fixture, "a created line is a series like any other unless starts are asked for") {
  settings.starts = false;
  page(kCounters);
  CHECK(store.with_starts(R"(a_total{x="1"})") == "1010000=5");
  CHECK(store.with_starts(R"(a_created{x="1"})") == "1010000=1005");
}

TEST_CASE_FIXTURE(Fixture, "the text format has no created lines") {
  page("# TYPE a counter\na 5\na_created 1005\n", "text/plain");
  CHECK(store.with_starts("a") == "1010000=5");
  CHECK(store.with_starts("a_created") == "1010000=1005");
}

TEST_CASE_FIXTURE(Fixture, "a created line that is malformed refuses the page") {
  for (const char* line : {"a_created{x=} 1", "a_created 1x"}) {
    CAPTURE(line);
    const auto outcome = page("# TYPE a counter\na_total 5\n" + std::string(line) + "\n# EOF\n");
    REQUIRE(outcome.error);
    CHECK(outcome.error->code == Code::invalid);
    CHECK(store.with_starts("a_total").empty());
  }
}

TEST_CASE_FIXTURE(Fixture, "starts stay with their samples when the store refuses a series") {
  store.refuse_series(R"(x="1")");
  const auto outcome = page(kCounters);
  CHECK(outcome.refused_series == 1);
  CHECK(store.with_starts(R"(a_total{x="2"})") == "1006000>1010000=6");
  CHECK(store.with_starts("g") == "1010000=7");
}

TEST_CASE_FIXTURE(Fixture, "zeros stand where counters began, once") {
  settings.start_zeros = true;
  page(kCounters);
  page(kCounters);
  CHECK(store.with_starts(R"(a_total{x="1"})") == "1005000=0 1005000>1010000=5 1005000>1020000=5");
  page("# TYPE a counter\na_total{x=\"1\"} 1\na_created{x=\"1\"} 1024\n# EOF\n");
  CHECK(store.with_starts(R"(a_total{x="1"})") ==
        "1005000=0 1005000>1010000=5 1005000>1020000=5 1024000=0 1024000>1030000=1");
}

TEST_CASE_FIXTURE(Fixture, "zeros do not shift what was refused of the page") {
  settings.start_zeros = true;
  page(kCounters);
  store.collect("g");
  const auto outcome = page(
      "# TYPE a counter\na_total{x=\"1\"} 1\na_created{x=\"1\"} 1015\n"
      "# TYPE g gauge\ng 7\n# TYPE o gauge\no 1\no 2 999\n# EOF\n");
  CHECK(outcome.out_of_order == 1);
  CHECK(outcome.duplicates == 0);
  // Its labels were asked for again, which only a series that is gone needs.
  page(kCounters);
  CHECK(store.with_starts("g") == "1010000=7 1030000=7");
}

}  // namespace
}  // namespace narthex::scrape

#include "scrape/scrape_cycle.h"

#include <doctest/doctest.h>

#include <bit>

#include "model/value.h"
#include "tests/scrape/recording_store.h"

using namespace narthex;
using namespace narthex::scrape;
using test::RecordingStore;

namespace {

struct Fixture {
  ManualClock clock{1'000'000};
  RecordingStore store;
  config::ScrapeConfig job;
  std::unique_ptr<ScrapeCycle> cycle;

  ScrapeOutcome run(ScrapeInput input) {
    if (!cycle) {
      CycleSettings settings;
      settings.job = std::make_shared<const config::ScrapeConfig>(job);
      settings.target = Labels{{"i", "1"}};
      cycle = std::make_unique<ScrapeCycle>(settings);
    }
    clock.advance(10'000);
    input.t = clock.now();
    input.start = clock.steady() - std::chrono::milliseconds(250);
    return cycle->run(input, store, clock);
  }
  ScrapeOutcome page(const std::string& text, const std::string& content_type = "text/plain") {
    const ScrapeBody body(text);
    ScrapeInput input;
    input.body = &body;
    input.content_type = content_type;
    return run(input);
  }
  ScrapeOutcome failure() {
    ScrapeInput input;
    input.failure = Error{Code::io, "refused", {}};
    return run(input);
  }
  std::string values(const std::string& series) const { return store.values(series); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a page becomes samples, with a report in the same batch") {
  const auto outcome = page("# HELP a text\n# TYPE a gauge\na 1\nb{x=\"y\"} 2.5\n");
  CHECK(!outcome.error);
  CHECK(outcome.scraped == 2);
  CHECK(outcome.post_relabeling == 2);
  CHECK(outcome.series_added == 2);
  CHECK(store.commits() == 1);
  CHECK(values(R"(a{i="1"})") == "1");
  CHECK(values(R"(b{i="1", x="y"})") == "2.5");
  CHECK(values(R"(up{i="1"})") == "1");
  CHECK(values(R"(scrape_duration_seconds{i="1"})") == "0.25");
  CHECK(values(R"(scrape_samples_scraped{i="1"})") == "2");
  CHECK(values(R"(scrape_samples_post_metric_relabeling{i="1"})") == "2");
  CHECK(values(R"(scrape_series_added{i="1"})") == "2");
  CHECK(store.series().size() == 7);
  CHECK(store.samples(R"(a{i="1"})")[0].t == clock.now());
  CHECK(cycle->metadata()->list("a")[0].second == MetricMetadata{"gauge", "text", ""});
}

TEST_CASE_FIXTURE(Fixture, "labels are resolved once") {
  for (int i = 0; i < 5; ++i) page("a 1\nb 123456789.5\n");
  CHECK(store.lookups() == 2 + 5);
  CHECK(values(R"(a{i="1"})") == "1 1 1 1 1");
  CHECK(values(R"(b{i="1"})") == "123456789.5 123456789.5 123456789.5 123456789.5 123456789.5");
  CHECK(values(R"(scrape_series_added{i="1"})") == "2 0 0 0 0");
}

TEST_CASE_FIXTURE(Fixture, "values are read anew when their text changes") {
  for (const char* text : {"1", "12", "1", "-0", "NaN", "+Inf", "1e3", "12345678", "123456789"})
    page(std::string("a ") + text + "\n");
  CHECK(values(R"(a{i="1"})") == "1 12 1 -0 NaN +Inf 1000 12345678 123456789");
}

TEST_CASE("a line that is expected reads as one that is not") {
  const char* lines[] = {
      "a{x=\"y\"} 1",
      "a{x=\"y\"} -1",
      "a{x=\"y\"} -0",
      "a{x=\"y\"} 0012.50",
      "a{x=\"y\"} 12345678",
      "a{x=\"y\"} 1234567.125",
      "a{x=\"y\"} 0.000000000000001",
      "a{x=\"y\"} 0.30000000000000004",
      "a{x=\"y\"} 999999999999999",
      "a{x=\"y\"} 9007199254740993",
      "a{x=\"y\"} 1e3",
      "a{x=\"y\"} 1.",
      "a{x=\"y\"} .5",
      "a{x=\"y\"} +5",
      "a{x=\"y\"} NaN",
      "a{x=\"y\"} -Inf",
      "a{x=\"y\"} 0x1p4",
      "a{x=\"y\"} 1_0",
      "a{x=\"y\"}  7",
      "a{x=\"y\"} 7 ",
      "a{x=\"y\"} 7\t",
      "a{x=\"y\"}\t7",
      "a{x=\"y\"} 7 1015000",
      "a{x=\"y\"} 7 x",
      "a{x=\"y\"} ",
      "a{x=\"y\"}",
      "a{x=\"y\"} -",
      "a{x=\"y\"} 7}",
      "a{x=\"z\"} 7",
      "a{x=\"y\",} 7",
      "a{x=\"y\"} 7\n\n",
      "a{x=\"y\"} 7\nb 1",
      "a 7",
      "a {x=\"y\"} 7",
  };
  for (const char* const format : {"text/plain", "application/openmetrics-text; version=1.0.0"}) {
    for (const char* const line : lines) {
      for (const char* const end : {"\n", "", "\n# EOF\n"}) {
        CAPTURE(format);
        CAPTURE(line);
        CAPTURE(end);
        Fixture seen_before;
        REQUIRE(!seen_before.page("a{x=\"y\"} 1\n# EOF\n", format).error);
        Fixture never_seen;
        never_seen.failure();
        const auto known = seen_before.page(std::string(line) + end, format);
        const auto fresh = never_seen.page(std::string(line) + end, format);
        CHECK(known.error == fresh.error);
        CHECK(known.scraped == fresh.scraped);
        CHECK(known.post_relabeling == fresh.post_relabeling);
        if (known.error) continue;
        const std::string series = R"(a{i="1", x="y"})";
        const auto want = never_seen.store.samples(series);
        auto got = seen_before.store.samples(series);
        // A sample with a time of its own ends the series that had none.
        if (!got.empty() && is_stale_nan(got.back().v)) got.pop_back();
        REQUIRE(!got.empty());
        if (want.empty()) continue;
        CHECK(got.back().t == want.back().t);
        CHECK(std::bit_cast<std::uint64_t>(got.back().v) == std::bit_cast<std::uint64_t>(want.back().v));
      }
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "vanished series become stale") {
  page("a 1\nb 2\nc 3\n");
  page("a 1\nc 3\n");
  page("a 1\nb 2\nc 3\n");
  CHECK(values(R"(a{i="1"})") == "1 1 1");
  CHECK(values(R"(b{i="1"})") == "2 stale 2");
  CHECK(values(R"(scrape_series_added{i="1"})") == "3 0 1");
}

TEST_CASE_FIXTURE(Fixture, "a failed scrape marks everything stale but what it reports") {
  page("a 1\nb 2\n");
  const auto outcome = failure();
  CHECK(outcome.error->text == "refused");
  failure();
  page("a 1\n");
  CHECK(values(R"(a{i="1"})") == "1 stale 1");
  CHECK(values(R"(b{i="1"})") == "2 stale");
  CHECK(values(R"(up{i="1"})") == "1 0 0 1");
  CHECK(values(R"(scrape_samples_scraped{i="1"})") == "2 0 0 1");
}

TEST_CASE_FIXTURE(Fixture, "an empty page is a good scrape of nothing") {
  page("a 1\n");
  const auto outcome = page("", "");
  CHECK(!outcome.error);
  CHECK(values(R"(a{i="1"})") == "1 stale");
  CHECK(values(R"(up{i="1"})") == "1 1");
}

TEST_CASE_FIXTURE(Fixture, "nothing of a bad page is stored") {
  const struct {
    std::string text, content_type, error;
  } rows[] = {
      {"a 2\nb 3\nnew 1\n{]\n", "text/plain", ""},
      {"a 2\nb x\n", "text/plain", ""},
      {"a 2\nnew x\n", "text/plain", ""},
      {"a 2\nnew{l=\"1\",l=\"2\"} 1\n", "text/plain", "label name \"l\" is not unique: invalid sample"},
      {"a 2\nnew 1\n", "text/html", "received unsupported Content-Type"},
      {"a 2\nnew 1\n", "application/openmetrics-text", "data does not end with # EOF"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    Fixture f;
    f.page("a 1\nb 1\n");
    const auto outcome = f.page(row.text, row.content_type);
    REQUIRE(outcome.error);
    CAPTURE(outcome.error->text);
    CHECK(outcome.error->text.find(row.error) != std::string::npos);
    CHECK(f.values(R"(a{i="1"})") == "1 stale");
    CHECK(f.values(R"(b{i="1"})") == "1 stale");
    CHECK(f.values(R"(new{i="1"})") == "");
    CHECK(f.values(R"(up{i="1"})") == "1 0");
  }
}

TEST_CASE_FIXTURE(Fixture, "a line twice is a duplicate, unless it brings its own time") {
  auto outcome = page("a 1\na 2\nb 3\na 1\n");
  CHECK(outcome.duplicates == 2);
  CHECK(outcome.scraped == 4);
  CHECK(outcome.post_relabeling == 4);
  CHECK(values(R"(a{i="1"})") == "1");
  CHECK(values(R"(up{i="1"})") == "1");
  outcome = page("t 1 900000\nt 2 900001\n");
  CHECK(outcome.duplicates == 0);
  CHECK(values(R"(t{i="1"})") == "1 2");
}

TEST_CASE_FIXTURE(Fixture, "samples with their own time are kept, ignored or tracked as configured") {
  page("a 1 900000\n");
  page("b 1\n");
  CHECK(store.samples(R"(a{i="1"})")[0].t == 900'000);
  CHECK(values(R"(a{i="1"})") == "1");  // no marker

  Fixture tracked;
  tracked.job.track_timestamps_staleness = true;
  tracked.page("a 1 900000\n");
  tracked.page("b 1\n");
  CHECK(tracked.values(R"(a{i="1"})") == "1 stale");

  Fixture ignored;
  ignored.job.honor_timestamps = false;
  ignored.page("a 1 900000\n");
  CHECK(ignored.store.samples(R"(a{i="1"})")[0].t == ignored.clock.now());
  ignored.page("b 1\n");
  CHECK(ignored.values(R"(a{i="1"})") == "1 stale");
}

TEST_CASE_FIXTURE(Fixture, "samples more than ten minutes ahead are refused") {
  const Timestamp ahead = clock.now() + 10'000 + 600'000;
  const auto outcome = page("a 1 " + std::to_string(ahead) + "\nb 1 " + std::to_string(ahead + 1) + "\n");
  CHECK(outcome.out_of_bounds == 1);
  CHECK(outcome.post_relabeling == 2);
  CHECK(outcome.series_added == 1);
  CHECK(values(R"(a{i="1"})") == "1");
  CHECK(values(R"(b{i="1"})") == "");
}

TEST_CASE_FIXTURE(Fixture, "over the sample limit nothing is stored, but all is counted") {
  job.limits.samples = 2;
  job.extra_scrape_metrics = true;
  page("a 1\nb 2\n");
  auto outcome = page("a 1\nb 2\nc 3\nd 4\n");
  REQUIRE(outcome.error);
  CHECK(outcome.error->text == "sample limit exceeded");
  CHECK(outcome.sample_limit_exceeded);
  CHECK(outcome.scraped == 4);
  CHECK(outcome.post_relabeling == 4);
  CHECK(values(R"(a{i="1"})") == "1 stale");
  CHECK(values(R"(c{i="1"})") == "");
  CHECK(values(R"(scrape_samples_scraped{i="1"})") == "2 4");
  CHECK(values(R"(scrape_sample_limit{i="1"})") == "2 2");
  CHECK(values(R"(scrape_timeout_seconds{i="1"})") == "10 10");
  CHECK(values(R"(scrape_body_size_bytes{i="1"})") == "8 16");
}

TEST_CASE_FIXTURE(Fixture, "a label limit fails the whole scrape") {
  job.limits.labels = 2;
  page("a 1\n");
  const auto outcome = page("a 1\nb{x=\"y\"} 2\n");
  REQUIRE(outcome.error);
  CHECK(outcome.label_limit_exceeded);
  CHECK(outcome.error->text == "label_limit exceeded (metric: b, number of labels: 3, limit: 2)");
  CHECK(values(R"(a{i="1"})") == "1 stale");
}

TEST_CASE_FIXTURE(Fixture, "what relabeling drops is parsed once and never stored") {
  job.metric_relabel = {
      RelabelRule{{"__name__"}, ";", *Regex::compile("go_.*"), "", "$1", 0, RelabelAction::drop, false}};
  for (int i = 0; i < 3; ++i) {
    const auto outcome = page("go_a 1\nb 2\ngo_c 3\n");
    CHECK(outcome.scraped == 3);
    CHECK(outcome.post_relabeling == 1);
  }
  CHECK(values(R"(b{i="1"})") == "2 2 2");
  CHECK(values(R"(go_a{i="1"})") == "");
  CHECK(page("go_a x\n").error);  // dropped lines are still read
}

TEST_CASE_FIXTURE(Fixture, "a series that the store collected is resolved again") {
  page("a 1\nb 2\n");
  store.collect(R"(a{i="1"})");
  store.collect(R"(up{i="1"})");
  page("a 1\nb 2\n");
  page("a 1\nb 2\n");
  CHECK(values(R"(a{i="1"})") == "1 1");
  CHECK(values(R"(up{i="1"})") == "1 1");
  CHECK(values(R"(b{i="1"})") == "2 2 2");
  page("b 2\n");
  CHECK(values(R"(a{i="1"})") == "1 1 stale");
}

TEST_CASE_FIXTURE(Fixture, "a failed commit costs its scrape and no other") {
  page("a 1\n");
  store.fail_next_commit();
  const auto outcome = page("a 2\nb 1\n");
  REQUIRE(outcome.commit_failure);
  CHECK(outcome.commit_failure->text == "no space left on device");
  page("a 3\nb 2\n");
  CHECK(values(R"(a{i="1"})") == "1 3");
  CHECK(values(R"(b{i="1"})") == "2");
}

TEST_CASE_FIXTURE(Fixture, "series for which the store has no room are left out") {
  store.refuse_series("b{");
  const auto outcome = page("a 1\nb{x=\"1\"} 2\nc 3\n");
  CHECK(outcome.refused_series == 1);
  CHECK(!outcome.error);
  CHECK(values(R"(a{i="1"})") == "1");
  CHECK(values(R"(c{i="1"})") == "3");
  CHECK(values(R"(up{i="1"})") == "1");
}

TEST_CASE_FIXTURE(Fixture, "two spellings of one series are one series") {
  const auto outcome = page("a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\n");
  CHECK(outcome.duplicates == 1);
  page("a{y=\"2\",x=\"1\"} 3\n");
  CHECK(values(R"(a{i="1", x="1", y="2"})") == "1 3");  // no marker for the spelling that went
}

TEST_CASE_FIXTURE(Fixture, "the end of a target marks all it had, and its report") {
  page("a 1\nb 2 900000\n");
  clock.advance(10'000);
  REQUIRE(cycle->mark_stale(clock.now(), store));
  CHECK(values(R"(a{i="1"})") == "1 stale");
  CHECK(values(R"(b{i="1"})") == "2");
  CHECK(values(R"(up{i="1"})") == "1 stale");
  CHECK(values(R"(scrape_series_added{i="1"})") == "2 stale");
  CHECK(values(R"(scrape_sample_limit{i="1"})") == "");
}

TEST_CASE_FIXTURE(Fixture, "markers of a target that came back elsewhere are ignored") {
  page("a 1\n");
  const Timestamp before = clock.now() + 5'000;
  page("a 2\n");
  REQUIRE(cycle->mark_stale(before, store));
  CHECK(values(R"(a{i="1"})") == "1 2");
}

TEST_CASE("a cache outlives changes that leave labels alone") {
  config::ScrapeConfig before;
  config::ScrapeConfig after;
  after.interval = 1;
  after.limits.samples = 5;
  after.http.follow_redirects = false;
  CHECK(ScrapeCycle::can_keep_cache(before, after));
  after.honor_labels = true;
  CHECK(!ScrapeCycle::can_keep_cache(before, after));
}

namespace {

const std::string kOpenMetrics = "application/openmetrics-text; version=1.0.0";

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE_FIXTURE(Fixture, "exemplars go with their samples, and take the time of those if they have none") {
  store.refuse_exemplars(std::nullopt);
  const std::string text =
      "# TYPE a histogram\na_bucket{le=\"1.0\"} 2 # {id=\"x\"} 0.5\na_bucket{le=\"+Inf\"} 3 # {id=\"y\"} 7 "
      "900.5\n"
      "# EOF\n";
  const auto outcome = page(text, kOpenMetrics);
  CHECK(!outcome.error);
  CHECK(store.exemplars(R"(a_bucket{i="1", le="1.0"})") == Texts{R"({id="x"} 0.5 @1010000)"});
  CHECK(store.exemplars(R"(a_bucket{i="1", le="+Inf"})") == Texts{R"({id="y"} 7 @900500!)"});
  // Known lines, too.
  page(text, kOpenMetrics);
  CHECK(store.exemplars(R"(a_bucket{i="1", le="1.0"})") ==
        Texts{R"({id="x"} 0.5 @1010000)", R"({id="x"} 0.5 @1020000)"});
}

TEST_CASE_FIXTURE(Fixture, "exemplars that are refused do not fail a scrape") {
  const std::string text = "a_total 1 # {id=\"x\"} 1\nb_total 1 # {id=\"x\"} 1 3\n# EOF\n";
  const struct {
    std::optional<storage::ExemplarFault> fault;
    std::size_t out_of_order;
  } rows[] = {{storage::ExemplarFault::disabled, 0},
              {storage::ExemplarFault::duplicate, 0},
              {storage::ExemplarFault::label_length, 0},
              {storage::ExemplarFault::out_of_order, 2}};
  for (const auto& row : rows) {
    CAPTURE(row.out_of_order);
    store.refuse_exemplars(row.fault);
    const auto outcome = page(text, kOpenMetrics);
    CHECK(!outcome.error);
    CHECK(outcome.exemplars_out_of_order == row.out_of_order);
  }
  CHECK(values(R"(a_total{i="1"})") == "1 1 1 1");
}

TEST_CASE_FIXTURE(Fixture, "a refused page brings no exemplars") {
  store.refuse_exemplars(std::nullopt);
  page("a_total 1 # {id=\"x\"} 1\na_total x\n# EOF\n", kOpenMetrics);
  CHECK(store.exemplars(R"(a_total{i="1"})").empty());
}

TEST_CASE_FIXTURE(Fixture, "exemplars of series for which there is no room are left out") {
  store.refuse_exemplars(std::nullopt);
  store.refuse_series("a_total");
  page("a_total 1 # {id=\"x\"} 1\nb_total 1 # {id=\"y\"} 1\n# EOF\n", kOpenMetrics);
  CHECK(store.exemplars(R"(b_total{i="1"})").size() == 1);
  CHECK(values(R"(b_total{i="1"})") == "1");
}

struct MetadataFixture : Fixture {
  MetadataFixture() {
    CycleSettings settings;
    settings.job = std::make_shared<const config::ScrapeConfig>(job);
    settings.target = Labels{{"i", "1"}};
    settings.metadata = true;
    cycle = std::make_unique<ScrapeCycle>(settings);
  }
};

TEST_CASE_FIXTURE(Fixture, "metadata is not told unless asked for") {
  page("# TYPE a counter\na 1\n");
  CHECK(store.metadata(R"(a{i="1"})").empty());
  CHECK(store.metadata(R"(up{i="1"})").empty());
}

TEST_CASE_FIXTURE(MetadataFixture, "metadata is told of new series and where it changed") {
  const std::string a = R"(a{i="1"})";
  page("# HELP a Old.\n# TYPE a counter\na 1\n");
  page("# HELP a Old.\n# TYPE a counter\na 2\n");
  CHECK(store.metadata(a) == Texts{"counter||Old."});
  CHECK(store.metadata(R"(up{i="1"})").size() == 1);
  page("# HELP a New.\n# TYPE a counter\na 3\na{x=\"2\"} 3\n");
  CHECK(store.metadata(a) == Texts{"counter||Old.", "counter||New."});
  CHECK(store.metadata(R"(a{i="1", x="2"})") == Texts{"counter||New."});
  // In another order, but the same.
  page("# TYPE a counter\n# HELP a New.\na 4\na{x=\"2\"} 3\n");
  CHECK(store.metadata(a).size() == 2);
}

TEST_CASE_FIXTURE(MetadataFixture, "metadata is not told of series of another family") {
  page("# TYPE a counter\nb 1\na 1\n# TYPE c histogram\nc_sum 1\nc_count 1\nc_bucket{le=\"1\"} 1\n");
  CHECK(store.metadata(R"(b{i="1"})").empty());
  // The line before showed that the page is out of order.
  CHECK(store.metadata(R"(a{i="1"})").empty());
  CHECK(store.metadata(R"(c_sum{i="1"})") == Texts{"histogram||"});
  CHECK(store.metadata(R"(c_bucket{i="1", le="1.0"})") == Texts{"histogram||"});
}

TEST_CASE_FIXTURE(MetadataFixture, "metadata that went with a failed batch is told again") {
  page("# TYPE a counter\na 1\n");
  store.fail_next_commit();
  page("# TYPE a gauge\na 1\n");
  page("# TYPE a gauge\na 1\n");
  CHECK(store.metadata(R"(a{i="1"})") == Texts{"counter||", "gauge||"});
}

// Whatever the number of threads, a query says the same: values to the last bit, order, annotations,
// statistics.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <random>

#include "tests/query/engine/engine_fixture.h"

namespace narthex::tests {

namespace {

constexpr DurationMs kScrape = 15'000;
constexpr int kSeries = 300;
constexpr int kScrapes = 240;

/// Sums of these depend on their order: magnitudes from 1e-9 to 1e9, of both signs.
double uneven(std::mt19937_64& dice) {
  const auto exponent = static_cast<int>(dice() % 60) - 30;
  const double v = std::ldexp(static_cast<double>(dice() % 1'000'003), exponent);
  return dice() % 2 == 0 ? v : -v;
}

Labels labels_of(std::string_view name, int i) {
  const std::string pod = fmt::format("pod-{}", i);
  const std::string group = fmt::format("g{}", i % 7);
  return Labels{{"__name__", name}, {"group", group}, {"pod", pod}};
}

/// uneven: gauges with gaps and staleness markers; requests_total: counters with resets; requests: the same
/// under a name that is none of a counter; sizes: native histograms.
void fill(ModelStore& store) {
  std::mt19937_64 dice(7);
  for (int i = 0; i < kSeries; ++i) {
    double count = static_cast<double>(dice() % 1000);
    for (int n = 0; n < kScrapes; ++n) {
      const Timestamp t = n * kScrape + i / 3;
      if (dice() % 20 != 0) store.add(labels_of("uneven", i), t, uneven(dice));
      if (dice() % 97 == 0) store.add(labels_of("uneven", i), t, kStaleNan);
      count = dice() % 50 == 0 ? 0 : count + static_cast<double>(dice() % 100) / 7;
      store.add(labels_of("requests_total", i), t, count);
      store.add(labels_of("requests", i), t, count);
      if (i % 3 == 0 && n % 4 == 0) {
        FloatHistogram h;
        h.schema = 0;
        h.count = count;
        h.sum = count * 3;
        h.positive_spans = {{0, 2}};
        h.positive_buckets = {count / 3, count - count / 3};
        store.add(labels_of("sizes", i), t, h);
      }
    }
  }
}

/// Everything a result says, as text; values as their bits.
std::string spelled_out(const Result<query::QueryResult>& result) {
  if (!result) return "error: " + result.error().text;
  std::string out;
  for (const auto& series : result->series) {
    out += series.labels.to_string();
    for (std::size_t i = 0; i < series.t.size(); ++i)
      out += fmt::format(" {:x}@{}", std::bit_cast<std::uint64_t>(series.v[i]), series.t[i]);
    for (const auto& [t, h] : series.histograms)
      out += fmt::format(" {:x}/{:x}@{}", std::bit_cast<std::uint64_t>(h.count),
                         std::bit_cast<std::uint64_t>(h.sum), t);
    out += '\n';
  }
  for (const auto& note : result->annotations.all()) out += note.text + '\n';
  out += fmt::format("total {} read {}", result->stats.total_queryable_samples, result->stats.samples_read);
  for (const auto& [t, n] : result->stats.total_per_step) out += fmt::format(" {}:{}", t, n);
  for (const auto& [t, n] : result->stats.read_per_step) out += fmt::format(" {}:{}", t, n);
  return out;
}

}  // namespace

TEST_CASE("one thread and eight give the same answer, bit for bit") {
  EngineFixture f;
  fill(f.store);
  f.options.per_step_stats = true;
  const std::string_view queries[] = {
      "sum(uneven)",
      "avg by (group) (uneven)",
      "stddev by (group) (uneven)",
      "sum by (group) (rate(requests_total[5m]))",
      "sum(rate(requests[5m]))",
      "rate(requests_total[5m])",
      "sum by (group) (sum_over_time(uneven[10m]))",
      "topk(3, rate(requests_total[5m]))",
      "quantile_over_time(1.5, uneven[5m])",
      "quantile_over_time(0.3, uneven[5m])",
      "max_over_time(rate(requests_total[5m])[10m:1m])",
      "sum by (group) (rate(requests_total[5m]) * on (pod) uneven)",
      "sum(sizes)",
      "sum by (group) (rate(sizes[5m]))",
      "histogram_quantile(0.9, sizes)",
      "sum_over_time(uneven[5m] @ 1800)",
      "timestamp(uneven)",
      "max_over_time(uneven[5m]) - min_over_time(uneven[5m])",
      "rate(requests[1m]) / on (pod) (rate(requests[1m]) + increase(requests[1m]))",
      "rate(uneven[5m]) or rate(requests[1m])",
  };
  for (const auto query : queries) {
    CAPTURE(query);
    for (const DurationMs step : {DurationMs{0}, kMinute, kScrape}) {
      CAPTURE(step);
      auto request = f.request(query, step == 0 ? 50 * kMinute : 10 * kMinute, 50 * kMinute, step);
      request.per_step_stats = true;
      f.options.threads = 1;
      const std::string alone = spelled_out(f.ask(request));
      CHECK(!alone.starts_with("error"));
      f.options.threads = 8;
      CHECK(spelled_out(f.ask(request)) == alone);
      CHECK(spelled_out(f.ask(request)) == alone);
    }
  }
}

TEST_CASE("with eight threads a query still ends at its limits, with the texts of one thread") {
  EngineFixture f;
  fill(f.store);
  const auto request = f.request("sum(rate(requests_total[5m]))", 10 * kMinute, 50 * kMinute, kMinute);
  const auto check_same = [&] {
    f.options.threads = 1;
    const std::string alone = spelled_out(f.ask(request));
    CHECK(alone.starts_with("error"));
    f.options.threads = 8;
    CHECK(spelled_out(f.ask(request)) == alone);
  };
  SUBCASE("samples") {
    f.options.max_samples = 15;
    check_same();
  }
  SUBCASE("a query that is cancelled before it reads") {
    const sync::StopSource stop;
    stop.stop(sync::StopReason::client_gone);
    f.options.threads = 8;
    CHECK(spelled_out(f.ask(request, stop.token())) == "error: query was canceled in query execution");
  }
}

TEST_CASE("where memory is too short for helpers, a query does without") {
  EngineFixture f;
  fill(f.store);
  const auto request = f.request("sum(rate(requests_total[5m]))", 10 * kMinute, 50 * kMinute, kMinute);
  f.options.threads = 1;
  const std::string alone = spelled_out(f.ask(request));
  f.options.threads = 8;
  f.options.max_bytes = 200'000;
  CHECK(spelled_out(f.ask(request)) == alone);
}

}  // namespace narthex::tests

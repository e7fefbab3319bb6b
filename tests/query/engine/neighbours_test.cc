// Series that follow each other and have the same times share what the times decide; each is answered as if
// it were alone.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <random>

#include "query/engine/window_cutter.h"
#include "tests/query/engine/engine_fixture.h"

namespace narthex::tests {

namespace {

constexpr DurationMs kScrape = 15'000;
constexpr int kScrapes = 120;
constexpr int kTargets = 6;

/// When target `target` was scraped: some regularly, some not, one with a hole, one only now and then.
std::vector<Timestamp> clock_of(int target) {
  std::mt19937_64 dice(static_cast<std::uint64_t>(target / 2));
  std::vector<Timestamp> times;
  for (int i = 0; i < kScrapes; ++i) {
    if (target == 3 && i > 30 && i < 60) continue;
    if (target == 4 && i % 18 != 0) continue;
    const auto jitter = target == 2 ? static_cast<Timestamp>(dice() % 40) : 0;
    times.push_back(i * kScrape + target / 2 * 1'717 + jitter);
  }
  return times;
}

/// Four counters of each target: a steady one, one that starts at zero and rises fast, one with resets, one
/// that stands still or is stale.
void fill(ModelStore& store) {
  std::mt19937_64 dice(3);
  for (int target = 0; target < kTargets; ++target) {
    const auto times = clock_of(target);
    for (int kind = 0; kind < 4; ++kind) {
      const std::string pod = fmt::format("pod-{}", target);
      const std::string path = fmt::format("/{}", kind);
      const Labels labels{{"__name__", "hits_total"}, {"path", path}, {"pod", pod}};
      double count = kind == 0 ? 1e6 : 0;
      for (const Timestamp t : times) {
        const bool is_reset = kind == 2 && dice() % 10 == 0;
        count = is_reset ? 0 : count + (kind == 3 ? 0 : static_cast<double>(dice() % 1000) / 3);
        store.add(labels, t, kind == 3 && dice() % 5 == 0 ? kStaleNan : count, target == 5 ? t - 7'000 : 0);
      }
    }
  }
}

/// The values' bits by time, for each series.
using Bits = std::map<std::string, std::vector<std::pair<Timestamp, std::uint64_t>>>;

Bits bits_of(const Result<query::QueryResult>& result) {
  REQUIRE(result);
  Bits bits;
  for (const auto& series : result->series)
    for (std::size_t i = 0; i < series.t.size(); ++i)
      bits[series.labels.to_string()].emplace_back(series.t[i], std::bit_cast<std::uint64_t>(series.v[i]));
  return bits;
}

}  // namespace

TEST_CASE("a series among neighbours has the values and the statistics it has alone") {
  EngineFixture f;
  fill(f.store);
  f.options.use_start_timestamps = false;
  SUBCASE("without start timestamps") {}
  SUBCASE("with start timestamps") {
    f.options.use_start_timestamps = true;
  }
  for (const std::string_view window : {"[5m]", "[20s]", "[14s]", "[1m] offset 3m", "[4m] @ 900", "[5m:45s]"})
    for (const std::string_view function :
         {"rate", "increase", "delta", "irate", "count_over_time", "changes"}) {
      CAPTURE(window);
      CAPTURE(function);
      const auto query = [&](std::string_view selector) {
        return f.request(fmt::format("{}({}{})", function, selector, window), 2 * kMinute + 3, 28 * kMinute,
                         20'000);
      };
      // The store has the four series of a target in a row.
      const auto together = f.ask(query("hits_total"));
      Bits alone;
      std::uint64_t samples = 0;
      for (int target = 0; target < kTargets; ++target)
        for (int kind = 0; kind < 4; ++kind) {
          const auto one =
              f.ask(query(fmt::format(R"(hits_total{{path="/{}",pod="pod-{}"}})", kind, target)));
          alone.merge(bits_of(one));
          samples += one->stats.total_queryable_samples;
        }
      // A window of less than a scrape has one sample at most, and most of the functions want two.
      if (window != "[14s]") CHECK(!alone.empty());
      CHECK(bits_of(together) == alone);
      CHECK(together->stats.total_queryable_samples == samples);
    }
}

TEST_CASE("windows are cut once for series with the same times, and anew for others") {
  query::Steps steps{60'000, 300'000, 60'000};
  const query::WindowShape shape{.range = 120'000};
  query::WindowCutter cutter(steps, shape);
  query::SampleStats stats(steps, false);
  storage::SampleColumns samples;
  const auto cut_at = [&](Timestamp phase) {
    samples.clear();
    for (int i = 0; i < 20; ++i) {
      samples.t.push_back(phase + i * kScrape);
      samples.v.push_back(i);
    }
    return cutter.cut(samples, stats);
  };
  const auto first = cut_at(0);
  const auto total = stats.total();
  CHECK(first.cut != 0);
  CHECK(first.widest == 8);
  CHECK(first.bounds[0].first == 0);
  CHECK(first.bounds[0].last == 5);
  CHECK(cut_at(0).cut == first.cut);
  CHECK(stats.total() == 2 * total);
  const auto other = cut_at(5'000);
  CHECK(other.cut != first.cut);
  CHECK(other.bounds[0].last == 4);
  CHECK(cut_at(0).cut != other.cut);
}

}  // namespace narthex::tests

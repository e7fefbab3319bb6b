// The head against a sorted map, with fixed seeds.
#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <random>

#include "model/value.h"
#include "tests/tsdb/head/head_fixture.h"
#include "tsdb/head/head.h"

namespace narthex::tsdb {
namespace {

using storage::AppendFault;

/// What Prometheus' rules say about one sample, on plain maps.
struct Model {
  std::map<std::string, std::map<Timestamp, double>> series;
  Timestamp maxt = kMinTime;

  std::optional<AppendFault> append(const std::string& name, Timestamp t, double v, Timestamp oldest) {
    auto& samples = series[name];
    if (t < oldest) return AppendFault::out_of_bounds;
    if (!samples.empty() && t < samples.rbegin()->first) return AppendFault::out_of_order;
    if (!samples.empty() && t == samples.rbegin()->first) {
      const bool same_value =
          std::bit_cast<std::uint64_t>(v) == std::bit_cast<std::uint64_t>(samples.rbegin()->second);
      return same_value ? std::nullopt : std::optional(AppendFault::duplicate_timestamp);
    }
    samples[t] = v;
    maxt = std::max(maxt, t);
    return std::nullopt;
  }
  [[nodiscard]] Contents contents(TimeRange range) const {
    Contents out;
    for (const auto& [name, samples] : series) {
      Points points;
      for (const auto& [t, v] : samples) {
        if (range.contains(t)) points.emplace_back(t, v);
      }
      if (!points.empty()) out[name] = std::move(points);
    }
    return out;
  }
};

/// Values as servers have them: mostly still, counters, gauges, and the odd ones.
double next_value(std::mt19937_64& random, std::size_t series, double last) {
  const auto dice = random() % 100;
  if (dice == 0) return kStaleNan;
  if (dice == 1) return std::numeric_limits<double>::infinity();
  if (is_stale_nan(last) || !std::isfinite(last)) return static_cast<double>(series);
  switch (series % 3) {
    case 0:
      return dice < 90 ? last : last + 1;
    case 1:
      return last + static_cast<double>(random() % 50);
    default:
      return last + static_cast<double>(random() % 1000) / 1000.0 - 0.5;
  }
}

TEST_CASE("the head holds what a sorted map holds, whatever is appended") {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const DurationMs range = 2 * 3600 * 1000;
    Head head({.block_range = range}, nullptr);
    Model model;
    constexpr std::size_t kSeries = 40;
    std::vector<double> last(kSeries, 0);
    Timestamp now = 1'700'000'000'000;
    auto appender = head.appender();
    for (int scrape = 0; scrape < 1500; ++scrape) {
      now += random() % 50 == 0 ? static_cast<Timestamp>(random() % 600'000) : 15'000;
      const Timestamp oldest = model.maxt == kMinTime ? kMinTime : model.maxt - range / 2;
      std::vector<std::pair<std::size_t, AppendFault>> expected;
      std::size_t index = 0;
      for (std::size_t s = 0; s < kSeries; ++s) {
        if (random() % 20 == 0) continue;
        const Labels labels = series_labels(s);
        const auto ref = appender->series(labels);
        REQUIRE(ref);
        Timestamp t = now;
        if (random() % 40 == 0) t -= static_cast<Timestamp>(random() % 5'000'000);
        if (random() % 10 == 0) t += static_cast<Timestamp>(random() % 7);
        const double v = next_value(random, s, last[s]);
        last[s] = v;
        const int times = random() % 30 == 0 ? 3 : 1;
        for (int k = 0; k < times; ++k, ++index) {
          appender->append(*ref, t, v);
          const auto fault = model.append(labels.to_string(), t, v, oldest);
          if (fault) expected.emplace_back(index, *fault);
        }
      }
      const auto stats = appender->commit();
      REQUIRE(stats);
      REQUIRE(stats->refused.size() == expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        CHECK(stats->refused[i].index == expected[i].first);
        CHECK(stats->refused[i].fault == expected[i].second);
      }
      CHECK(stats->appended == index - expected.size());
      if (scrape % 100 == 99) {
        TimeRange asked;
        if (scrape % 200 == 99) asked = {now - static_cast<Timestamp>(random() % 9'000'000), now - 20'000};
        auto querier = head.querier(asked);
        REQUIRE(same(read(*querier, {everything()}, asked), model.contents(asked)));
      }
    }
    CHECK(head.maxt() == model.maxt);
  }
}

TEST_CASE("chunks have 120 samples but for the first of a range, and never cross its border") {
  PageArena arena;
  const DurationMs range = 2 * 3600 * 1000;
  const struct {
    int stagger;
    std::vector<Timestamp> want;  // samples of each chunk of a range
  } rows[] = {{0, {30, 120, 120, 120, 90}}, {85, {60, 120, 120, 120, 60}}, {255, {120, 120, 120, 120}}};
  for (const auto& row : rows) {
    for (const int jitter : {0, 1, 700}) {
      CAPTURE(row.stagger);
      CAPTURE(jitter);
      SeriesChunks chunks(arena, range);
      HotSeries series = HotSeries::make(static_cast<std::uint8_t>(row.stagger));
      FullChunks full;
      const Timestamp start = 1'700'000'000'000 / range * range;
      for (int i = 0; i < 480 * 2 + 1; ++i) {
        const Timestamp late = i % 3 == 1 ? jitter : 0;
        chunks.append(series, full, start + i * 15'000 + late, i * 1.25);
      }
      ChunkViews views;
      chunks.view(series, full, {}, views);
      std::vector<Timestamp> samples;
      for (const auto& chunk : views.full) {
        CHECK(chunk.range.mint / range == chunk.range.maxt / range);
        samples.push_back((chunk.range.maxt - chunk.range.mint + 7'500) / 15'000 + 1);
      }
      std::vector<Timestamp> want = row.want;
      want.insert(want.end(), row.want.begin(), row.want.end());
      CHECK(samples == want);
    }
  }
}

TEST_CASE("a run of equal values takes no chunk memory until it ends") {
  PageArena arena;
  SeriesChunks chunks(arena, 2 * 3600 * 1000);
  HotSeries series = HotSeries::make(255);
  FullChunks full;
  for (int i = 0; i < 100; ++i) chunks.append(series, full, 7'200'000 + i * 15'000, 42.0);
  CHECK(chunks.open_used_bytes() == 0);
  chunks.append(series, full, 7'200'000 + 100 * 15'000, 43.0);
  CHECK(chunks.open_used_bytes() > 0);
}

}  // namespace
}  // namespace narthex::tsdb

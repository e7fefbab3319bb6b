// A range query must give at each of its steps what an instant query gives there: windows
// that slide, columns and bitmaps against a fresh start at one step.
#include <doctest/doctest.h>

#include <bit>
#include <map>
#include <random>

#include "tests/query/engine/engine_fixture.h"

namespace narthex::tests {

namespace {

constexpr std::uint32_t kSeed = 20'240'611;

void load_random(EngineFixture& f) {
  std::mt19937 random(kSeed);
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  for (const char* name : {"c_total", "g"}) {
    for (std::uint32_t i = 0; i < 6; ++i) {
      const auto labels = query::parse_metric(fmt::format("{}{{i=\"{}\", group=\"{}\", le=\"{}\"}}", name, i,
                                                          i % 2, i == 5 ? "+Inf" : std::to_string(i)));
      Timestamp t = below(20'000);
      double v = 0;
      while (t < 30 * kMinute) {
        switch (below(12)) {
          case 0:
            t += below(8) * kMinute;  // a gap
            break;
          case 1:
            f.store.add(*labels, t++, kStaleNan);
            break;
          case 2:
            v = 0;  // a reset
            break;
          case 3:
            if (name[0] == 'g') f.store.add(*labels, t++, kNormalNan);
            break;
          default:
            break;
        }
        v += name[0] == 'c' ? below(50) : static_cast<double>(below(1000)) / 7 - 70;
        f.store.add(*labels, t, v);
        t += 8'000 + below(14'000);
      }
    }
  }
}

using Points = std::map<std::string, std::uint64_t>;

Points at_time(const query::QueryResult& result, Timestamp t) {
  Points points;
  for (const auto& series : result.series)
    for (std::size_t i = 0; i < series.t.size(); ++i)
      if (series.t[i] == t) points[series.labels.to_string()] = std::bit_cast<std::uint64_t>(series.v[i]);
  return points;
}

}  // namespace

TEST_CASE("a range query gives at each step what an instant query gives there") {
  EngineFixture f;
  load_random(f);
  const std::string_view queries[] = {
      "g",
      "g offset 3m",
      "g smoothed",
      "rate(c_total[3m])",
      "increase(c_total[100s] offset 30s)",
      "delta(g[2m])",
      "irate(c_total[5m])",
      "idelta(g[5m])",
      "rate(c_total[2m] anchored)",
      "increase(c_total[2m] smoothed)",
      "changes(g[4m])",
      "changes(g[4m] anchored)",
      "resets(c_total[4m])",
      "sum_over_time(g[3m])",
      "avg_over_time(g[3m])",
      "min_over_time(g[3m])",
      "max_over_time(g[3m])",
      "ts_of_min_over_time(g[3m])",
      "ts_of_max_over_time(g[3m])",
      "stddev_over_time(g[3m])",
      "quantile_over_time(0.3, g[3m])",
      "mad_over_time(g[3m])",
      "last_over_time(g[90s])",
      "first_over_time(g[90s])",
      "deriv(g[5m])",
      "predict_linear(g[5m], 600)",
      "double_exponential_smoothing(g[5m], 0.3, 0.7)",
      R"(absent_over_time(g{i="1"}[30s]))",
      R"(absent(g{i="2"}))",
      "max_over_time(rate(c_total[2m])[5m:30s])",
      "sum_over_time(g[4m:47s] offset 20s)",
      "sum by (group) (g)",
      "avg by (group) (g)",
      "min without (i, le) (g)",
      "stddev(g)",
      "quantile by (group) (0.7, g)",
      "count(g > 0)",
      "topk by (group) (2, g)",
      "bottomk(1, g)",
      "limitk(2, g)",
      "limitk(2, info(g))",
      "stddev(info(g))",
      "limit_ratio(0.5, g)",
      R"(count_values("v", round(g / 50)))",
      "g + on(i) c_total",
      "g > on(i) c_total",
      "c_total * on(group) group_left sum by (group) (g)",
      "g - on(i) fill(0) c_total",
      "g and on(i) (c_total > 300)",
      "g unless on(i) (c_total > 300)",
      "(g > 0) or (c_total < 200)",
      "clamp(g, -10, scalar(sum(g)))",
      "histogram_quantile(0.5, c_total)",
      "histogram_fraction(0, 2, c_total)",
      "timestamp(g)",
      "scalar(sum(g)) + time()",
      R"q(label_replace(g, "j", "$1", "i", "([0-3])"))q",
      "minute(g) + on() group_left() (hour() - day_of_week())",
      "-g ^ 2 % 5",
  };
  const DurationMs step = 37'000;
  for (const auto query : queries) {
    CAPTURE(kSeed);
    CAPTURE(query);
    const auto over = f.range(query, 0, 32 * kMinute, step);
    REQUIRE_MESSAGE(over, f.text(over));
    std::size_t points = 0;
    for (Timestamp t = 0; t <= 32 * kMinute; t += step) {
      CAPTURE(t);
      const auto once = f.range(query, t, t, step);
      REQUIRE(once);
      const auto want = at_time(*once, t);
      points += want.size();
      REQUIRE((at_time(*over, t) == want));
    }
    CHECK(points > 0);
  }
}

}  // namespace narthex::tests

#include "telemetry/registry.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>

#include "telemetry/metrics_text.h"

using namespace narthex::telemetry;
using std::chrono::minutes;

namespace {

constexpr DurationSummary::Time kStart{std::chrono::hours(1000)};

}  // namespace

TEST_CASE("quantiles are told to within three hundredths") {
  DurationSummary summary;
  for (int i = 1; i <= 1000; ++i) summary.observe(i * 1e-4, kStart);
  const auto state = summary.state({0, 0.5, 0.9, 0.99, 1}, kStart);
  CHECK(state.count == 1000);
  CHECK(state.sum == doctest::Approx(50.05));
  const std::vector<double> expected{1e-4, 0.05, 0.09, 0.099, 0.1};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(state.quantiles[i] / expected[i] - 1) < 0.03);
  }
}

TEST_CASE("quantiles of what is nearly the same are as exact as it") {
  DurationSummary summary;
  for (int i = 0; i < 1000; ++i) summary.observe(15 + i % 3 * 1e-4, kStart + std::chrono::seconds(i / 4));
  for (int i = 0; i < 20; ++i) summary.observe(3600, kStart + minutes(1));
  const auto state = summary.state({0.01, 0.5, 0.9, 0.99}, kStart + minutes(5));
  for (const std::size_t i : {0, 1, 2}) CHECK(std::abs(state.quantiles[i] - 15) < 3e-4);
  CHECK(state.quantiles[3] == doctest::Approx(3600));
}

TEST_CASE("what is shorter or longer than is told apart counts at the ends") {
  DurationSummary summary;
  for (const double seconds : {0.0, -1.0, 1e-12, 1e9}) summary.observe(seconds, kStart);
  const auto state = summary.state({0.75, 1}, kStart);
  CHECK(state.count == 4);
  CHECK(state.quantiles[0] < 1e-7);
  CHECK(state.quantiles[1] > 1000);
}

TEST_CASE("quantiles forget what is ten minutes old, count and sum do not") {
  DurationSummary summary;
  summary.observe(8, kStart);
  summary.observe(1, kStart + minutes(5));
  CHECK(summary.state({1}, kStart + minutes(7)).quantiles[0] == doctest::Approx(8).epsilon(0.02));
  CHECK(summary.state({1}, kStart + minutes(11)).quantiles[0] == doctest::Approx(1).epsilon(0.02));
  const auto later = summary.state({1}, kStart + minutes(60));
  CHECK(std::isnan(later.quantiles[0]));
  CHECK(later.count == 2);
  CHECK(later.sum == 9);
  summary.observe(2, kStart + minutes(61));
  CHECK(summary.state({0}, kStart + minutes(61)).quantiles[0] == doctest::Approx(2).epsilon(0.02));
}

TEST_CASE("a registry tells its summaries beside the other metrics") {
  Registry registry;
  DurationSummary& summary = registry.summary("s_seconds", "S.", {{"slice", "a"}}, {0.5});
  CHECK(&registry.summary("s_seconds", "S.", {{"slice", "a"}}, {0.5}) == &summary);
  registry.summary("s_seconds", "S.", {{"slice", "b"}}, {0.5});
  for (int i = 0; i < 3; ++i) summary.observe(1.015625);
  CHECK(metrics_text(registry) ==
        "# HELP s_seconds S.\n"
        "# TYPE s_seconds summary\n"
        "s_seconds{slice=\"a\",quantile=\"0.5\"} 1.015625\n"
        "s_seconds_sum{slice=\"a\"} 3.046875\n"
        "s_seconds_count{slice=\"a\"} 3\n"
        "s_seconds{slice=\"b\",quantile=\"0.5\"} NaN\n"
        "s_seconds_sum{slice=\"b\"} 0\n"
        "s_seconds_count{slice=\"b\"} 0\n");
}

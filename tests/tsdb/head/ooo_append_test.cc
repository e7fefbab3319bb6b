// Which samples go into the out-of-order window, and what is seen of them.
#include <doctest/doctest.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <optional>

#include "tests/tsdb/head/kinds_fixture.h"
#include "tsdb/head/head.h"

namespace narthex::tsdb {
namespace {

using storage::AppendFault;

constexpr DurationMs kRange = 2 * 3600 * 1000;
constexpr Timestamp kNow = 1'700'000'000'000;
constexpr DurationMs kMinute = 60'000;

storage::CommitStats commit(storage::Appender& appender) {
  auto stats = appender.commit();
  REQUIRE(stats);
  return std::move(*stats);
}

std::optional<AppendFault> append(Head& head, std::size_t series, Timestamp t, double v) {
  const auto appender = head.appender();
  appender->append(*appender->series(series_labels(series)), t, v);
  const auto stats = commit(*appender);
  if (!stats.refused.empty()) return stats.refused.front().fault;
  CHECK(stats.appended == 1);
  return std::nullopt;
}

Points points_of(Head& head, std::size_t series, TimeRange range = {}) {
  const auto querier = head.querier(range);
  const Contents all = read(*querier, {everything()}, range);
  const auto at = all.find(series_labels(series).to_string());
  return at == all.end() ? Points{} : at->second;
}

TEST_CASE("out of order: what is accepted, by time and window") {
  const std::optional<AppendFault> ok;
  const struct {
    DurationMs window;
    DurationMs age;  // of the sample, from the newest of all
    double v;
    std::optional<AppendFault> want;
  } rows[] = {
      {0, -1, 5, ok},
      {0, 0, 1, ok},  // the same once more
      {0, 0, 2, AppendFault::duplicate_timestamp},
      {0, 1, 1, AppendFault::out_of_order},
      {0, kRange / 2, 1, AppendFault::out_of_order},
      {0, kRange / 2 + 1, 1, AppendFault::out_of_bounds},
      {kMinute, 0, 1, ok},
      {kMinute, 0, 2, AppendFault::duplicate_timestamp},
      {kMinute, 1, 2, ok},
      {kMinute, kMinute, 2, ok},
      {kMinute, kMinute + 1, 2, AppendFault::too_old},
      {kMinute, kRange, 2, AppendFault::too_old},
      {2 * kRange, kRange / 2 + 1, 2, ok},
      {2 * kRange, 2 * kRange, 2, ok},
      {2 * kRange, 2 * kRange + 1, 2, AppendFault::too_old},
  };
  for (const auto& row : rows) {
    CAPTURE(row.window);
    CAPTURE(row.age);
    CAPTURE(row.v);
    Head head({.block_range = kRange}, nullptr);
    head.set_out_of_order_window(row.window);
    REQUIRE_FALSE(append(head, 0, kNow, 1));
    CHECK(append(head, 0, kNow - row.age, row.v) == row.want);
    const bool added = !row.want && row.age != 0;
    CHECK(points_of(head, 0).size() == (added ? 2 : 1));
    // A series that has nothing yet may begin with a late sample.
    const bool late = row.age > kRange / 2;
    const auto first = late && row.window == 0 ? std::optional(AppendFault::out_of_bounds)
                       : late                  ? row.want
                                               : ok;
    CHECK(append(head, 1, kNow - row.age, 7) == first);
    CHECK(points_of(head, 1).size() == (first ? 0 : 1));
  }
}

TEST_CASE("out of order: late samples are merged in, at a time that is taken the first stays") {
  Head head({.block_range = kRange}, nullptr);
  head.set_out_of_order_window(kRange);
  for (int i = 0; i < 4; ++i) REQUIRE_FALSE(append(head, 0, kNow + i * kMinute, i));
  Points want;
  for (int i = 0; i < 4; ++i) want.emplace_back(kNow + i * kMinute, i);
  // More than an open chunk holds, forwards and backwards.
  for (int i = 1; i < 50; ++i) {
    REQUIRE_FALSE(append(head, 0, kNow + i * 1000, 100 + i));
    REQUIRE_FALSE(append(head, 0, kNow - i * 1000, 200 + i));
    want.emplace_back(kNow + i * 1000, 100 + i);
    want.emplace_back(kNow - i * 1000, 200 + i);
  }
  std::ranges::sort(want);
  // Taken by a sample in order, by one in a closed chunk, by one in the open chunk.
  for (const Timestamp t : {kNow + kMinute, kNow + 1000, kNow - 49'000}) CHECK_FALSE(append(head, 0, t, 999));
  CHECK(points_of(head, 0) == want);
  const TimeRange range{kNow - 10'500, kNow + 10'500};
  std::erase_if(want, [&](const auto& p) { return !range.contains(p.first); });
  CHECK(points_of(head, 0, range) == want);
}

TEST_CASE("out of order: one batch may hold samples of any order") {
  Head head({.block_range = kRange}, nullptr);
  head.set_out_of_order_window(kRange);
  const auto appender = head.appender();
  const auto ref = *appender->series(series_labels(0));
  Points want;
  for (int i = 0; i < 200; ++i) {
    const Timestamp t = kNow + (i * 7919 % 200) * 1000;
    appender->append(ref, t, i);
    want.emplace_back(t, i);
  }
  const auto stats = commit(*appender);
  CHECK(stats.refused.empty());
  CHECK(stats.appended == 200);
  std::ranges::sort(want);
  CHECK(points_of(head, 0) == want);
}

TEST_CASE("out of order: what says so is refused where it is not in order, as without a window") {
  Head head({.block_range = kRange}, nullptr);
  head.set_out_of_order_window(kMinute);
  REQUIRE_FALSE(append(head, 0, kNow, 1));
  const auto appender = head.appender();
  const auto ref = *appender->series(series_labels(0));
  appender->append(ref, kNow - 1, 1);
  appender->accept_out_of_order(false);
  appender->append(ref, kNow - 2, 1);
  appender->append(ref, kNow - 2 * kMinute, 1);
  appender->append(ref, kNow + 1, 1);
  appender->accept_out_of_order(true);
  appender->append(ref, kNow - 3, 1);
  const auto stats = commit(*appender);
  REQUIRE(stats.refused.size() == 2);
  CHECK(stats.refused[0].index == 1);
  CHECK(stats.refused[0].fault == AppendFault::out_of_order);
  CHECK(stats.refused[1].index == 2);
  CHECK(stats.refused[1].fault == AppendFault::too_old);
  CHECK(points_of(head, 0) == Points{{kNow - 3, 1}, {kNow - 1, 1}, {kNow, 1}, {kNow + 1, 1}});
}

Histogram histogram(std::uint64_t count) {
  Histogram h;
  h.count = count;
  h.sum = static_cast<double>(count);
  h.positive_spans = {{0, 1}};
  h.positive_deltas = {static_cast<std::int64_t>(count)};
  return h;
}

TEST_CASE("out of order: native histograms come late as well, and markers are what their series is") {
  prometheus::Registry registry;
  Head head({.block_range = kRange}, &registry);
  head.set_out_of_order_window(kMinute);
  const auto appender = head.appender();
  const auto ref = *appender->series(series_labels(0));
  Histogram custom = histogram(4);
  custom.schema = kCustomBucketsSchema;
  custom.custom_values = {1};
  REQUIRE(appender->append_histogram(ref, kNow, histogram(1), 0));
  REQUIRE(appender->append_histogram(ref, kNow - 1000, histogram(2), 0));
  REQUIRE(appender->append_histogram(ref, kNow - 3000, to_float(histogram(3)), 0));
  REQUIRE(appender->append_histogram(ref, kNow - 2000, custom, 0));
  REQUIRE(appender->append_histogram(ref, kNow - 2 * kMinute, histogram(5), 0));
  auto stats = commit(*appender);
  REQUIRE(stats.refused.size() == 1);
  CHECK(stats.refused[0].index == 4);
  CHECK(stats.refused[0].fault == AppendFault::too_old);
  appender->append(ref, kNow - 4000, 0.5);
  appender->append(ref, kNow - 5000, kStaleNan);
  CHECK(commit(*appender).appended == 2);

  const auto querier = head.querier({});
  const TextPoints got = read_kinds(*querier).at(series_labels(0).to_string());
  const TextPoints want = {{kNow - 5000, "stale histogram"},
                           {kNow - 4000, "0.5"},
                           {kNow - 3000, as_text(to_float(histogram(3)))},
                           {kNow - 2000, as_text(to_float(custom))},
                           {kNow - 1000, as_text(to_float(histogram(2)))},
                           {kNow, as_text(to_float(histogram(1)))}};
  CHECK(got == want);
  const std::string text = prometheus::TextSerializer().Serialize(registry.Collect());
  for (const char* line : {"prometheus_tsdb_head_out_of_order_samples_appended_total{type=\"float\"} 1\n",
                           "prometheus_tsdb_head_out_of_order_samples_appended_total{type=\"histogram\"} 4\n",
                           "prometheus_tsdb_too_old_samples_total{type=\"histogram\"} 1\n",
                           "prometheus_tsdb_head_samples_appended_total{type=\"float\"} 1\n",
                           "prometheus_tsdb_head_samples_appended_total{type=\"histogram\"} 5\n",
                           "prometheus_tsdb_sample_ooo_delta_count 6\n"}) {
    CAPTURE(line);
    CHECK(text.contains(line));
  }
}

TEST_CASE("out of order: deleted ranges take late samples away, too") {
  Head head({.block_range = kRange}, nullptr);
  head.set_out_of_order_window(kMinute);
  for (const Timestamp t : {kNow, kNow - 1000, kNow - 2000, kNow - 3000})
    REQUIRE_FALSE(append(head, 0, t, 1));
  const std::vector<Matcher> all = {everything()};
  REQUIRE(head.remove({kNow - 2500, kNow - 1000}, all));
  CHECK(points_of(head, 0) == Points{{kNow - 3000, 1}, {kNow, 1}});
}

TEST_CASE("out of order: a series with late samples only stays until they are in a block") {
  Head head({.block_range = kRange}, nullptr);
  head.set_out_of_order_window(2 * kRange);
  REQUIRE_FALSE(append(head, 0, kNow, 1));
  REQUIRE_FALSE(append(head, 1, kNow - kRange, 2));
  head.refuse_before(kNow);
  head.hide_before(kNow);
  REQUIRE(head.collect());
  CHECK(head.stats().series == 2);
  CHECK(points_of(head, 1) == Points{{kNow - kRange, 2}});
  // A reader from before the block still sees them.
  const auto reader = head.querier({});
  auto boundary = head.close_out_of_order();
  REQUIRE(boundary);
  REQUIRE_FALSE(append(head, 1, kNow - kRange + 1, 3));
  head.hide_out_of_order_before(boundary->chunk);
  CHECK_FALSE(head.collect());
  CHECK(read(*reader, {everything()}).at(series_labels(1).to_string()).size() == 2);
  CHECK(points_of(head, 1) == Points{{kNow - kRange + 1, 3}});
}

}  // namespace
}  // namespace narthex::tsdb

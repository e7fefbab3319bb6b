// The head as a source of chunks: everything that is committed, in the order of labels.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "tests/tsdb/head/head_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/chunk/xor_chunk.h"
#include "tsdb/head/head.h"

namespace narthex::tsdb {
namespace {

constexpr DurationMs kRange = 2 * 3600 * 1000;
constexpr Timestamp kStart = 1'700'000'000'000 / kRange * kRange;
constexpr DurationMs kStep = 15'000;

void scrape(Head& head, std::size_t series, int step) {
  auto appender = head.appender();
  for (std::size_t s = 0; s < series; ++s) {
    appender->append(*appender->series(series_labels(s)), kStart + step * kStep,
                     s % 2 == 0 ? 1.0 : static_cast<double>((step * 7919) % 1000) / 8);
  }
  REQUIRE(appender->commit());
}

/// Everything the source gives, cut to `range`; checks order, ranges and symbols on the way.
Contents drain(ChunkSource& source, TimeRange range) {
  std::vector<std::string> symbols;
  REQUIRE(source.symbols(symbols));
  std::ranges::sort(symbols);
  Contents out;
  SourceSeries series;
  Labels before;
  for (;;) {
    const auto more = source.next(series);
    REQUIRE_MESSAGE(more, why(more));
    if (!*more) return out;
    CHECK(before < series.labels);
    before = series.labels;
    for (const LabelView label : series.labels) {
      CHECK(std::ranges::binary_search(symbols, std::string(label.name)));
      CHECK(std::ranges::binary_search(symbols, std::string(label.value)));
    }
    Points& points = out[series.labels.to_string()];
    Timestamp last = kMinTime;
    for (const ChunkToWrite& c : series.chunks) {
      REQUIRE(c.encoding == kXorEncoding);
      std::vector<Timestamp> t;
      std::vector<double> v;
      REQUIRE(xor_decode(c.bytes, {}, t, v));
      REQUIRE(!t.empty());
      CHECK(t.front() == c.mint);
      CHECK(t.back() == c.maxt);
      CHECK(c.mint > last);
      last = c.maxt;
      for (std::size_t i = 0; i < t.size(); ++i) {
        const auto holds = [at = t[i]](const TimeRange& r) { return r.contains(at); };
        if (range.contains(t[i]) && std::ranges::none_of(series.deleted, holds))
          points.emplace_back(t[i], v[i]);
      }
    }
    if (points.empty()) out.erase(series.labels.to_string());
  }
}

TEST_CASE("chunk source: gives what a querier gives, over any range") {
  Head head({}, nullptr);
  for (int step = 0; step < 500; ++step) scrape(head, step < 100 ? 40 : 23, step);
  const TimeRange ranges[] = {{},
                              {kStart, kStart + kRange - 1},
                              {kStart + 100 * kStep, kStart + 100 * kStep},
                              {kStart + 101 * kStep, kMaxTime},
                              {kMinTime, kStart - 1}};
  for (const TimeRange range : ranges) {
    CAPTURE(range.mint - kStart);
    const auto source = head.chunk_source(range);
    CHECK(same(drain(*source, range), read(*head.querier(range), {everything()}, range)));
  }
}

TEST_CASE("chunk source: an empty head gives nothing") {
  Head head({}, nullptr);
  const auto source = head.chunk_source({});
  CHECK(drain(*source, {}).empty());
}

TEST_CASE("chunk source: commits that come after it are not in it, through any number of chunk cuts") {
  Head head({}, nullptr);
  for (int step = 0; step < 50; ++step) scrape(head, 9, step);
  const Contents before = read(*head.querier({}), {everything()});
  const auto one = head.chunk_source({});
  scrape(head, 12, 50);
  const Contents then = read(*head.querier({}), {everything()});
  const auto two = head.chunk_source({});
  for (int step = 51; step < 500; ++step) scrape(head, 15, step);
  CHECK(same(drain(*one, {}), before));
  CHECK(same(drain(*two, {}), then));
}

TEST_CASE("chunk source: deleted ranges are told, and an uncommitted series is not in it") {
  Head head({}, nullptr);
  head.replay_series({1, series_labels(1)});
  const SampleRecord samples[] = {{1, 1000, 1}, {1, 2000, 2}, {1, 3000, 3}};
  head.replay_samples(samples);
  head.replay_deletion(1, {1500, 2500});
  head.finish_replay();
  auto open = head.appender();
  REQUIRE(open->series(series_labels(2)));
  const auto source = head.chunk_source({});
  const Contents all = drain(*source, {});
  REQUIRE(all.size() == 1);
  CHECK(all.begin()->second == Points{{1000, 1}, {3000, 3}});
}

TEST_CASE(
    "chunk source: keeps what is hidden while it is open, and skips series that went before their turn") {
  Head head({}, nullptr);
  for (int step = 0; step < 600; ++step) scrape(head, step < 200 ? 20 : 10, step);
  const Contents all = read(*head.querier({}), {everything()});
  auto before = head.chunk_source({});
  head.refuse_before(kStart + kRange);
  head.hide_before(kStart + kRange);
  CHECK(!head.collect());
  CHECK(same(drain(*before, {}), all));
  before.reset();
  const auto after = head.chunk_source({});
  REQUIRE(head.collect());
  CHECK(same(drain(*after, {kStart + kRange, kMaxTime}), read(*head.querier({}), {everything()})));
}

}  // namespace
}  // namespace narthex::tsdb

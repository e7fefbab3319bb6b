// The ring of exemplars, alone and against a model.
#include "tsdb/head/exemplar_ring.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <prometheus/registry.h>

#include <deque>
#include <map>
#include <random>
#include <string>

#include "telemetry/metrics_text.h"

namespace narthex::tsdb {
namespace {

using storage::Exemplar;
using storage::ExemplarFault;

Labels series(int i) {
  const std::string number = std::to_string(i);
  return Labels{{"__name__", "m"}, {"i", number}};
}

Exemplar exemplar(Timestamp t, double v, std::string_view id = "a", bool own_time = true) {
  return {Labels{{"id", id}}, v, t, own_time};
}

std::vector<std::vector<Matcher>> all_series() {
  return {{Matcher::literal(MatchOp::equal, "__name__", "m")}};
}

/// As text: `1:10=0.5 1:20=1 2:15=3`.
std::string contents(const ExemplarRing& ring, TimeRange range = {}) {
  std::string text;
  for (const auto& found : ring.select(range, all_series())) {
    for (const Exemplar& e : found.exemplars) {
      text += fmt::format("{}{}:{}={}", text.empty() ? "" : " ", found.series.get("i"), e.t, e.v);
    }
  }
  return text;
}

TEST_CASE("without room, exemplars are refused as disabled") {
  ExemplarRing ring(nullptr);
  CHECK(ring.check(series(1), exemplar(1, 1)) == ExemplarFault::disabled);
  ring.add(series(1), exemplar(1, 1));
  CHECK(contents(ring).empty());
}

TEST_CASE("an exemplar is compared with the newest one of its series") {
  ExemplarRing ring(nullptr);
  ring.resize(10);
  ring.add(series(1), exemplar(100, 5, "b"));
  const Labels smaller = exemplar(0, 0, "b").labels.hash() < exemplar(0, 0, "c").labels.hash()
                             ? exemplar(0, 0, "b").labels
                             : exemplar(0, 0, "c").labels;
  const struct {
    const char* what;
    Exemplar e;
    std::optional<ExemplarFault> fault;
  } rows[] = {
      {"newer", exemplar(101, 1), std::nullopt},
      {"the same", exemplar(100, 5, "b"), ExemplarFault::duplicate},
      {"older", exemplar(99, 9), ExemplarFault::out_of_order},
      {"the same but older", exemplar(99, 5, "b"), ExemplarFault::out_of_order},
      {"of the same time, larger", exemplar(100, 6), std::nullopt},
      {"of the same time, smaller", exemplar(100, 4), ExemplarFault::out_of_order},
      {"labels too long", exemplar(101, 1, std::string(127, 'x')), ExemplarFault::label_length},
      {"labels just short enough", exemplar(101, 1, std::string(126, 'x')), std::nullopt},
      {"characters count, not bytes", exemplar(101, 1, std::string(100, 'x') + "\u00e9\u00e9\u00e9\u00e9"),
       std::nullopt},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    CHECK(ring.check(series(1), row.e) == row.fault);
  }
  CHECK(ring.check(series(2), exemplar(1, 1)) == std::nullopt);
}

TEST_CASE("an exemplar without a time of its own is the same at any time") {
  ExemplarRing ring(nullptr);
  ring.resize(10);
  ring.add(series(1), exemplar(100, 5, "a", false));
  CHECK(ring.check(series(1), exemplar(200, 5, "a", false)) == ExemplarFault::duplicate);
  CHECK(ring.check(series(1), exemplar(200, 5, "a", true)) == std::nullopt);
  CHECK(ring.check(series(1), exemplar(200, 6, "a", false)) == std::nullopt);
}

TEST_CASE("a full ring drops what came first, whosesoever it is") {
  ExemplarRing ring(nullptr);
  ring.resize(3);
  ring.add(series(1), exemplar(10, 1));
  ring.add(series(2), exemplar(5, 2));
  ring.add(series(1), exemplar(20, 3));
  CHECK(contents(ring) == "1:10=1 1:20=3 2:5=2");
  ring.add(series(3), exemplar(1, 4));
  CHECK(contents(ring) == "1:20=3 2:5=2 3:1=4");
  ring.add(series(3), exemplar(2, 5));
  CHECK(contents(ring) == "1:20=3 3:1=4 3:2=5");
}

TEST_CASE("select goes by time and by any of the selectors") {
  ExemplarRing ring(nullptr);
  ring.resize(10);
  for (int i = 0; i < 3; ++i)
    for (int k = 1; k <= 3; ++k) ring.add(series(i), exemplar(k * 10, k));
  CHECK(contents(ring, {15, 25}) == "0:20=2 1:20=2 2:20=2");
  CHECK(contents(ring, {31, 40}).empty());
  const std::vector<std::vector<Matcher>> two = {
      {Matcher::literal(MatchOp::equal, "i", "0")},
      {Matcher::literal(MatchOp::equal, "i", "2"), Matcher::literal(MatchOp::equal, "__name__", "m")},
      {Matcher::literal(MatchOp::equal, "i", "1"), Matcher::literal(MatchOp::not_equal, "__name__", "m")}};
  const auto found = ring.select({}, two);
  REQUIRE(found.size() == 2);
  CHECK(found[0].series.get("i") == "0");
  CHECK(found[1].series.get("i") == "2");
  CHECK(ring.select({}, {}).empty());
}

TEST_CASE("a resize keeps the newest to arrive") {
  ExemplarRing ring(nullptr);
  ring.resize(4);
  for (int k = 1; k <= 6; ++k) ring.add(series(k % 2), exemplar(k * 10, k));
  CHECK(contents(ring) == "0:40=4 0:60=6 1:30=3 1:50=5");
  CHECK(ring.resize(4) == 0);
  CHECK(ring.resize(6) == 4);
  CHECK(contents(ring) == "0:40=4 0:60=6 1:30=3 1:50=5");
  ring.add(series(1), exemplar(70, 7));
  CHECK(ring.resize(2) == 2);
  CHECK(contents(ring) == "0:60=6 1:70=7");
  CHECK(ring.resize(0) == 0);
  CHECK(contents(ring).empty());
  CHECK(ring.check(series(1), exemplar(80, 8)) == ExemplarFault::disabled);
}

TEST_CASE("metrics say how full the ring is and how far back it reaches") {
  prometheus::Registry registry;
  ExemplarRing ring(&registry);
  ring.resize(3);
  for (int k = 1; k <= 4; ++k) ring.add(series(k % 2), exemplar(k * 10'000, k));
  ring.add(series(1), exemplar(5, 1));
  const std::string text = telemetry::metrics_text(registry);
  for (const char* line : {"prometheus_tsdb_exemplar_exemplars_appended_total 4\n",
                           "prometheus_tsdb_exemplar_exemplars_in_storage 3\n",
                           "prometheus_tsdb_exemplar_series_with_exemplars_in_storage 2\n",
                           "prometheus_tsdb_exemplar_last_exemplars_timestamp_seconds 20\n",
                           "prometheus_tsdb_exemplar_max_exemplars 3\n",
                           "prometheus_tsdb_exemplar_out_of_order_exemplars_total 1\n"}) {
    CAPTURE(line);
    CHECK(text.find(line) != std::string::npos);
  }
}

/// Arrivals in a row, and the rules in words.
struct Model {
  struct One {
    int series;
    Exemplar e;
  };
  std::deque<One> ring;
  std::size_t size = 0;
  DurationMs window = 0;

  void add(int s, const Exemplar& e) {
    const Exemplar* newest = nullptr;
    for (const One& one : ring)
      if (one.series == s && (newest == nullptr || one.e.t >= newest->t)) newest = &one.e;
    if (newest != nullptr) {
      if (newest->t == e.t && newest->v == e.v) return;
      if (e.t < newest->t && e.t <= newest->t - window) return;
      if (e.t == newest->t && e.v < newest->v) return;
      if (e.t < newest->t) {
        for (const One& one : ring)
          if (one.series == s && one.e.t == e.t) return;
      }
    }
    ring.push_back({s, e});
    if (ring.size() > size) ring.pop_front();
  }
  [[nodiscard]] std::string contents() const {
    std::map<int, std::multimap<Timestamp, double>> sorted;
    for (const One& one : ring) sorted[one.series].emplace(one.e.t, one.e.v);
    std::string text;
    for (const auto& [s, of_series] : sorted)
      for (const auto& [t, v] : of_series)
        text += fmt::format("{}{}:{}={}", text.empty() ? "" : " ", s, t, v);
    return text;
  }
};

TEST_CASE("the ring holds what a list of arrivals holds, whatever comes") {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U}) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    ExemplarRing ring(nullptr);
    Model model;
    Timestamp now = 1000;
    ring.resize(model.size = 7);
    for (int step = 0; step < 3000; ++step) {
      if (random() % 100 == 0) {
        model.size = random() % 12;
        while (model.ring.size() > model.size) model.ring.pop_front();
        ring.resize(model.size);
      }
      if (random() % 200 == 0) {
        model.window = static_cast<DurationMs>(random() % 50);
        ring.set_out_of_order_window(model.window);
      }
      now += static_cast<Timestamp>(random() % 4);
      const Exemplar e =
          exemplar(now - static_cast<Timestamp>(random() % 30), static_cast<double>(random() % 3));
      const int s = static_cast<int>(random() % 4);
      ring.add(series(s), e);
      if (model.size > 0) model.add(s, e);
      REQUIRE(contents(ring) == model.contents());
    }
  }
}

}  // namespace
}  // namespace narthex::tsdb

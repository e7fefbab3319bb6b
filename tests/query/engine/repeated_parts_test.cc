// Parts that are written several times are evaluated once, and nobody can tell but by the profile.
#include <doctest/doctest.h>

#include <atomic>
#include <cmath>

#include "query/engine/profile.h"
#include "query/engine/repeated_part.h"
#include "query/engine/repeated_samples.h"
#include "tests/query/engine/engine_fixture.h"

namespace narthex::tests {

namespace {

void fill(EngineFixture& f, int pods, int scrapes) {
  for (int pod = 0; pod < pods; ++pod) {
    std::vector<double> requests;
    for (int i = 0; i < scrapes; ++i) requests.push_back(std::sqrt(pod + 1) * i);
    f.load(fmt::format(R"(requests{{job="j{}",pod="p{}"}})", pod % 3, pod), 15'000, requests);
  }
}

/// How many parts of the plan are evaluated elsewhere.
std::size_t count_repeated(EngineFixture& f, std::string_view query) {
  auto request = f.request(query, 10 * kMinute, 20 * kMinute, kMinute);
  request.profile = query::ProfileLevel::plan;
  const auto plan = f.ask(request);
  REQUIRE(plan);
  const std::string json = query::profile_json(*plan->profile, query);
  std::size_t n = 0;
  for (auto at = json.find(R"("repeated":true)"); at != std::string::npos;
       at = json.find(R"("repeated":true)", at + 1))
    ++n;
  return n;
}

/// Counts what is asked of a store.
class CountingStore final : public storage::Queryable {
 public:
  explicit CountingStore(storage::Queryable& store) : store_(store) {}

  Result<std::unique_ptr<storage::Querier>> querier(TimeRange range) override {
    auto querier = store_.querier(range);
    if (!querier) return querier;
    return std::make_unique<View>(*this, std::move(*querier));
  }

  std::atomic<std::size_t> selects = 0;
  std::atomic<std::size_t> reads = 0;

 private:
  class Set final : public storage::SeriesSet {
   public:
    Set(CountingStore& store, std::unique_ptr<SeriesSet> set) : store_(store), set_(std::move(set)) {}
    [[nodiscard]] std::size_t size() const override { return set_->size(); }
    [[nodiscard]] std::span<const PairId> labels(std::size_t i) const override { return set_->labels(i); }
    Result<void> samples(std::size_t i, TimeRange range, storage::SampleColumns& out) const override {
      ++store_.reads;
      return set_->samples(i, range, out);
    }

   private:
    CountingStore& store_;
    std::unique_ptr<SeriesSet> set_;
  };

  class View final : public storage::Querier {
   public:
    View(CountingStore& store, std::unique_ptr<Querier> querier)
        : store_(store), querier_(std::move(querier)) {}
    Result<std::unique_ptr<storage::SeriesSet>> select(TimeRange range, std::span<const Matcher> matchers,
                                                       LabelPool& pool,
                                                       const storage::SelectOptions& options) override {
      ++store_.selects;
      auto set = querier_->select(range, matchers, pool, options);
      if (!set) return set;
      return std::make_unique<Set>(store_, std::move(*set));
    }
    Result<std::vector<std::string>> label_names(std::span<const Matcher> matchers,
                                                 std::size_t limit) override {
      return querier_->label_names(matchers, limit);
    }
    Result<std::vector<std::string>> label_values(std::string_view name, std::span<const Matcher> matchers,
                                                  std::size_t limit) override {
      return querier_->label_values(name, matchers, limit);
    }

   private:
    CountingStore& store_;
    std::unique_ptr<Querier> querier_;
  };

  storage::Queryable& store_;
};

}  // namespace

TEST_CASE("the store is asked once for what several places read") {
  EngineFixture f;
  constexpr std::size_t kPods = 6;
  fill(f, kPods, 100);
  const struct {
    std::string_view query;
    std::size_t selects;
  } rows[] = {
      {"rate(requests[5m])", 1},
      {"requests + requests", 1},
      {"requests > 1 and requests < 2 or requests", 1},
      {"sum by (job) (requests) / on () group_left () sum(requests)", 1},
      {"sum(rate(requests[5m])) / count(rate(requests[5m]))", 1},
      {"max_over_time(requests[5m]) - min_over_time(requests[5m])", 1},
      // A part of its own, and what is left.
      {"rate(requests[5m]) - increase(requests[5m]) - rate(requests[5m])", 2},
      {"rate(requests[5m]) - increase(requests[6m])", 2},
      {"requests - requests offset 1m", 2},
      {"max_over_time(requests[5m]) - min_over_time(requests[5m] offset 1m)", 2},
  };
  for (const auto& row : rows)
    for (const std::size_t threads : {std::size_t{1}, std::size_t{4}}) {
      CAPTURE(row.query);
      CAPTURE(threads);
      f.options.threads = threads;
      CountingStore store(f.store);
      query::Engine engine(f.options, f.clock, nullptr);
      REQUIRE(engine.run(store, f.request(row.query, 10 * kMinute, 20 * kMinute, kMinute), {}));
      CHECK(store.selects == row.selects);
      CHECK(store.reads == row.selects * kPods);
    }
}

TEST_CASE("samples that are too many to keep are read at each place") {
  EngineFixture f;
  constexpr std::size_t kPods = 8;
  constexpr int kScrapes = 80'000;
  fill(f, kPods, kScrapes);
  static_assert(kPods * kScrapes * 2 * sizeof(double) > query::RepeatedSamples::kMostBytes);
  CountingStore store(f.store);
  query::Engine engine(f.options, f.clock, nullptr);
  const auto request = f.request("max_over_time(requests[5m]) - min_over_time(requests[5m])", 10 * kMinute,
                                 (kScrapes / 4) * kMinute, 100 * kMinute);
  const auto once = engine.run(store, request, {});
  f.options.share_repeated_parts = false;
  const auto each = f.ask(request);
  REQUIRE(once);
  CHECK(f.text(once) == f.text(each));
  CHECK(store.selects == 1);
  CHECK(store.reads > kPods);
  CHECK(store.reads < 2 * kPods);
}

TEST_CASE("what is written several times is evaluated once where it stands on one grid") {
  EngineFixture f;
  fill(f, 6, 100);
  const struct {
    std::string_view query;
    std::size_t repeated;
  } rows[] = {
      {"rate(requests[5m])", 0},
      {"requests + requests", 1},
      {"requests + requests offset 1m", 0},
      {"requests + requests @ 600", 0},
      {"requests + requests smoothed", 0},
      {"rate(requests[5m]) / rate(requests[1m])", 0},
      {"sum(rate(requests[5m])) / sum(rate(requests[5m]))", 1},
      {"sum by (job) (rate(requests[5m])) / on () group_left () sum(rate(requests[5m]))", 1},
      {"requests > 10 and requests < 20 or requests", 2},
      {"sum(requests) + sum(requests) + count(requests)", 1},
      // The second stands on the grid of the subquery, where it is written once.
      {"rate(requests[5m]) + max_over_time(rate(requests[5m])[10m:1m])", 0},
      {"max_over_time((requests - requests)[10m:1m])", 1},
      {"rate(requests[5m] @ 900) + rate(requests[5m] @ 900)", 1},
      {"max_over_time(requests[5m]) - min_over_time(requests[5m])", 1},
      {"max_over_time(requests[5m]) - min_over_time(requests[6m])", 0},
      // Of the histograms of one, count and sum are wanted only.
      {"histogram_count(requests) + histogram_quantile(0.5, requests)", 0},
      {"histogram_count(requests) + histogram_sum(requests)", 1},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    CHECK(count_repeated(f, row.query) == row.repeated);
  }
}

TEST_CASE("answers, statistics and annotations are those of parts evaluated at each place") {
  EngineFixture f;
  fill(f, 6, 100);
  f.options.per_step_stats = true;
  for (const std::string_view query :
       {"requests + requests",
        "sum by (job) (rate(requests[5m])) / on () group_left () sum(rate(requests[5m]))",
        "rate(requests[5m]) > 1 and rate(requests[5m]) < 2 or rate(requests[5m])",
        "topk(2, requests) or requests", "max_over_time((requests - requests)[10m:1m])",
        "quantile(2, requests) + quantile(2, requests)",
        "max_over_time(requests[5m]) - min_over_time(requests[5m])",
        "rate(requests[5m]) / increase(requests[5m]) + on (pod) count_over_time(requests[5m])",
        "max_over_time(rate(requests[5m])[10m:1m]) - increase(requests[5m]) - rate(requests[5m])",
        "sum(requests) + count(requests) + count(requests)",
        "sum(requests @ 600) + sum by (job) (requests) + on () group_left () sum(requests @ 600)"}) {
    CAPTURE(query);
    auto request = f.request(query, 10 * kMinute, 20 * kMinute, kMinute);
    request.per_step_stats = true;
    f.options.share_repeated_parts = true;
    const auto once = f.ask(request);
    f.options.share_repeated_parts = false;
    const auto each = f.ask(request);
    REQUIRE(once);
    REQUIRE(each);
    CHECK(f.text(once) == f.text(each));
    CHECK(f.notes(once) == f.notes(each));
    CHECK(once->stats.total_queryable_samples == each->stats.total_queryable_samples);
    CHECK(once->stats.samples_read == each->stats.samples_read);
    CHECK(once->stats.total_per_step == each->stats.total_per_step);
    CHECK(once->stats.read_per_step == each->stats.read_per_step);
  }
}

TEST_CASE("annotations of a repeated part are shown at the place that is evaluated last") {
  EngineFixture f;
  fill(f, 2, 100);
  const auto result = f.instant("sum(rate(requests[5m])) / sum(rate(requests[5m]))", 10 * kMinute);
  CHECK(f.notes(result) ==
        std::vector<std::string>{"PromQL info: metric might not be a counter, name does not end in "
                                 "_total/_sum/_count/_bucket: \"requests\" (1:36)"});
}

TEST_CASE("a repeated part of too many columns to keep is evaluated at each place") {
  EngineFixture f;
  constexpr int kPods = 110;
  constexpr int kSteps = 10'000;
  fill(f, kPods, 100);
  static_assert(kPods * kSteps * sizeof(double) > query::RepeatedPart::kMostBytes);
  for (const std::string_view query :
       {"sum by (job) (requests) / on () group_left () sum(requests)", "requests - requests * 2 == -requests",
        "sum(rate(requests[5m])) + on () group_right () sum by (job) (rate(requests[5m])) or "
        "rate(requests[5m])"}) {
    CAPTURE(query);
    const auto request = f.request(query, 10 * kMinute, 10 * kMinute + (kSteps - 1) * 60, 60);
    f.options.share_repeated_parts = true;
    const auto once = f.ask(request);
    f.options.share_repeated_parts = false;
    const auto each = f.ask(request);
    REQUIRE(once);
    REQUIRE(each);
    CHECK(!each->series.empty());
    CHECK(f.text(once) == f.text(each));
    CHECK(once->stats.total_queryable_samples == each->stats.total_queryable_samples);
    CHECK(once->stats.samples_read == each->stats.samples_read);
  }
}

}  // namespace narthex::tests

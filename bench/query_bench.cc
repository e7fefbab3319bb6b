// Range queries over a thousand counters, as a dashboard asks: six hours at a step of a
// minute, scraped every 15 seconds. The store hands out arrays that were made beforehand, so
// that the engine is what is measured.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "query/engine/engine.h"
#include "storage/querier.h"

namespace narthex {

namespace {

constexpr DurationMs kScrape = 15'000;
constexpr DurationMs kHour = 3'600'000;

/// Hands out copies of arrays made once.
class ArrayStore final : public storage::Queryable {
 public:
  explicit ArrayStore(std::size_t series) {
    for (std::size_t i = 0; i < series; ++i) {
      const std::string job = "job" + std::to_string(i % 10);
      const std::string instance = "host" + std::to_string(i / 10);
      labels_.push_back(Labels{{"__name__", "http_requests_total"}, {"job", job}, {"instance", instance}});
      storage::SampleColumns columns;
      double v = 0;
      for (Timestamp t = 0; t <= 7 * kHour; t += kScrape) {
        v = t % kHour == 0 ? 0 : v + static_cast<double>((i + static_cast<std::size_t>(t)) % 7);
        columns.t.push_back(t + static_cast<Timestamp>(i % 13));
        columns.v.push_back(v);
      }
      samples_.push_back(std::move(columns));
    }
  }

  Result<std::unique_ptr<storage::Querier>> querier(TimeRange /*range*/) override {
    return std::unique_ptr<storage::Querier>(std::make_unique<View>(*this));
  }

 private:
  class Selection final : public storage::SeriesSet {
   public:
    Selection(const ArrayStore& store, LabelPool& pool) : store_(store) {
      for (const auto& l : store.labels_) labels_.push_back(pool.ids(l));
    }
    [[nodiscard]] std::size_t size() const override { return labels_.size(); }
    [[nodiscard]] std::span<const PairId> labels(std::size_t i) const override { return labels_[i]; }
    Result<void> samples(std::size_t i, TimeRange range, storage::SampleColumns& out) const override {
      const auto& all = store_.samples_[i];
      const auto from = std::ranges::lower_bound(all.t, range.mint) - all.t.begin();
      const auto to = std::ranges::upper_bound(all.t, range.maxt) - all.t.begin();
      out.t.assign(all.t.begin() + from, all.t.begin() + to);
      out.v.assign(all.v.begin() + from, all.v.begin() + to);
      return {};
    }

   private:
    const ArrayStore& store_;
    std::vector<LabelIds> labels_;
  };

  class View final : public storage::Querier {
   public:
    explicit View(const ArrayStore& store) : store_(store) {}
    Result<std::unique_ptr<storage::SeriesSet>> select(TimeRange /*range*/, std::span<const Matcher>,
                                                       LabelPool& pool,
                                                       const storage::SelectOptions& /*options*/) override {
      return std::unique_ptr<storage::SeriesSet>(std::make_unique<Selection>(store_, pool));
    }
    Result<std::vector<std::string>> label_names(std::span<const Matcher>, std::size_t) override {
      return std::vector<std::string>{};
    }
    Result<std::vector<std::string>> label_values(std::string_view, std::span<const Matcher>,
                                                  std::size_t) override {
      return std::vector<std::string>{};
    }

   private:
    const ArrayStore& store_;
  };

  std::vector<Labels> labels_;
  std::vector<storage::SampleColumns> samples_;
};

void run_query(benchmark::State& state, const char* text) {
  const auto series = static_cast<std::size_t>(state.range(0));
  ArrayStore store(series);
  query::Engine engine({}, system_clock(), nullptr);
  query::QueryRequest request;
  request.query = text;
  request.start = kHour;
  request.end = 7 * kHour;
  request.step = 60'000;
  std::uint64_t peak = 0;
  std::size_t points = 0;
  for (auto _ : state) {
    auto result = engine.run(store, request, {});
    if (!result) {
      state.SkipWithError(result.error().text.c_str());
      return;
    }
    peak = result->stats.peak_samples;
    points = result->stats.total_queryable_samples;
    benchmark::DoNotOptimize(result);
  }
  state.counters["peak_samples"] = static_cast<double>(peak);
  state.counters["samples/s"] =
      benchmark::Counter(static_cast<double>(points), benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace

BENCHMARK_CAPTURE(run_query, selector, "http_requests_total")->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_query, rate, "rate(http_requests_total[5m])")->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_query, sum_rate, "sum(rate(http_requests_total[5m]))")
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_query, sum_by_rate, "sum by (job) (rate(http_requests_total[5m]))")
    ->Arg(1000)
    ->Arg(10000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_query, max_over_time, "max_over_time(http_requests_total[1h])")
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_query, sum_over_time, "sum_over_time(http_requests_total[1h])")
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_query, quantile_over_time, "quantile_over_time(0.9, http_requests_total[5m])")
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_query, ratio,
                  "sum by (job) (rate(http_requests_total[5m])) / sum by (job) (http_requests_total)")
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_query, topk, "topk(5, rate(http_requests_total[5m]))")
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond);

}  // namespace narthex

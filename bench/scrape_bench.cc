// One scrape of a target without its network: reading the page, finding each line in the series
// cache, pushing samples into a batch. The store behind it does nothing.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "bench/node_exporter_page.h"
#include "scrape/scrape_cycle.h"

using namespace narthex;
using namespace narthex::scrape;

namespace {

class NoStore final : public storage::Appendable {
 public:
  std::unique_ptr<storage::Appender> appender() override { return std::make_unique<Batch>(*this); }

 private:
  class Batch final : public storage::Appender {
   public:
    explicit Batch(NoStore& store) : store_(store) {}
    Result<storage::SeriesRef, storage::AppendFault> series(const Labels&) override {
      return static_cast<storage::SeriesRef>(store_.next_++);
    }
    void append(std::span<const storage::RefSample> samples) override {
      benchmark::DoNotOptimize(samples.data());
    }
    Result<storage::CommitStats> commit() override { return storage::CommitStats{}; }
    void rollback() override {}

   private:
    NoStore& store_;
  };
  std::uint64_t next_ = 1;
};

ScrapeCycle new_cycle() {
  CycleSettings settings;
  settings.job = std::make_shared<const config::ScrapeConfig>();
  settings.target = Labels{{"instance", "localhost:9100"}, {"job", "node"}};
  return ScrapeCycle(settings);
}

void run_pages(benchmark::State& state, const std::vector<std::string>& pages, bool fresh_cache) {
  std::vector<ScrapeBody> bodies;
  for (const auto& page : pages) bodies.emplace_back(page);
  ManualClock clock(1'000'000);
  NoStore store;
  auto cycle = std::make_unique<ScrapeCycle>(new_cycle());
  ScrapeInput input;
  input.content_type = "text/plain";
  std::size_t next = 0;
  std::size_t samples = 0;
  std::size_t bytes = 0;
  for (auto _ : state) {
    if (fresh_cache) cycle = std::make_unique<ScrapeCycle>(new_cycle());
    const ScrapeBody& body = bodies[next++ % bodies.size()];
    clock.advance(15'000);
    input.t = clock.now();
    input.body = &body;
    const ScrapeOutcome outcome = cycle->run(input, store, clock);
    if (outcome.error) return state.SkipWithError(outcome.error->text.c_str());
    samples += outcome.scraped;
    bytes += body.size();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
  state.SetItemsProcessed(static_cast<std::int64_t>(samples));
  state.counters["cache B/series"] =
      static_cast<double>(cycle->cache().size_bytes()) / static_cast<double>(cycle->cache().size());
}

void same_page(benchmark::State& state) {
  run_pages(state, {bench::node_exporter_page()}, false);
}

void all_values_change(benchmark::State& state) {
  std::vector<std::string> pages;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) pages.push_back(bench::node_exporter_page(seed));
  run_pages(state, pages, false);
}

void first_page(benchmark::State& state) {
  run_pages(state, {bench::node_exporter_page()}, true);
}

}  // namespace

BENCHMARK(same_page);
BENCHMARK(all_values_change);
BENCHMARK(first_page);

// What a sample costs between the socket and the query: the page of a target that was scraped before
// is read through the series cache and committed to the head, with its WAL. 250 targets of 2,000
// series; one thread, whose CPU time counts; making the pages does not.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/kubernetes_page.h"
#include "io/file_system.h"
#include "model/check.h"
#include "scrape/scrape_cycle.h"
#include "tsdb/head/head.h"
#include "tsdb/wal/wal.h"

namespace narthex {
namespace {

constexpr std::size_t kTargets = 250;
constexpr std::size_t kSeriesPerTarget = 2000;
constexpr DurationMs kInterval = 15'000;
constexpr Timestamp kStart = 1'700'000'000'000;

/// Time that this thread has run: other work on the machine does not count.
double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

class HeadStore final : public storage::Appendable {
 public:
  explicit HeadStore(tsdb::Head& head) : head_(head) {}
  std::unique_ptr<storage::Appender> appender() override { return head_.appender(); }

 private:
  tsdb::Head& head_;
};

struct Target {
  explicit Target(std::size_t number) : page(number, kSeriesPerTarget), cycle(settings(number)) {}

  static scrape::CycleSettings settings(std::size_t number) {
    scrape::CycleSettings settings;
    settings.job = std::make_shared<const config::ScrapeConfig>();
    settings.target = Labels{{"instance", "target-" + std::to_string(number)}, {"job", "load"}};
    return settings;
  }

  bench::KubernetesPage page;
  scrape::ScrapeCycle cycle;
};

class Load {
 public:
  explicit Load(std::optional<tsdb::WalCompression> compression) : head_({}, nullptr) {
    std::string directory = "/tmp/repeated_scrape_XXXXXX";
    check(::mkdtemp(directory.data()) != nullptr, "no temporary directory");
    directory_ = directory;
    if (compression) {
      tsdb::WalOptions options;
      options.compression = *compression;
      auto opened = tsdb::Wal::open(io::local_file_system(), directory_, options, nullptr);
      check(opened.has_value(), "the log did not open");
      wal_ = std::move(*opened);
      head_.start_logging(*wal_);
    }
    for (std::size_t t = 0; t < kTargets; ++t) targets_.push_back(std::make_unique<Target>(t));
  }
  ~Load() {
    wal_.reset();
    check(io::local_file_system().remove_tree(directory_).has_value(), "the temporary directory stays");
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  /// One scrape of every target. @return  seconds of CPU
  double scrape_all() {
    double seconds = 0;
    for (const auto& target : targets_) {
      std::string bytes = std::move(body_).release();
      target->page.render(bytes);
      body_ = scrape::ScrapeBody(std::move(bytes));
      scrape::ScrapeInput input;
      input.t = clock_.now();
      input.body = &body_;
      input.content_type = "text/plain; version=0.0.4";
      const double begin = thread_seconds();
      const scrape::ScrapeOutcome outcome = target->cycle.run(input, store_, clock_);
      seconds += thread_seconds() - begin;
      check(!outcome.error && !outcome.commit_failure && outcome.scraped == kSeriesPerTarget,
            "a scrape failed");
    }
    clock_.advance(kInterval);
    return seconds;
  }
  [[nodiscard]] std::uint64_t wal_bytes() const { return wal_ ? wal_->size_bytes() : 0; }

 private:
  std::string directory_;
  std::unique_ptr<tsdb::Wal> wal_;
  tsdb::Head head_;
  HeadStore store_{head_};
  ManualClock clock_{kStart};
  std::vector<std::unique_ptr<Target>> targets_;
  scrape::ScrapeBody body_;
};

void repeated_scrape(benchmark::State& state, std::optional<tsdb::WalCompression> compression) {
  Load load(compression);
  constexpr int kWarmUp = 5;
  for (int i = 0; i < kWarmUp; ++i) load.scrape_all();
  const std::uint64_t bytes = load.wal_bytes();
  double seconds = 0;
  for ([[maybe_unused]] const auto _ : state) {
    const double took = load.scrape_all();
    state.SetIterationTime(took);
    seconds += took;
  }
  const double samples = static_cast<double>(state.iterations()) * kTargets * kSeriesPerTarget;
  state.SetItemsProcessed(static_cast<std::int64_t>(samples));
  state.counters["ns/sample"] = seconds * 1e9 / samples;
  state.counters["wal_bytes/sample"] = static_cast<double>(load.wal_bytes() - bytes) / samples;
}

BENCHMARK_CAPTURE(repeated_scrape, no_log, std::nullopt)
    ->UseManualTime()
    ->Iterations(20)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(repeated_scrape, plain_log, tsdb::WalCompression::none)
    ->UseManualTime()
    ->Iterations(20)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(repeated_scrape, snappy_log, tsdb::WalCompression::snappy)
    ->UseManualTime()
    ->Iterations(20)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace narthex

// What a scraped sample costs on its way into the head, and what a series costs in memory.
//
//   append_bench                 nanoseconds per sample, by stage, 1,000 targets of 500 series
//   append_bench --memory        bytes per series after 120 scrapes, by part
//
// The mix is the one of docs on memory: half of the values constant, 35 % counters with
// integer steps, 15 % gauges that walk with three decimals; 11 label pairs per series.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/head_load.h"
#include "io/file_system.h"
#include "model/check.h"
#include "tsdb/head/head.h"
#include "tsdb/wal/record.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kTargets = 1000;
constexpr std::size_t kSeries = kTargets * kSeriesPerTarget;

std::vector<storage::SeriesRef> make_series(Head& head) {
  std::vector<storage::SeriesRef> refs;
  refs.reserve(kSeries);
  auto appender = head.appender();
  for (std::size_t t = 0; t < kTargets; ++t) {
    for (std::size_t i = 0; i < kSeriesPerTarget; ++i) refs.push_back(*appender->series(load_labels(t, i)));
    check(appender->commit().has_value(), "making series failed");
  }
  return refs;
}

struct Seconds {
  double append = 0, commit = 0;
};

/// Time that this thread has run: other work on the machine does not count.
double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// One scrape of every target.
Seconds scrape_all(Head& head, std::span<const storage::SeriesRef> refs, LoadValues& values, Timestamp t) {
  Seconds seconds;
  std::vector<storage::RefSample> body(kSeriesPerTarget);
  for (std::size_t target = 0; target < kTargets; ++target) {
    const std::size_t first = target * kSeriesPerTarget;
    for (std::size_t i = 0; i < kSeriesPerTarget; ++i) body[i] = {refs[first + i], t, values.next(first + i)};
    const auto begin = thread_seconds();
    auto appender = head.appender();
    appender->append(body);
    const auto collected = thread_seconds();
    const auto stats = appender->commit();
    check(stats.has_value() && stats->appended == kSeriesPerTarget, "a commit failed");
    const auto end = thread_seconds();
    seconds.append += collected - begin;
    seconds.commit += end - collected;
    // Targets are scraped all over the interval.
    t += 1;
  }
  return seconds;
}

std::string fresh_directory() {
  std::string path = "/tmp/append_bench_XXXXXX";
  check(::mkdtemp(path.data()) != nullptr, "no temporary directory");
  return path;
}

enum class Log { none, plain, snappy };

/// Nanoseconds per sample, to be told apart by stage at the end.
struct Measured {
  double collect = 0;
  std::array<double, 3> commit{};
  double encode = 0;
} measured;

void append_batches(benchmark::State& state, Log log) {
  io::FileSystem& fs = io::local_file_system();
  const std::string directory = fresh_directory();
  std::unique_ptr<Wal> wal;
  Head head({}, nullptr);
  if (log != Log::none) {
    WalOptions options;
    options.compression = log == Log::plain ? WalCompression::none : WalCompression::snappy;
    auto opened = Wal::open(fs, directory, options, nullptr);
    check(opened.has_value(), "the log did not open");
    wal = std::move(*opened);
    head.start_logging(*wal);
  }
  const auto refs = make_series(head);
  LoadValues values(kSeries);
  Timestamp t = kLoadStart;
  for (int i = 0; i < 10; ++i, t += kLoadInterval) scrape_all(head, refs, values, t);

  Seconds total;
  for ([[maybe_unused]] const auto _ : state) {
    const Seconds s = scrape_all(head, refs, values, t);
    state.SetIterationTime(s.append + s.commit);
    total.append += s.append;
    total.commit += s.commit;
    t += kLoadInterval;
  }
  const double samples = static_cast<double>(state.iterations()) * static_cast<double>(kSeries);
  state.SetItemsProcessed(static_cast<std::int64_t>(samples));
  state.counters["collect_ns"] = total.append / samples * 1e9;
  state.counters["commit_ns"] = total.commit / samples * 1e9;
  measured.collect = total.append / samples * 1e9;
  measured.commit[static_cast<std::size_t>(log)] = total.commit / samples * 1e9;
  if (wal) state.counters["wal_bytes/sample"] = static_cast<double>(wal->size_bytes()) / samples;
  wal.reset();
  check(fs.remove_tree(directory).has_value(), "the temporary directory stays");
}

/// The codec alone, on the records that the batches above make.
void encode_records(benchmark::State& state) {
  std::vector<SampleRecord> records(kSeriesPerTarget);
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < records.size(); ++i)
    records[i] = {250'000 + i, kLoadStart, static_cast<double>(i)};
  const double begin = thread_seconds();
  for ([[maybe_unused]] const auto _ : state) {
    bytes.clear();
    encode_samples(records, bytes);
    benchmark::DoNotOptimize(bytes.data());
  }
  measured.encode = (thread_seconds() - begin) * 1e9 / static_cast<double>(state.iterations()) /
                    static_cast<double>(kSeriesPerTarget);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(kSeriesPerTarget));
}

BENCHMARK_CAPTURE(append_batches, no_log, Log::none)
    ->UseManualTime()
    ->Iterations(60)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(append_batches, plain_log, Log::plain)
    ->UseManualTime()
    ->Iterations(60)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(append_batches, snappy_log, Log::snappy)
    ->UseManualTime()
    ->Iterations(60)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(encode_records);

void print_stages() {
  const auto [none, plain, snappy] = measured.commit;
  if (none == 0 || plain == 0 || snappy == 0) return;
  const struct {
    const char* stage;
    double ns;
  } rows[] = {{"collect", measured.collect},
              {"wal encode", measured.encode},
              {"compress", snappy - plain},
              {"write", plain - none - measured.encode},
              {"sweep", none},
              {"all", measured.collect + snappy}};
  for (const auto& row : rows) fmt::print("{:20} {:6.1f} ns/sample\n", row.stage, row.ns);
}

void print_memory() {
  const std::uint64_t before = resident_bytes();
  Head head({}, nullptr);
  std::uint64_t harness;
  std::uint64_t peak = 0;
  {
    const auto refs = make_series(head);
    LoadValues values(kSeries);
    harness = (sizeof(double) + sizeof(storage::SeriesRef)) * kSeries;
    Timestamp t = kLoadStart;
    for (int scrape = 1; scrape <= 120; ++scrape, t += kLoadInterval) {
      scrape_all(head, refs, values, t);
      if (scrape % 10 != 0) continue;
      const std::uint64_t now = resident_bytes() - before - harness;
      peak = std::max(peak, now);
      fmt::print("scrape {:3}: {:5.1f} bytes/series resident\n", scrape,
                 static_cast<double>(now) / static_cast<double>(kSeries));
    }
  }
  const HeadStats stats = head.stats();
  const auto& m = stats.memory;
  const struct {
    const char* part;
    std::uint64_t bytes;
  } rows[] = {{"labels and dictionary", m.labels},
              {"postings", m.postings},
              {"series", m.series},
              {"open chunks", m.open_chunks},
              {"full chunks", m.full_chunks},
              {"lookup", m.lookup},
              {"resident, peak", peak}};
  for (const auto& row : rows) {
    fmt::print("{:24} {:8.1f} bytes/series\n", row.part,
               static_cast<double>(row.bytes) / static_cast<double>(kSeries));
  }
}

}  // namespace
}  // namespace narthex::tsdb

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--memory") {
    narthex::tsdb::print_memory();
    return 0;
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  narthex::tsdb::print_stages();
  return 0;
}

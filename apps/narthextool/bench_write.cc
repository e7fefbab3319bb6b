#include "apps/narthextool/bench_write.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_set>

#include "apps/narthextool/go_text.h"
#include "model/value.h"
#include "sync/thread_pool.h"
#include "tsdb/db.h"

namespace narthex::apps {
namespace {

constexpr DurationMs kInterval = 30'000;
constexpr std::size_t kScrapesInRound = 100;
constexpr std::size_t kSeriesInBatch = 1000;
constexpr double kFirstValue = 123'456'789;
constexpr double kValueStep = 1000;
/// What a run leaves behind.
constexpr std::string_view kStorage = "storage";

std::optional<Labels> read_line(std::string_view line) {
  std::string bare;
  std::ranges::copy_if(line, std::back_inserter(bare),
                       [](char c) { return c != '"' && c != '{' && c != '}'; });
  LabelsBuilder labels;
  for (std::string_view rest = bare;;) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view pair = rest.substr(0, comma);
    const std::size_t colon = pair.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    // A second colon ends the value: so promtool reads it.
    const std::string_view value = pair.substr(colon + 1);
    labels.set(pair.substr(0, colon), value.substr(0, value.find(':')));
    if (comma == rest.size()) return labels.labels();
    rest.remove_prefix(comma + 1);
  }
}

class WriteBench {
 public:
  WriteBench(tsdb::Db& db, std::span<const Labels> series, Progress& progress)
      : db_(db), series_(series), progress_(progress) {}

  /// @return  samples
  Result<std::uint64_t> ingest(std::size_t scrapes) {
    const std::size_t batches = (series_.size() + kSeriesInBatch - 1) / kSeriesInBatch;
    for (std::size_t scrape = 0; scrape < scrapes; scrape += kScrapesInRound) {
      pool_.parallel_for(batches, [&](std::size_t i) {
        if (auto done = ingest_batch(i * kSeriesInBatch, kInterval * static_cast<Timestamp>(scrape)); !done)
          note_fault(std::move(done).error());
      });
      if (fault_) return std::unexpected(*fault_);
      if (auto mapped = db_.run_mapping_once(); !mapped) return pass(mapped);
      progress_.update(scrape, scrapes, "scrapes");
    }
    return samples_.load();
  }

 private:
  /// A hundred scrapes of the thousand series from `first` on.
  Result<void> ingest_batch(std::size_t first, Timestamp t) {
    const auto labels = series_.subspan(first, std::min(kSeriesInBatch, series_.size() - first));
    auto appender = db_.appender();
    std::vector<storage::RefSample> batch;
    for (const Labels& one : labels) {
      const auto ref = appender->series(one);
      if (!ref) return fail(Code::invalid, one.to_string() + ": not the labels of a series");
      batch.push_back({*ref, t, kFirstValue});
    }
    for (std::size_t scrape = 0; scrape < kScrapesInRound; ++scrape) {
      for (storage::RefSample& sample : batch) {
        sample.t += kInterval;
        sample.v += kValueStep;
      }
      appender->append(batch);
      const auto committed = appender->commit();
      if (!committed) return std::unexpected(committed.error());
      samples_ += committed->appended;
    }
    return {};
  }

  void note_fault(Error error) {
    const sync::MutexLock lock(mutex_);
    if (!fault_) fault_ = std::move(error);
  }

  tsdb::Db& db_;
  std::span<const Labels> series_;
  Progress& progress_;
  sync::ThreadPool pool_;
  std::atomic<std::uint64_t> samples_{0};
  sync::Mutex mutex_;
  std::optional<Error> fault_;
};

/// Announces a stage, runs it, tells how long it took.
template <class Stage>
Result<std::chrono::nanoseconds> measure(std::string_view name, const Clock& clock, const Print& print,
                                         Stage stage) {
  print(fmt::format(">> start stage={}\n", name));
  const auto begin = clock.steady();
  if (auto done = stage(); !done) return pass(done);
  const auto took = clock.steady() - begin;
  print(fmt::format(">> completed stage={} duration={}\n", name, go_duration(took)));
  return took;
}

Result<std::string> prepare(io::FileSystem& fs, const BenchWriteOptions& options, const Clock& clock) {
  if (options.out.empty())
    return (std::filesystem::temp_directory_path() / ("tsdb_bench_" + tsdb::make_ulid(clock.now()))).string();
  if (!fs.exists(options.out)) return options.out;
  const auto entries = fs.list(options.out);
  if (!entries) return std::unexpected(entries.error());
  for (const io::DirEntry& entry : *entries) {
    if (entry.name != kStorage && !entry.name.ends_with(".prof")) {
      return fail(
          Code::invalid,
          fmt::format("{} is to be emptied, and holds {}, which is not of such a benchmark: name an empty "
                      "folder with --out",
                      options.out, entry.name));
    }
  }
  if (auto removed = fs.remove_tree(options.out); !removed) return pass(removed);
  return options.out;
}

}  // namespace

Result<std::vector<Labels>> read_bench_labels(io::FileSystem& fs, const std::string& path, std::size_t most) {
  const auto text = fs.read_file(path);
  if (!text) return std::unexpected(text.error());
  std::vector<Labels> all;
  std::unordered_set<std::uint64_t> known;
  std::size_t number = 0;
  for (std::string_view rest = *text; !rest.empty() && all.size() < most;) {
    ++number;
    const std::size_t newline = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, newline);
    rest.remove_prefix(std::min(newline + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    auto labels = read_line(line);
    if (!labels) {
      return fail(Code::invalid, fmt::format("{}:{}: expected {{\"name\":\"value\",...}}, got {}", path,
                                             number, quote(line)));
    }
    if (known.insert(labels->hash()).second) all.push_back(*std::move(labels));
  }
  return all;
}

Result<void> bench_write(io::FileSystem& fs, const BenchWriteOptions& options, const Clock& clock,
                         Progress& progress, const Print& print) {
  const auto directory = prepare(fs, options, clock);
  if (!directory) return std::unexpected(directory.error());
  tsdb::DbOptions db_options;
  // Head and log alone are measured.
  db_options.background_interval = 0;
  auto db = tsdb::Db::open(fs, *directory + "/" + std::string(kStorage), db_options, clock, nullptr);
  if (!db) return pass(db);

  std::vector<Labels> series;
  const auto read = measure("readData", clock, print, [&]() -> Result<void> {
    auto labels = read_bench_labels(fs, options.samples_file, options.metrics);
    if (!labels) return pass(labels);
    series = *std::move(labels);
    return {};
  });
  if (!read) return std::unexpected(read.error());

  std::uint64_t samples = 0;
  const auto ingested = measure("ingestScrapes", clock, print, [&]() -> Result<void> {
    const auto total = WriteBench(**db, series, progress).ingest(options.scrapes);
    if (!total) return std::unexpected(total.error());
    samples = *total;
    progress.clear();
    print("ingestion completed\n");
    return {};
  });
  if (!ingested) return std::unexpected(ingested.error());
  const double seconds = std::chrono::duration<double>(*ingested).count();
  print(fmt::format(" > total samples: {}\n", samples));
  print(fmt::format(" > samples/sec: {}\n", format_general(static_cast<double>(samples) / seconds)));

  const auto stopped = measure("stopStorage", clock, print, [&] { return (*db)->close(); });
  if (!stopped) return std::unexpected(stopped.error());
  return {};
}

}  // namespace narthex::apps

// How long a commit takes while nothing else goes on, and while another thread cuts blocks from the
// head, merges blocks and truncates the log.
//
//   latency_bench [--series N] [--pause MICROSECONDS]
//
// One commit is one scrape of 500 series; a pause follows each, as the machine is not to be full of
// appends alone. Latency is wall time: on a machine that is busy with other work its tail is theirs.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/head_load.h"
#include "io/file_system.h"
#include "model/check.h"
#include "model/clock.h"
#include "telemetry/log.h"
#include "tsdb/db.h"

namespace narthex::tsdb {
namespace {

constexpr DurationMs kHour = 3'600'000;
/// The head is due beyond three hours.
constexpr DurationMs kFilled = 3 * kHour + 10 * 60'000;
/// Before the head is cut for the first time, and after it was for the last.
constexpr std::size_t kQuietCommits = 20'000;

class Load {
 public:
  Load(Db& db, std::size_t targets) : db_(db), targets_(targets), values_(targets * kSeriesPerTarget) {
    for (std::size_t target = 0; target < targets_; ++target) {
      auto appender = db_.appender();
      for (std::size_t i = 0; i < kSeriesPerTarget; ++i)
        refs_.push_back(*appender->series(load_labels(target, i)));
      check(appender->commit().has_value(), "making series failed");
    }
  }

  /// Seconds that the commit of the next target's scrape took.
  double commit_next() {
    const std::size_t first = next_ % targets_ * kSeriesPerTarget;
    const Timestamp t = kLoadStart + static_cast<Timestamp>(next_ / targets_) * kLoadInterval;
    ++next_;
    batch_.clear();
    for (std::size_t i = first; i < first + kSeriesPerTarget; ++i)
      batch_.push_back({refs_[i], t, values_.next(i)});
    const auto begin = std::chrono::steady_clock::now();
    auto appender = db_.appender();
    appender->append(batch_);
    const auto done = appender->commit();
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    check(done.has_value() && done->appended == batch_.size(), "a commit failed");
    return took;
  }
  [[nodiscard]] DurationMs filled() const {
    return static_cast<DurationMs>(next_ / targets_) * kLoadInterval;
  }
  [[nodiscard]] std::size_t targets() const { return targets_; }

 private:
  Db& db_;
  std::size_t targets_;
  std::size_t next_ = 0;
  LoadValues values_;
  std::vector<storage::SeriesRef> refs_;
  std::vector<storage::RefSample> batch_;
};

/// Of seconds that ascend.
double quantile(const std::vector<double>& seconds, double q) {
  return seconds[static_cast<std::size_t>(q * static_cast<double>(seconds.size() - 1))];
}

void print_row(std::string_view what, std::vector<double>& seconds) {
  std::ranges::sort(seconds);
  fmt::print("{:24} {:7} commits  p50 {:7.1f} us  p99 {:7.1f} us  p99.9 {:7.1f} us  max {:8.1f} us\n", what,
             seconds.size(), quantile(seconds, 0.5) * 1e6, quantile(seconds, 0.99) * 1e6,
             quantile(seconds, 0.999) * 1e6, seconds.back() * 1e6);
}

void run(std::size_t series, std::chrono::microseconds pause) {
  const std::string directory =
      (std::filesystem::temp_directory_path() / fmt::format("latency_bench_{}", ::getpid())).string();
  const ManualClock clock(kLoadNow);
  DbOptions options;
  options.background_interval = 0;
  auto db = Db::open(io::local_file_system(), directory, options, clock, nullptr);
  check(db.has_value(), "the database did not open");
  Load load(**db, series / kSeriesPerTarget);
  while (load.filled() < kFilled) {
    for (std::size_t i = 0; i < load.targets(); ++i) load.commit_next();
    check((*db)->run_mapping_once().has_value(), "mapping failed");
  }
  std::vector<double> quiet;
  std::vector<double> compacting;
  const auto commit_into = [&](std::vector<double>& seconds) {
    seconds.push_back(load.commit_next());
    std::this_thread::sleep_for(pause);
  };
  while (quiet.size() < kQuietCommits) commit_into(quiet);

  std::atomic<bool> done = false;
  const auto begin = std::chrono::steady_clock::now();
  std::thread background([&] {
    check((*db)->run_background_once().has_value(), "compaction failed");
    done = true;
  });
  while (!done) commit_into(compacting);
  background.join();
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  fmt::print("head of {} series cut into {} block(s) in {:.1f} s\n", series, (*db)->blocks().size(), took);
  print_row("without compaction", quiet);
  print_row("during compaction", compacting);
  fmt::print("p99 append latency during compaction, against without: {:.1f}\n",
             quantile(compacting, 0.99) / quantile(quiet, 0.99));
  check((*db)->close().has_value(), "closing failed");
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace narthex::tsdb

int main(int argc, char** argv) {
  std::size_t series = 200'000;
  std::chrono::microseconds pause(200);
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--series") series = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--pause") pause = std::chrono::microseconds(std::atoi(argv[i + 1]));
  }
  narthex::telemetry::set_up_log(narthex::telemetry::LogLevel::warn, narthex::telemetry::LogFormat::logfmt);
  narthex::tsdb::run(series, pause);
  return 0;
}

// A database of many series: what it holds in memory over hours of scrapes, and how soon it is
// ready again after kill -9. No server and no network; time is simulated.
//
//   restart_bench write DIR [--series N] [--scrapes N]   scrapes of 15 s; dies at the end without closing
//   restart_bench tail DIR [--series N] [--scrapes N]    opens, writes a snapshot of the head, goes on with
//                                                        scrapes, and dies: a point of the snapshot interval
//   restart_bench repack DIR                             packs the log as Prometheus does: all records, by
//                                                        snappy's own compressor
//   restart_bench open DIR [--snapshots 0|1] [--cold 0|1]
//                                                        opens, reads the newest sample of every series
//
// `write` prints resident bytes a series after every minute of simulated time, less the bench's
// own; `open` prints seconds, and seconds of processor, until the database is ready and until the first
// query was answered, and memory at its peak and then. Cold: none of the files is in the page cache.
#include <fcntl.h>
#include <fmt/format.h>
#include <snappy.h>
#include <sys/resource.h>
#include <unistd.h>

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
#include "model/matcher.h"
#include "tsdb/db.h"
#include "tsdb/wal/framing.h"
#include "tsdb/wal/segments.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {
namespace {

constexpr int kSteadyFrom = 480;

struct Arguments {
  std::string verb, directory;
  std::size_t series = 1'000'000;
  int scrapes = 480 + 240;
  bool snapshots = true;
  bool cold = false;
};

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// The most that ever was.
std::uint64_t peak_bytes() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
}

/// Gives up what the page cache holds of the files below `directory`.
void forget_pages(const std::string& directory) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    const int fd = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    ::fdatasync(fd);
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    ::close(fd);
  }
}

std::unique_ptr<Db> open_database(const std::string& directory, const Clock& clock, bool snapshots) {
  DbOptions options;
  options.background_interval = 0;
  options.snapshots.enabled = snapshots;
  auto db = Db::open(io::local_file_system(), directory, options, clock, nullptr);
  check(db.has_value(), "the database did not open");
  return std::move(*db);
}

/// Samples the process' memory every 50 ms.
class MemoryWatch {
 public:
  ~MemoryWatch() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  /// @param own  bytes of the bench itself
  void start(std::uint64_t own) {
    own_ = own;
    thread_ = std::thread([this] {
      while (!stop_) {
        const std::uint64_t bytes = now();
        if (compacting) {
          compacting_peak = std::max<std::uint64_t>(compacting_peak, bytes);
        } else if (steady) {
          peak = std::max<std::uint64_t>(peak, bytes);
          sum_ += bytes;
          ++count_;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
    });
  }
  [[nodiscard]] std::uint64_t now() const {
    const std::uint64_t all = resident_bytes();
    return all - std::min(all, own_);
  }
  [[nodiscard]] std::uint64_t mean() const { return sum_ / std::max<std::uint64_t>(count_, 1); }

  /// What is sampled counts as a part of a compaction, of the steady state, or not at all.
  std::atomic<bool> compacting = false;
  std::atomic<bool> steady = false;
  std::atomic<std::uint64_t> peak = 0;
  std::atomic<std::uint64_t> compacting_peak = 0;

 private:
  std::uint64_t own_ = 0;
  std::atomic<std::uint64_t> sum_ = 0;
  std::atomic<std::uint64_t> count_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

class Writer {
 public:
  explicit Writer(const Arguments& arguments)
      : targets_(arguments.series / kSeriesPerTarget),
        series_(targets_ * kSeriesPerTarget),
        clock_(kLoadNow),
        values_(series_),
        start_(kLoadStart) {
    refs_.reserve(series_);
    memory_.start(resident_bytes() + refs_.capacity() * sizeof(storage::SeriesRef));
    db_ = open_database(arguments.directory, clock_, arguments.snapshots);
    if (const Timestamp newest = db_->head_stats().maxt; newest > kLoadStart) start_ = newest + 1;
    for (std::size_t t = 0; t < targets_; ++t) {
      auto appender = db_->appender();
      for (std::size_t i = 0; i < kSeriesPerTarget; ++i) {
        refs_.push_back(*appender->series(load_labels(t, i)));
      }
      check(appender->commit().has_value(), "making series failed");
    }
  }

  void write_snapshot() {
    const auto begin = std::chrono::steady_clock::now();
    const double cpu = cpu_seconds();
    check(db_->run_snapshot_once().has_value(), "writing a snapshot failed");
    fmt::print("snapshot         {:8.2f} s, {:6.2f} s of processor\n", seconds_since(begin),
               cpu_seconds() - cpu);
  }

  void run(int scrapes) {
    const auto begin = std::chrono::steady_clock::now();
    for (int scrape = 0; scrape < scrapes; ++scrape) {
      // The budget is for what two hours of scrapes have come to.
      memory_.steady = scrape >= kSteadyFrom;
      for (std::size_t target = 0; target < targets_; ++target) {
        scrape_target(target, scrape);
        // Every second of simulated time.
        if (target % (targets_ / 15 + 1) == 0) check(db_->run_mapping_once().has_value(), "mapping failed");
      }
      if (scrape % 4 == 3) {
        memory_.compacting = db_->head_stats().maxt - db_->head_stats().mint > 3 * 3600 * 1000;
        check(db_->run_background_once().has_value(), "maintenance failed");
        memory_.compacting = false;
      }
      if (scrape % 20 != 19) continue;
      fmt::print("scrape {:4}: {:6.1f} bytes/series, {:6.1f} s\n", scrape + 1, per_series(memory_.now()),
                 seconds_since(begin));
      std::fflush(stdout);
    }
    report();
  }

 private:
  void scrape_target(std::size_t target, int scrape) {
    const Timestamp t =
        start_ + scrape * kLoadInterval + static_cast<Timestamp>(target * kLoadInterval / targets_);
    body_.clear();
    const std::size_t first = target * kSeriesPerTarget;
    for (std::size_t i = first; i < first + kSeriesPerTarget; ++i)
      body_.push_back({refs_[i], t, values_.next(i)});
    auto appender = db_->appender();
    appender->append(body_);
    const auto stats = appender->commit();
    check(stats.has_value() && stats->appended == kSeriesPerTarget, "a commit failed");
  }
  [[nodiscard]] double per_series(std::uint64_t bytes) const {
    return static_cast<double>(bytes) / static_cast<double>(series_);
  }
  void report() {
    const HeadMemory m = db_->head_stats().memory;
    const struct {
      const char* part;
      std::uint64_t bytes;
    } rows[] = {{"labels and dictionary", m.labels},
                {"postings", m.postings},
                {"series", m.series},
                {"open chunks", m.open_chunks},
                {"full chunks", m.full_chunks},
                {"lookup", m.lookup},
                {"resident, peak", memory_.peak},
                {"resident, compacting", memory_.compacting_peak},
                {"resident, mean", memory_.mean()}};
    for (const auto& row : rows) fmt::print("{:24} {:8.1f} bytes/series\n", row.part, per_series(row.bytes));
  }

  std::size_t targets_;
  std::size_t series_;
  ManualClock clock_;
  LoadValues values_;
  Timestamp start_;
  std::vector<storage::SeriesRef> refs_;
  std::vector<storage::RefSample> body_;
  std::unique_ptr<Db> db_;
  MemoryWatch memory_;
};

/// The records of a segment, each a snappy block of the library's.
std::vector<std::byte> repacked(WalReader& segment) {
  std::vector<std::byte> bytes;
  std::string block;
  std::uint64_t offset = 0;
  while (const auto record = segment.next()) {
    snappy::Compress(reinterpret_cast<const char*>(record->data()), record->size(), &block);
    const bool shrinks = block.size() < record->size();
    offset = frame_record(offset, shrinks ? RecordFlag::snappy : RecordFlag::plain,
                          shrinks ? io::as_bytes(block) : *record, bytes);
  }
  return bytes;
}

void repack(const Arguments& arguments) {
  io::FileSystem& fs = io::local_file_system();
  const std::string log = arguments.directory + "/wal";
  auto checkpoint = last_checkpoint(fs, log);
  check(checkpoint.has_value(), "the log cannot be listed");
  std::vector<std::string> directories = {log};
  if (*checkpoint) directories.push_back((*checkpoint)->first);
  for (const std::string& directory : directories) {
    const auto segments = list_segments(fs, directory);
    check(segments.has_value(), "the log cannot be listed");
    for (const std::uint32_t number : *segments) {
      const std::string path = segment_path(directory, number);
      auto reader = WalReader::open(fs, path, number, {});
      check(reader.has_value(), "a segment cannot be read");
      const auto bytes = repacked(*reader);
      check(io::replace_file(fs, path, bytes).has_value(), "a segment cannot be replaced");
      fmt::print("{}: {} bytes\n", path, bytes.size());
    }
  }
}

/// Number of series with a sample in the last five minutes.
std::size_t count_recent(Db& db) {
  const Timestamp newest = db.head_stats().maxt;
  const TimeRange range{newest - 300'000, newest};
  auto querier = db.querier(range);
  check(querier.has_value(), "no querier");
  LabelPool pool;
  const Matcher all = *Matcher::make(MatchOp::regex, "__name__", ".+");
  auto set = (*querier)->select(range, {&all, 1}, pool, {});
  check(set.has_value(), "select failed");
  std::size_t found = 0;
  storage::SampleColumns samples;
  for (std::size_t i = 0; i < (*set)->size(); ++i) {
    samples.clear();
    check((*set)->samples(i, range, samples).has_value(), "reading samples failed");
    found += samples.t.empty() ? 0 : 1;
  }
  return found;
}

void open_and_query(const Arguments& arguments) {
  const ManualClock clock(kLoadNow);
  if (arguments.cold) forget_pages(arguments.directory);
  const auto begin = std::chrono::steady_clock::now();
  const double cpu = cpu_seconds();
  const auto db = open_database(arguments.directory, clock, arguments.snapshots);
  fmt::print("{:<16} {:8.2f} s, {:6.2f} s of processor\n", arguments.cold ? "ready, cold" : "ready",
             seconds_since(begin), cpu_seconds() - cpu);
  const std::uint64_t peak = peak_bytes();
  const std::size_t found = count_recent(*db);
  fmt::print("first query      {:8.2f} s, {:6.2f} s of processor, {} series\n", seconds_since(begin),
             cpu_seconds() - cpu, found);
  const HeadStats stats = db->head_stats();
  const auto series = static_cast<double>(std::max<std::uint64_t>(stats.series, 1));
  fmt::print(
      "resident         {:8.1f} bytes/series, at most {:.1f} until it was ready, {} series, {} chunks\n",
      static_cast<double>(resident_bytes()) / series, static_cast<double>(peak) / series, stats.series,
      stats.chunks);
  std::fflush(stdout);
  // Without a snapshot at the end, so that it can be opened again.
  std::_Exit(0);
}

}  // namespace
}  // namespace narthex::tsdb

int main(int argc, char** argv) {
  narthex::tsdb::Arguments arguments;
  if (argc >= 3) {
    arguments.verb = argv[1];
    arguments.directory = argv[2];
  }
  for (int i = 3; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--series") arguments.series = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--scrapes") arguments.scrapes = std::atoi(argv[i + 1]);
    if (flag == "--snapshots") arguments.snapshots = std::atoi(argv[i + 1]) != 0;
    if (flag == "--cold") arguments.cold = std::atoi(argv[i + 1]) != 0;
  }
  if (arguments.verb == "write" || arguments.verb == "tail") {
    narthex::tsdb::Writer writer(arguments);
    if (arguments.verb == "tail") writer.write_snapshot();
    writer.run(arguments.scrapes);
    // As kill -9 would: nothing is closed.
    std::fflush(stdout);
    std::_Exit(0);
  }
  if (arguments.verb == "repack") {
    narthex::tsdb::repack(arguments);
    return 0;
  }
  if (arguments.verb == "open") {
    narthex::tsdb::open_and_query(arguments);
    return 0;
  }
  fmt::print(
      "usage: restart_bench write|tail|repack|open DIR [--series N] [--scrapes N] [--snapshots 0|1] [--cold "
      "0|1]\n");
  return 0;
}

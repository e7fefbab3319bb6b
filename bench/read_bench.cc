// Select and decode: every sample of 10,000 series over six hours, from three blocks of two hours that
// the database cut itself, on one core. The load is that of bench/head_load.h.
//
//   read_bench            prints million samples a second: best, median
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "bench/head_load.h"
#include "io/file_system.h"
#include "model/check.h"
#include "model/clock.h"
#include "model/matcher.h"
#include "telemetry/log.h"
#include "tsdb/db.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kTargets = 20;
constexpr DurationMs kHour = 3'600'000;
constexpr DurationMs kRead = 6 * kHour;
/// The head is cut when it holds three hours: by then the third block is there.
constexpr DurationMs kWritten = 8 * kHour;
constexpr int kRuns = 9;

double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::unique_ptr<Db> open_database(const std::string& directory, const Clock& clock) {
  DbOptions options;
  options.background_interval = 0;
  auto db = Db::open(io::local_file_system(), directory, options, clock, nullptr);
  check(db.has_value(), "the database did not open");
  return *std::move(db);
}

void write_blocks(Db& db, Timestamp start) {
  std::vector<storage::SeriesRef> refs;
  LoadValues values(kTargets * kSeriesPerTarget);
  auto appender = db.appender();
  for (std::size_t target = 0; target < kTargets; ++target) {
    for (std::size_t i = 0; i < kSeriesPerTarget; ++i)
      refs.push_back(*appender->series(load_labels(target, i)));
  }
  std::vector<storage::RefSample> batch(refs.size());
  for (DurationMs t = 0; t < kWritten; t += kLoadInterval) {
    for (std::size_t i = 0; i < refs.size(); ++i) batch[i] = {refs[i], start + t, values.next(i)};
    appender->append(batch);
    check(appender->commit().has_value(), "a commit failed");
    if (t % kHour == 0) check(db.run_background_once().has_value(), "cutting a block failed");
  }
  check(db.run_background_once().has_value(), "cutting a block failed");
}

/// @return  samples
std::size_t read_all(Db& db, TimeRange range) {
  const auto querier = db.querier(range);
  check(querier.has_value(), "no querier");
  LabelPool pool;
  const Matcher matcher = *Matcher::make(MatchOp::regex, "__name__", "service_requests_.*");
  const auto set = (*querier)->select(range, {&matcher, 1}, pool, {});
  check(set.has_value(), "select failed");
  storage::SampleColumns columns;
  std::size_t samples = 0;
  for (std::size_t i = 0; i < (*set)->size(); ++i) {
    columns.clear();
    check((*set)->samples(i, range, columns).has_value(), "reading failed");
    samples += columns.t.size();
  }
  return samples;
}

void run() {
  const std::string directory =
      (std::filesystem::temp_directory_path() / fmt::format("read_bench_{}", ::getpid())).string();
  const Timestamp start = kLoadStart / (2 * kHour) * 2 * kHour;
  const ManualClock clock(start);
  {
    const auto db = open_database(directory, clock);
    write_blocks(*db, start);
    check(db->blocks().size() == 3, "three blocks were expected");
    const TimeRange range{start, start + kRead - 1};
    std::vector<double> rates;
    std::size_t samples = 0;
    for (int i = 0; i < kRuns; ++i) {
      const double begin = thread_seconds();
      samples = read_all(*db, range);
      rates.push_back(static_cast<double>(samples) / (thread_seconds() - begin) / 1e6);
    }
    std::ranges::sort(rates);
    fmt::print(
        "select + decode of {} series x 6 h from blocks: {} samples, median {:.0f}, best {:.0f} million "
        "samples/s\n",
        kTargets * kSeriesPerTarget, samples, rates[kRuns / 2], rates.back());
    check(db->close().has_value(), "closing failed");
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace narthex::tsdb

int main() {
  narthex::telemetry::set_up_log(narthex::telemetry::LogLevel::warn, narthex::telemetry::LogFormat::logfmt);
  narthex::tsdb::run();
  return 0;
}

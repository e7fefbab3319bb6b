// count({__name__=~".+"}) through the query engine, over the head of a database with a million series.
//
//   count_bench [--series N]      prints seconds: first, best; and CPU time, which tells more on a busy
//   machine
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "bench/head_load.h"
#include "io/file_system.h"
#include "model/check.h"
#include "model/clock.h"
#include "query/engine/engine.h"
#include "sync/stop_token.h"
#include "telemetry/log.h"
#include "tsdb/db.h"

namespace narthex::tsdb {
namespace {

constexpr int kScrapes = 4;
constexpr int kRuns = 5;

/// Of all threads.
double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void scrape(Db& db, std::size_t targets) {
  std::vector<storage::SeriesRef> refs;
  for (std::size_t target = 0; target < targets; ++target) {
    auto appender = db.appender();
    refs.clear();
    for (std::size_t i = 0; i < kSeriesPerTarget; ++i)
      refs.push_back(*appender->series(load_labels(target, i)));
    for (int n = 0; n < kScrapes; ++n) {
      for (std::size_t i = 0; i < refs.size(); ++i)
        appender->append(refs[i], kLoadStart + n * kLoadInterval, static_cast<double>(i));
      check(appender->commit().has_value(), "a commit failed");
    }
  }
}

void run(std::size_t series) {
  const std::string directory =
      (std::filesystem::temp_directory_path() / fmt::format("count_bench_{}", ::getpid())).string();
  const ManualClock clock(kLoadNow);
  DbOptions options;
  options.background_interval = 0;
  auto db = Db::open(io::local_file_system(), directory, options, clock, nullptr);
  check(db.has_value(), "the database did not open");
  const std::size_t targets = series / kSeriesPerTarget;
  scrape(**db, targets);

  query::EngineOptions engine_options;
  query::Engine engine(engine_options, system_clock(), nullptr);
  query::QueryRequest request;
  request.query = R"(count({__name__=~".+"}))";
  request.start = request.end = kLoadStart + kScrapes * kLoadInterval;
  std::vector<double> seconds;
  std::vector<double> cpu;
  for (int i = 0; i < kRuns; ++i) {
    const double cpu_begin = cpu_seconds();
    const auto begin = std::chrono::steady_clock::now();
    const auto result = engine.run(**db, request, sync::StopToken());
    check(result.has_value(), "the query failed");
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    cpu.push_back(cpu_seconds() - cpu_begin);
  }
  fmt::print(
      "count({{__name__=~\".+\"}}) over {} series in the head: first {:.3f} s, best {:.3f} s, CPU {:.3f} s\n",
      targets * kSeriesPerTarget, seconds.front(), *std::ranges::min_element(seconds),
      *std::ranges::min_element(cpu));
  check((*db)->close().has_value(), "closing failed");
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace narthex::tsdb

int main(int argc, char** argv) {
  std::size_t series = 1'000'000;
  if (argc == 3 && std::string_view(argv[1]) == "--series") series = std::strtoull(argv[2], nullptr, 10);
  narthex::telemetry::set_up_log(narthex::telemetry::LogLevel::warn, narthex::telemetry::LogFormat::logfmt);
  narthex::tsdb::run(series);
  return 0;
}

// What the database's tests share: opening over a disk in memory, scrapes, and what was accepted.
#pragma once

#include <memory>
#include <string>

#include "io/fault_file_system.h"
#include "model/clock.h"
#include "tests/tsdb/head/head_fixture.h"
#include "tsdb/db.h"

namespace narthex::tsdb {

inline constexpr DurationMs kRange = 2 * 3600 * 1000;
inline constexpr Timestamp kStart = 1'700'000'000'000 / kRange * kRange;
inline constexpr DurationMs kStep = 60'000;
/// Later than anything that tests write: none of it is from the future.
inline constexpr Timestamp kNow = kStart + 30 * 24 * 3600 * 1000LL;

inline DbOptions quiet_options() {
  DbOptions options;
  options.background_interval = 0;
  // Segments small enough for tests to fill several.
  options.wal.segment_bytes = 32 * 1024;
  return options;
}

inline Result<std::unique_ptr<Db>> try_open(io::FileSystem& fs, const Clock& clock,
                                            const DbOptions& options = quiet_options()) {
  return Db::open(fs, "/data", options, clock, nullptr);
}

inline std::unique_ptr<Db> open_db(io::FileSystem& fs, const Clock& clock,
                                   const DbOptions& options = quiet_options()) {
  auto db = try_open(fs, clock, options);
  check(db.has_value(), "a test's database did not open");
  return std::move(*db);
}

inline double value_at(std::size_t series, int step) {
  switch (series % 3) {
    case 0:
      return 42;
    case 1:
      return static_cast<double>(step) * 7;
    default:
      return static_cast<double>((step * 7919) % 1000) / 8;
  }
}

/// Step `step` of `count` series. @return  true if it was committed; then `model` has it too
inline bool scrape(Db& db, std::size_t count, int step, Contents& model) {
  auto appender = db.appender();
  const Timestamp t = kStart + step * kStep;
  for (std::size_t s = 0; s < count; ++s) {
    const auto ref = appender->series(series_labels(s));
    check(ref.has_value(), "a test's series was refused");
    appender->append(*ref, t, value_at(s, step));
  }
  const auto stats = appender->commit();
  if (!stats) return false;
  check(stats->refused.empty(), "a test's sample was refused");
  for (std::size_t s = 0; s < count; ++s) {
    model[series_labels(s).to_string()].emplace_back(t, value_at(s, step));
  }
  return true;
}

}  // namespace narthex::tsdb

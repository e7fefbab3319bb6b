// A short life of a database in which everything happens that writes to its directory, and what
// must be there after it was cut short or its disk has failed.
//
//   scrapes of floats and histograms, of old and new series, exemplars, metadata, samples that come late
//   -> full chunks go to files -> blocks are cut, also of late samples, both logs are truncated, blocks
//   are merged, the oldest deleted -> samples are deleted, of the head and of blocks, and blocks cleaned
//   of them -> closed and opened again twice -> closed
//
// Blocks of 20 minutes, a scrape a minute, so that all this takes some 200 scrapes.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tests/tsdb/db/db_fixture.h"
#include "tests/tsdb/head/kinds_fixture.h"

namespace narthex::tsdb {

inline constexpr DurationMs kLifeRange = 20 * kStep;
inline constexpr int kLifeSteps = 190;

/// @param snapshots  of the head are written, and starts begin with them
inline DbOptions life_options(bool snapshots = false) {
  DbOptions options = quiet_options();
  options.min_block_range = kLifeRange;
  options.max_block_range = 3 * kLifeRange;
  options.retention.time = 4 * kLifeRange;
  options.max_exemplars = 20;
  options.out_of_order_window = kLifeRange / 2;
  options.snapshots.enabled = snapshots;
  return options;
}

struct Life {
  explicit Life(io::FaultFileSystem& file_system, bool with_snapshots = false)
      : fs(file_system), options(life_options(with_snapshots)) {}

  /// The whole script, or until `is_dead` says so. After a failed opening the next step tries again.
  void run(const std::function<bool()>& is_dead);
  /// One scrape. @return  whether it was acknowledged
  bool scrape(Db& db, int step);
  /// A round of background work; what was acknowledged before is synced if all of it succeeds.
  void maintain(Db& db);
  /// Samples that were to be deleted at this step are neither promised nor, if that was acknowledged,
  /// possible any more.
  void remove(Db& db, int step);
  void close(std::unique_ptr<Db>& db);
  /// Samples before it may have been deleted by retention: it counts from the end of the newest block, and
  /// one of late samples ends where its range does.
  [[nodiscard]] Timestamp deleted_before() const {
    return clock.now() / kLifeRange * kLifeRange + kLifeRange - options.retention.time;
  }

  io::FaultFileSystem& fs;
  const DbOptions options;
  ManualClock clock{kStart};
  TextContents acknowledged;
  /// Acknowledged, or refused by a log that ended before it could be healed: of such a commit whole
  /// records may be there, as floats without the histograms of their scrape.
  TextContents possible;
  /// What was acknowledged when the log was last synced.
  TextContents synced;
  /// What a query in the middle of the life missed or made up; empty if nothing.
  std::string fault;

 private:
  /// Commits that were refused since the last that was not.
  TextContents refused_;
};

/// What `found` lacks of `required` (but for what is before `deleted_before`) or has beside `allowed`;
/// empty if nothing. No sample may come twice.
std::string compare(const TextContents& found, const TextContents& required, const TextContents& allowed,
                    Timestamp deleted_before);

}  // namespace narthex::tsdb

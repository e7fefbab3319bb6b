// ScrapeCycle: one target's page becomes one batch of samples. No sockets, no timers: what a
// scrape loop runs, and what tests and benchmarks run alone.
//
// The whole page is read first, against all limits; only then is the store touched. A page
// that was refused, or that did not come, marks all that the target exposed as stale. Report
// series (up, ...) go into the same batch.
//
// Threads: one at a time; metadata() from any.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "model/clock.h"
#include "model/result.h"
#include "scrape/cycle_settings.h"
#include "scrape/exposition/scrape_body.h"
#include "scrape/metadata_cache.h"
#include "scrape/report_series.h"
#include "scrape/scrape_outcome.h"
#include "scrape/series_cache.h"
#include "storage/appender.h"

namespace narthex::scrape {

/// What came of one request.
struct ScrapeInput {
  Timestamp t = 0;                   ///< of samples without a time of their own
  std::chrono::nanoseconds start{};  ///< Clock::steady() when the scrape began
  std::optional<Error> failure;      ///< set: there is no page
  const ScrapeBody* body = nullptr;  ///< unless failure is set
  std::string content_type;
};

class ScrapeCycle {
 public:
  explicit ScrapeCycle(CycleSettings settings);

  /// Appends everything of one scrape and commits.
  ScrapeOutcome run(const ScrapeInput& input, storage::Appendable& store, const Clock& clock);
  /// The target is gone: marks all that it exposed as stale, report series too.
  /// Errors: as Appender::commit().
  Result<void> mark_stale(Timestamp t, storage::Appendable& store);

  /// From the next scrape on. The job may differ only in what can_keep_cache() leaves out.
  void adopt(CycleSettings settings) { settings_ = std::move(settings); }
  /// True if what was learnt of series under `before` holds under `after`.
  static bool can_keep_cache(const config::ScrapeConfig& before, const config::ScrapeConfig& after);

  [[nodiscard]] std::shared_ptr<const MetadataCache> metadata() const { return metadata_; }
  [[nodiscard]] const SeriesCache& cache() const { return cache_; }

 private:
  bool take_page(const ScrapeInput& input, Timestamp now, ScrapeOutcome& outcome);
  void append_page(storage::Appender& appender, ScrapeOutcome& outcome);
  void resolve_new_series(storage::Appender& appender, ScrapeOutcome& outcome);
  static void append_exemplars(storage::Appender& appender, ScrapeOutcome& outcome);
  static void append_metadata(storage::Appender& appender);
  void append_stale(Timestamp t, bool accepted);
  void commit(storage::Appender& appender, ScrapeOutcome& outcome);
  static std::size_t append_start_zeros(storage::Appender& appender);
  /// Samples of the batch from `begin` to before `end`, with their start timestamps.
  static void append_samples(storage::Appender& appender, std::size_t begin, std::size_t end);
  void sort_out(const storage::CommitStats& stats, std::size_t zeros, ScrapeOutcome& outcome);

  CycleSettings settings_;
  SeriesCache cache_;
  std::shared_ptr<MetadataCache> metadata_;
  ReportSeries report_;
  /// Metadata went with a batch that failed: all of it is told again.
  bool metadata_lost_ = false;
};

}  // namespace narthex::scrape

// ReportSeries: `up` and the other series that say how a scrape went.
//
// Threads: one at a time.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "model/labels.h"
#include "storage/appender.h"

namespace narthex::scrape {

struct ScrapeReport {
  double up = 0;
  double duration_seconds = 0;
  double scraped = 0;
  double post_relabeling = 0;
  double series_added = 0;
  // Only with extra_scrape_metrics:
  double timeout_seconds = 0;
  double sample_limit = 0;
  double body_bytes = 0;
};

/// What a target's report is made of beside its numbers.
struct ReportSettings {
  bool extra = false;     ///< scrape_timeout_seconds and the like, too
  bool metadata = false;  ///< tell the store what the series measure
};

class ReportSeries {
 public:
  /// Adds the report to the batch; a series the store refuses is left out.
  void append(const ScrapeReport& report, ReportSettings settings, Timestamp t, const Labels& target,
              storage::Appender& appender, std::vector<storage::RefSample>& batch);
  /// Marks those that were ever reported as stale.
  void append_stale(Timestamp t, std::vector<storage::RefSample>& batch) const;
  /// The store collected this series.
  void forget(storage::SeriesRef ref);

 private:
  static constexpr std::size_t kCount = 8;
  std::array<storage::SeriesRef, kCount> refs_{};
};

}  // namespace narthex::scrape

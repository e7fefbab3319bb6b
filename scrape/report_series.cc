#include "scrape/report_series.h"

#include <algorithm>
#include <string_view>

#include "model/value.h"
#include "scrape/sample_labels.h"

namespace narthex::scrape {

namespace {

constexpr std::array<std::string_view, 8> kNames = {
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
};
constexpr std::size_t kWithoutExtra = 5;

}  // namespace

void ReportSeries::append(const ScrapeReport& report, bool extra, Timestamp t, const Labels& target,
                          storage::Appender& appender, std::vector<storage::RefSample>& batch) {
  const std::array<double, kCount> values = {
      report.up,           report.duration_seconds, report.scraped,      report.post_relabeling,
      report.series_added, report.timeout_seconds,  report.sample_limit, report.body_bytes,
  };
  for (std::size_t i = 0; i < (extra ? kCount : kWithoutExtra); ++i) {
    if (refs_[i] == storage::SeriesRef::none) {
      const auto made = appender.series(report_labels(kNames[i], target));
      if (!made) continue;
      refs_[i] = *made;
    }
    batch.push_back({refs_[i], t, values[i]});
  }
}

void ReportSeries::append_stale(Timestamp t, std::vector<storage::RefSample>& batch) const {
  for (const storage::SeriesRef ref : refs_)
    if (ref != storage::SeriesRef::none) batch.push_back({ref, t, kStaleNan});
}

void ReportSeries::forget(storage::SeriesRef ref) {
  std::ranges::replace(refs_, ref, storage::SeriesRef::none);
}

}  // namespace narthex::scrape

#include "scrape/report_series.h"

#include <algorithm>
#include <string_view>

#include "model/value.h"
#include "scrape/sample_labels.h"

namespace narthex::scrape {

namespace {

struct Description {
  std::string_view name;
  std::string_view unit;
  std::string_view help;
};
constexpr std::array<Description, 8> kSeries = {{
    {"up", "targets", "1 if the last scrape of the target succeeded, 0 if it failed."},
    {"scrape_duration_seconds", "seconds", "How long the last scrape took."},
    {"scrape_samples_scraped", "samples", "Samples that the target exposed."},
    {"scrape_samples_post_metric_relabeling", "samples", "Samples that metric relabeling kept."},
    {"scrape_series_added", "series", "Series that were not there in the scrape before."},
    {"scrape_timeout_seconds", "seconds", "The timeout that is set for the target."},
    {"scrape_sample_limit", "samples", "The sample limit that is set for the target; 0 if there is none."},
    {"scrape_body_size_bytes", "bytes",
     "Size of the page, uncompressed; -1 if it was longer than allowed, 0 if there was none."},
}};
constexpr std::size_t kWithoutExtra = 5;

}  // namespace

void ReportSeries::append(const ScrapeReport& report, ReportSettings settings, Timestamp t,
                          const Labels& target, storage::Appender& appender,
                          std::vector<storage::RefSample>& batch) {
  const std::array<double, kCount> values = {
      report.up,           report.duration_seconds, report.scraped,      report.post_relabeling,
      report.series_added, report.timeout_seconds,  report.sample_limit, report.body_bytes,
  };
  for (std::size_t i = 0; i < (settings.extra ? kCount : kWithoutExtra); ++i) {
    if (refs_[i] == storage::SeriesRef::none) {
      const auto made = appender.series(report_labels(kSeries[i].name, target));
      if (!made) continue;
      refs_[i] = *made;
      if (settings.metadata) {
        appender.set_metadata(*made, {"gauge", std::string(kSeries[i].unit), std::string(kSeries[i].help)});
      }
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

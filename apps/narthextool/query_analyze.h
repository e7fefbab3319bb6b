// narthextool query analyze: how many buckets the histograms of a server fill.
//
// Threads: one at a time; blocks.
// Source: Prometheus cmd/promtool/analyze.go
#pragma once

#include <string>
#include <vector>

#include "apps/narthextool/query_verbs.h"

namespace narthex::apps {

struct HistogramAnalysis {
  std::string type;      ///< only "histogram" is known
  DurationMs range = 0;  ///< looked at, up to `time`
  std::string time;      ///< "" = now
  std::vector<std::string> selectors;
};

/// Errors: as ApiClient, invalid (type, time), execution (samples that are not aligned).
Result<void> analyze_histograms(const QueryTask& task, const HistogramAnalysis& what);

}  // namespace narthex::apps

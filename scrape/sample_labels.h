// From the labels of a line to those of the stored series: the target's labels, conflicts,
// metric relabeling, limits.
//
// Threads: any.
// Source: Prometheus scrape/scrape.go, mutateSampleLabels and verifyLabelLimits
#pragma once

#include <optional>
#include <string_view>

#include "config/config.h"
#include "model/labels.h"
#include "model/result.h"

namespace narthex::scrape {

/// The labels that a sample of `exposed` is stored under; nothing if relabeling drops it.
/// @param target  the target's public labels
/// Errors: invalid (no metric name, a name the scheme does not allow), limit (label limits).
Result<std::optional<Labels>> sample_labels(const Labels& exposed, const Labels& target,
                                            const config::ScrapeConfig& job);

/// The labels of `up` and its like.
Labels report_labels(std::string_view metric, const Labels& target);

}  // namespace narthex::scrape

// `load_with_nhcb`: classic histograms as native histograms with custom buckets.
//
// Threads: any.
// Source: Prometheus util/convertnhcb
#pragma once

#include <span>
#include <vector>

#include "model/result.h"
#include "query/promqltest/script.h"

namespace narthex::query {

/// One series for each group of `_bucket`, `_count` and `_sum` series with the same base name
/// and labels (without `le`), with one histogram for each time that one of them has a sample.
/// Series whose `le` is no number are left out.
/// Errors: invalid (counts are negative, not cumulative, or contradict each other).
Result<std::vector<LoadedSeries>> native_from_classic(std::span<const LoadedSeries> series);

}  // namespace narthex::query

// Random series: counters with resets, gauges, classic and native histograms, info metrics;
// series that are born late, die and come back, with everything a float can be among them.
//
// Threads: any.
#pragma once

#include <vector>

#include "query/promqltest/script.h"
#include "tests/query/random/choices.h"

namespace narthex::tests {

/// The data lies between 0 and this.
inline constexpr Timestamp kRandomSeriesEnd = 30 * 60'000;

/// Sorted by labels, each once. Samples ascend and carry valid histograms.
std::vector<query::LoadedSeries> random_series(Choices& choices);

}  // namespace narthex::tests

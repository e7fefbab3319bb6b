// Series descriptions: the notation of test scripts and rule unit tests for a series and its
// values, `http_requests{job="a"} 1 2+3x4 _ stale {{schema:1 sum:2 buckets:[1 2]}}x3`.
//
// Threads: any.
// Source: Prometheus promql/parser/generated_parser.y, series_description
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "model/histogram.h"
#include "model/labels.h"
#include "model/result.h"

namespace narthex::query {

/// Values that one description may stand for.
inline constexpr std::size_t kMaxSequenceValues = 1'000'000;
/// Steps of a histogram that grows or shrinks; each holds all its buckets.
inline constexpr std::size_t kMaxHistogramSteps = 10'000;

struct SequenceValue {
  bool omitted = false;
  double value = 0;  ///< if there is no histogram
  /// Shared by the values of a repetition.
  std::shared_ptr<const FloatHistogram> histogram;
  /// The counter reset hint was written, so a comparison must heed it.
  bool hint_given = false;
};

struct SeriesDescription {
  Labels labels;
  std::vector<SequenceValue> values;
};

/// Errors: invalid, `1:5: parse error: ...`.
Result<SeriesDescription> parse_series_description(std::string_view text);

}  // namespace narthex::query

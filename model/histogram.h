// Native histograms as values: the notation of test scripts reads into this, storage and
// engine hand it around. Counts are floats; integer histograms are widened when read.
#pragma once

#include <cstdint>
#include <vector>

namespace narthex {

enum class CounterResetHint : std::uint8_t { unknown, reset, not_reset, gauge };

struct HistogramSpan {
  std::int32_t offset = 0;   ///< gap to the previous span (or from bucket 0 for the first)
  std::uint32_t length = 0;  ///< number of consecutive buckets
  bool operator==(const HistogramSpan&) const = default;
};

/// Schema -53: custom bounds in custom_values (NHCB); -4..8: exponential.
inline constexpr std::int32_t kCustomBucketsSchema = -53;

struct FloatHistogram {
  std::int32_t schema = 0;
  CounterResetHint hint = CounterResetHint::unknown;
  double zero_threshold = 0;
  double zero_count = 0;
  double count = 0;
  double sum = 0;
  std::vector<HistogramSpan> positive_spans;
  std::vector<HistogramSpan> negative_spans;
  std::vector<double> positive_buckets;  ///< absolute counts
  std::vector<double> negative_buckets;
  std::vector<double> custom_values;  ///< upper bounds, schema -53 only
  bool operator==(const FloatHistogram&) const = default;
};

}  // namespace narthex

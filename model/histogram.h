// Native histograms as values. Scrapes bring integer counts, recording rules floats; storage
// keeps both as they came, queries see floats only.
//
// Threads: values; share like any value.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "model/result.h"

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

/// As an exporter counts it.
struct Histogram {
  std::int32_t schema = 0;
  CounterResetHint hint = CounterResetHint::unknown;
  double zero_threshold = 0;
  std::uint64_t zero_count = 0;
  std::uint64_t count = 0;
  double sum = 0;
  std::vector<HistogramSpan> positive_spans;
  std::vector<HistogramSpan> negative_spans;
  std::vector<std::int64_t> positive_deltas;  ///< each bucket's count less that of the one before
  std::vector<std::int64_t> negative_deltas;
  std::vector<double> custom_values;
  bool operator==(const Histogram&) const = default;
};

using AnyHistogram = std::variant<Histogram, FloatHistogram>;

[[nodiscard]] inline bool uses_custom_buckets(std::int32_t schema) {
  return schema == kCustomBucketsSchema;
}
/// Counts added up into floats; everything else as it is.
FloatHistogram to_float(const Histogram& h);
/// Whether spans fit buckets, counts add up, bounds ascend, the schema is known.
/// Errors: invalid, with Prometheus' text (model/histogram: Validate).
Result<void> validate(const Histogram& h);
Result<void> validate(const FloatHistogram& h);

}  // namespace narthex

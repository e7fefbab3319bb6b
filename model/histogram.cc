#include "model/histogram.h"

namespace narthex {
namespace {

std::vector<double> add_up(const std::vector<std::int64_t>& deltas) {
  std::vector<double> counts;
  counts.reserve(deltas.size());
  std::int64_t count = 0;
  for (const std::int64_t delta : deltas) {
    count += delta;
    counts.push_back(static_cast<double>(count));
  }
  return counts;
}

}  // namespace

FloatHistogram to_float(const Histogram& h) {
  return {.schema = h.schema,
          .hint = h.hint,
          .zero_threshold = h.zero_threshold,
          .zero_count = static_cast<double>(h.zero_count),
          .count = static_cast<double>(h.count),
          .sum = h.sum,
          .positive_spans = h.positive_spans,
          .negative_spans = h.negative_spans,
          .positive_buckets = add_up(h.positive_deltas),
          .negative_buckets = add_up(h.negative_deltas),
          .custom_values = h.custom_values};
}

}  // namespace narthex

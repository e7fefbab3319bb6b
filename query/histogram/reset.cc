#include "query/histogram/reset.h"

#include <algorithm>

#include "model/histogram_bounds.h"
#include "query/histogram/row_histogram.h"

namespace narthex::query {

namespace {

/// Without the buckets that lie in a zero bucket of this width.
std::size_t first_outside(const BucketRow& row, std::int32_t schema, double threshold) {
  std::size_t i = 0;
  if (uses_custom_buckets(schema) || threshold == 0) return i;
  while (i < row.size() && bucket_bound(row.index[i], schema, {}) <= threshold) ++i;
  return i;
}

/// Some bucket has less than before, or is gone.
bool fell(const BucketRow& now, const BucketRow& before, std::int32_t schema, double threshold) {
  std::size_t n = first_outside(now, schema, threshold);
  for (std::size_t b = first_outside(before, schema, threshold); b < before.size(); ++b) {
    while (n < now.size() && now.index[n] < before.index[b]) ++n;
    const bool still_there = n < now.size() && now.index[n] == before.index[b];
    if (still_there ? now.count[n] < before.count[b] : before.count[b] != 0) return true;
  }
  return false;
}

std::vector<double> under_bounds(const BucketRow& row, std::span<const double> row_bounds,
                                 std::span<const double> bounds) {
  std::vector<double> counts(bounds.size() + 1);
  std::size_t at = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    std::size_t to = bounds.size();
    if (const auto source = static_cast<std::size_t>(row.index[i]); source < row_bounds.size()) {
      while (at < bounds.size() && bounds[at] < row_bounds[source]) ++at;
      to = at;
    }
    counts[to] += row.count[i];
  }
  return counts;
}

bool fell_under_common_bounds(const RowHistogram& now, const RowHistogram& before) {
  const auto bounds = common_bounds(now.base.custom_values, before.base.custom_values);
  const auto counts = under_bounds(now.positive, now.base.custom_values, bounds);
  const auto counts_before = under_bounds(before.positive, before.base.custom_values, bounds);
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i] < counts_before[i]) return true;
  return false;
}

}  // namespace

bool was_reset(const FloatHistogram& h, const FloatHistogram& previous) {
  if (h.hint == CounterResetHint::reset) return true;
  if (h.hint == CounterResetHint::not_reset) return false;
  if (h.count < previous.count) return true;
  const bool custom = uses_custom_buckets(h.schema);
  if (custom && !uses_custom_buckets(previous.schema)) return true;
  if (!custom && (h.schema > previous.schema || h.zero_threshold < previous.zero_threshold)) return true;
  const RowHistogram now(h);
  RowHistogram before(previous);
  if (custom && h.custom_values != previous.custom_values) return fell_under_common_bounds(now, before);
  if (!custom) {
    const ZeroBucket zero = widened_zero_bucket(before, h.zero_threshold, false);
    if (zero.threshold != h.zero_threshold || h.zero_count < zero.count) return true;
    before.positive = in_schema(std::move(before.positive), previous.schema, h.schema);
    before.negative = in_schema(std::move(before.negative), previous.schema, h.schema);
  }
  return fell(now.positive, before.positive, h.schema, h.zero_threshold) ||
         fell(now.negative, before.negative, h.schema, h.zero_threshold);
}

}  // namespace narthex::query

// BucketRow: one side of a native histogram as pairs of index and count, the shape in which
// buckets are added, merged and dropped; spans are made of it again at the end.
//
// A row may carry for each bucket what rounding has lost (`lost`), for compensated sums.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/histogram.h"

namespace narthex::query {

struct BucketRow {
  std::vector<std::int32_t> index;  ///< ascending
  std::vector<double> count;
  std::vector<double> lost;  ///< as long as count, or empty: sums are not compensated

  [[nodiscard]] std::size_t size() const { return index.size(); }
  [[nodiscard]] bool is_compensated() const { return !lost.empty(); }
};

/// @param lost  in the layout of `counts`, or empty
BucketRow to_row(std::span<const HistogramSpan> spans, std::span<const double> counts,
                 std::span<const double> lost = {});
/// Spans of neighbouring buckets; all buckets are kept.
std::vector<HistogramSpan> spans_of(const BucketRow& row);
/// At a lower resolution; from == to leaves it as it is.
BucketRow in_schema(BucketRow row, std::int32_t from, std::int32_t to);
/// Without buckets that are zero (and have lost nothing).
void drop_empty(BucketRow& row);
/// `to` + sign * `from`, bucket by bucket. Buckets of `from` whose upper bound is not above
/// `threshold` are left out: they are in the zero bucket. Of custom buckets none is.
/// @param compensate  keep what rounding loses in to.lost (made if missing)
void add_row(BucketRow& to, const BucketRow& from, double sign, std::int32_t schema, double threshold,
             bool compensate);
/// Both rows of custom buckets under bounds that are in both, and added up.
/// @param to_bounds, from_bounds  those of the rows; bounds  their intersection
BucketRow add_under_bounds(const BucketRow& to, std::span<const double> to_bounds, const BucketRow& from,
                           std::span<const double> from_bounds, double sign, std::span<const double> bounds);
/// Ascending bounds that are in both.
std::vector<double> common_bounds(std::span<const double> a, std::span<const double> b);

}  // namespace narthex::query

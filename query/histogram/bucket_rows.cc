#include "query/histogram/bucket_rows.h"

#include <algorithm>

#include "model/histogram_bounds.h"
#include "query/functions/kahan.h"

namespace narthex::query {

namespace {

void add_to(BucketRow& row, std::size_t i, double v) {
  KahanSum sum{row.count[i], row.lost[i]};
  sum.add(v);
  row.count[i] = sum.sum;
  row.lost[i] = sum.c;
}

void push(BucketRow& row, std::int32_t index, double count, bool compensate, double lost) {
  row.index.push_back(index);
  row.count.push_back(count);
  if (compensate) row.lost.push_back(lost);
}

/// The same buckets on both sides.
void add_in_place(BucketRow& to, const BucketRow& from, double sign, bool compensate) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (!compensate) {
      to.count[i] += sign * from.count[i];
      continue;
    }
    add_to(to, i, sign * from.count[i]);
    if (from.is_compensated()) add_to(to, i, sign * from.lost[i]);
  }
}

/// How many buckets of a row lie in the zero bucket.
std::size_t count_inside(const BucketRow& row, std::int32_t schema, double threshold) {
  if (uses_custom_buckets(schema)) return 0;
  std::size_t n = 0;
  while (n < row.size() && bucket_bound(row.index[n], schema, {}) <= threshold) ++n;
  return n;
}

/// Adds a row of custom buckets to `target`, which has a place for each bound and one behind.
void map_into(BucketRow& target, const BucketRow& row, std::span<const double> row_bounds, double sign,
              std::span<const double> bounds) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    std::size_t to = bounds.size();
    if (const auto source = static_cast<std::size_t>(row.index[i]); source < row_bounds.size()) {
      while (at < bounds.size() && bounds[at] < row_bounds[source]) ++at;
      to = at;
    }
    add_to(target, to, sign * row.count[i]);
    if (row.is_compensated()) add_to(target, to, sign * row.lost[i]);
  }
}

}  // namespace

BucketRow to_row(std::span<const HistogramSpan> spans, std::span<const double> counts,
                 std::span<const double> lost) {
  BucketRow row;
  row.index.reserve(counts.size());
  std::int64_t index = 0;
  for (const HistogramSpan& span : spans) {
    index += span.offset;
    for (std::uint32_t i = 0; i < span.length && row.index.size() < counts.size(); ++i)
      row.index.push_back(static_cast<std::int32_t>(index++));
  }
  row.count.assign(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(row.index.size()));
  if (!lost.empty()) row.lost.assign(lost.begin(), lost.begin() + static_cast<std::ptrdiff_t>(row.size()));
  return row;
}

std::vector<HistogramSpan> spans_of(const BucketRow& row) {
  std::vector<HistogramSpan> spans;
  std::int64_t next = 0;
  for (const std::int32_t index : row.index) {
    if (spans.empty() || index != next) spans.push_back({static_cast<std::int32_t>(index - next), 0});
    ++spans.back().length;
    next = std::int64_t{index} + 1;
  }
  return spans;
}

BucketRow in_schema(BucketRow row, std::int32_t from, std::int32_t to) {
  if (from == to) return row;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto index = static_cast<std::int32_t>(((std::int64_t{row.index[i]} - 1) >> (from - to)) + 1);
    if (kept > 0 && row.index[kept - 1] == index) {
      if (row.is_compensated()) {
        add_to(row, kept - 1, row.count[i]);
        add_to(row, kept - 1, row.lost[i]);
      } else {
        row.count[kept - 1] += row.count[i];
      }
      continue;
    }
    row.index[kept] = index;
    row.count[kept] = row.count[i];
    if (row.is_compensated()) row.lost[kept] = row.lost[i];
    ++kept;
  }
  row.index.resize(kept);
  row.count.resize(kept);
  if (row.is_compensated()) row.lost.resize(kept);
  return row;
}

void drop_empty(BucketRow& row) {
  std::size_t kept = 0;
  const bool compensated = row.is_compensated();
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row.count[i] == 0 && (!compensated || row.lost[i] == 0)) continue;
    row.index[kept] = row.index[i];
    row.count[kept] = row.count[i];
    if (compensated) row.lost[kept] = row.lost[i];
    ++kept;
  }
  row.index.resize(kept);
  row.count.resize(kept);
  if (compensated) row.lost.resize(kept);
}

void add_row(BucketRow& to, const BucketRow& from, double sign, std::int32_t schema, double threshold,
             bool compensate) {
  if (compensate) to.lost.resize(to.size());
  std::size_t b = count_inside(from, schema, threshold);
  if (b == 0 && to.index == from.index) return add_in_place(to, from, sign, compensate);
  BucketRow merged;
  merged.index.reserve(to.size() + from.size());
  merged.count.reserve(to.size() + from.size());
  for (std::size_t a = 0; a < to.size() || b < from.size();) {
    if (a == to.size() || (b < from.size() && from.index[b] < to.index[a])) {
      push(merged, from.index[b], sign * from.count[b], compensate,
           from.is_compensated() ? sign * from.lost[b] : 0);
      ++b;
      continue;
    }
    push(merged, to.index[a], to.count[a], compensate, compensate ? to.lost[a] : 0);
    if (b < from.size() && from.index[b] == to.index[a]) {
      const std::size_t last = merged.size() - 1;
      if (!compensate) {
        merged.count[last] += sign * from.count[b];
      } else {
        add_to(merged, last, sign * from.count[b]);
        if (from.is_compensated()) add_to(merged, last, sign * from.lost[b]);
      }
      ++b;
    }
    ++a;
  }
  to = std::move(merged);
}

BucketRow add_under_bounds(const BucketRow& to, std::span<const double> to_bounds, const BucketRow& from,
                           std::span<const double> from_bounds, double sign, std::span<const double> bounds) {
  BucketRow target;
  for (std::size_t i = 0; i <= bounds.size(); ++i) target.index.push_back(static_cast<std::int32_t>(i));
  target.count.assign(bounds.size() + 1, 0);
  target.lost.assign(bounds.size() + 1, 0);
  map_into(target, to, to_bounds, 1, bounds);
  map_into(target, from, from_bounds, sign, bounds);
  drop_empty(target);
  return target;
}

std::vector<double> common_bounds(std::span<const double> a, std::span<const double> b) {
  std::vector<double> common;
  std::ranges::set_intersection(a, b, std::back_inserter(common));
  return common;
}

}  // namespace narthex::query

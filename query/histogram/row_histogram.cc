#include "query/histogram/row_histogram.h"

#include <algorithm>

#include "model/histogram_bounds.h"
#include "query/functions/kahan.h"

namespace narthex::query {

namespace {

void add_to(double& sum, double& lost, double v) {
  KahanSum s{sum, lost};
  s.add(v);
  sum = s.sum;
  lost = s.c;
}

/// Adds up one side of the buckets that lie below `z.threshold`.
/// @return  true if the threshold had to be moved to the end of a populated bucket
bool take_in(ZeroBucket& z, const BucketRow& row, std::int32_t schema, bool compensated) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (bucket_bound(std::int64_t{row.index[i]} - 1, schema, {}) >= z.threshold) return false;
    add_to(z.count, z.lost, row.count[i]);
    if (compensated && row.is_compensated()) add_to(z.count, z.lost, row.lost[i]);
    const double upper = bucket_bound(row.index[i], schema, {});
    if (upper > z.threshold) {
      if (row.count[i] == 0) return false;
      z.threshold = upper;
      return true;
    }
  }
  return false;
}

/// Removes the buckets that the zero bucket has taken in.
void drop_inside(BucketRow& row, std::int32_t schema, double threshold) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (bucket_bound(std::int64_t{row.index[i]} - 1, schema, {}) >= threshold) break;
    row.count[i] = 0;
    if (row.is_compensated()) row.lost[i] = 0;
  }
  drop_empty(row);
}

/// Gives both the same zero bucket. @return  what `other` has in its own
ZeroBucket reconcile_zero_buckets(RowHistogram& h, const RowHistogram& other, bool compensate) {
  ZeroBucket theirs{other.base.zero_count, other.base.zero_threshold, 0};
  auto& threshold = h.base.zero_threshold;
  while (theirs.threshold < threshold || theirs.threshold > threshold) {
    if (threshold > theirs.threshold) theirs = widened_zero_bucket(other, threshold, false);
    if (theirs.threshold > threshold) {
      const ZeroBucket ours = widened_zero_bucket(h, theirs.threshold, compensate);
      h.base.zero_count = ours.count;
      threshold = ours.threshold;
      if (compensate) h.zero_lost = ours.lost;
      drop_inside(h.positive, h.base.schema, threshold);
      drop_inside(h.negative, h.base.schema, threshold);
    }
  }
  return theirs;
}

void reduce(RowHistogram& h, std::int32_t schema) {
  h.positive = in_schema(std::move(h.positive), h.base.schema, schema);
  h.negative = in_schema(std::move(h.negative), h.base.schema, schema);
  h.base.schema = schema;
}

bool combine_custom(RowHistogram& to, const RowHistogram& other, double sign, bool compensate) {
  auto& bounds = to.base.custom_values;
  if (bounds == other.base.custom_values) {
    add_row(to.positive, other.positive, sign, kCustomBucketsSchema, 0, compensate);
    return false;
  }
  auto common = common_bounds(bounds, other.base.custom_values);
  to.positive = add_under_bounds(to.positive, bounds, other.positive, other.base.custom_values, sign, common);
  if (!compensate) to.positive.lost.clear();
  bounds = std::move(common);
  return true;
}

}  // namespace

RowHistogram::RowHistogram(const FloatHistogram& h)
    : positive(to_row(h.positive_spans, h.positive_buckets)),
      negative(to_row(h.negative_spans, h.negative_buckets)) {
  base.schema = h.schema;
  base.hint = h.hint;
  base.zero_threshold = h.zero_threshold;
  base.zero_count = h.zero_count;
  base.count = h.count;
  base.sum = h.sum;
  base.custom_values = h.custom_values;
}

FloatHistogram RowHistogram::to_histogram() const {
  FloatHistogram h = base;
  h.positive_spans = spans_of(positive);
  h.positive_buckets = positive.count;
  h.negative_spans = spans_of(negative);
  h.negative_buckets = negative.count;
  return h;
}

ZeroBucket widened_zero_bucket(const RowHistogram& h, double threshold, bool compensated) {
  ZeroBucket z{h.base.zero_count, threshold, compensated ? h.zero_lost : 0};
  if (threshold == h.base.zero_threshold) return z;
  for (;;) {
    z.count = h.base.zero_count;
    take_in(z, h.positive, h.base.schema, compensated);
    // What the positive side has moved holds for the negative side; the other way round it
    // must be looked at again.
    if (!take_in(z, h.negative, h.base.schema, compensated)) return z;
  }
}

bool combine_hints(CounterResetHint& to, CounterResetHint other) {
  if (to == other || to == CounterResetHint::gauge) return false;
  if (other == CounterResetHint::gauge) {
    to = other;
    return false;
  }
  const bool collide = to != CounterResetHint::unknown && other != CounterResetHint::unknown;
  to = CounterResetHint::unknown;
  return collide;
}

std::optional<Combination> combine(RowHistogram& to, RowHistogram other, double sign, bool compensate) {
  const bool custom = uses_custom_buckets(to.base.schema);
  if (custom != uses_custom_buckets(other.base.schema)) return std::nullopt;
  Combination done;
  done.reset_collision = combine_hints(to.base.hint, other.base.hint);
  ZeroBucket zero;
  if (!custom) zero = reconcile_zero_buckets(to, other, compensate);
  if (compensate) {
    to.positive.lost.resize(to.positive.size());
    to.negative.lost.resize(to.negative.size());
    add_to(to.base.zero_count, to.zero_lost, sign * zero.count);
    add_to(to.base.zero_count, to.zero_lost, sign * zero.lost);
    add_to(to.base.count, to.count_lost, sign * other.base.count);
    add_to(to.base.sum, to.sum_lost, sign * other.base.sum);
  } else {
    to.base.zero_count += sign * zero.count;
    to.base.count += sign * other.base.count;
    to.base.sum += sign * other.base.sum;
  }
  if (custom) {
    done.bounds_reconciled = combine_custom(to, other, sign, compensate);
    return done;
  }
  const auto schema = std::min(to.base.schema, other.base.schema);
  if (compensate &&
      other.base.schema > schema) {  // what its own buckets lose when they are merged counts, too
    other.positive.lost.resize(other.positive.size());
    other.negative.lost.resize(other.negative.size());
  }
  reduce(to, schema);
  reduce(other, schema);
  add_row(to.positive, other.positive, sign, schema, to.base.zero_threshold, compensate);
  add_row(to.negative, other.negative, sign, schema, to.base.zero_threshold, compensate);
  return done;
}

}  // namespace narthex::query

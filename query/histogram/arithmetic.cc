#include "query/histogram/arithmetic.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "model/histogram_bounds.h"

namespace narthex::query {

namespace {

/// Whether no bucket of a side lies in the zero bucket.
bool begins_outside(std::span<const HistogramSpan> spans, const FloatHistogram& h) {
  if (uses_custom_buckets(h.schema)) return true;
  for (const auto& span : spans)
    if (span.length > 0) return bucket_bound(spans.front().offset, h.schema, {}) > h.zero_threshold;
  return true;
}

/// Buckets can be added one by one, without rows.
bool same_layout(const FloatHistogram& a, const FloatHistogram& b) {
  return a.schema == b.schema && a.zero_threshold == b.zero_threshold && a.custom_values == b.custom_values &&
         a.positive_spans == b.positive_spans && a.negative_spans == b.negative_spans &&
         a.positive_buckets.size() == b.positive_buckets.size() &&
         a.negative_buckets.size() == b.negative_buckets.size() && begins_outside(b.positive_spans, b) &&
         begins_outside(b.negative_spans, b);
}

void add_all(std::vector<double>& to, const std::vector<double>& from, double sign) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += sign * from[i];
}

std::optional<Combination> add_signed(FloatHistogram& to, const FloatHistogram& other, double sign) {
  if (!same_layout(to, other)) {
    RowHistogram rows(to);
    auto done = combine(rows, RowHistogram(other), sign, false);
    if (done) to = rows.to_histogram();
    return done;
  }
  Combination done;
  done.reset_collision = combine_hints(to.hint, other.hint);
  to.zero_count += sign * other.zero_count;
  to.count += sign * other.count;
  to.sum += sign * other.sum;
  add_all(to.positive_buckets, other.positive_buckets, sign);
  add_all(to.negative_buckets, other.negative_buckets, sign);
  return done;
}

void compact_side(std::vector<HistogramSpan>& spans, std::vector<double>& counts) {
  BucketRow row = to_row(spans, counts);
  drop_empty(row);
  spans = spans_of(row);
  counts = std::move(row.count);
}

void reduce_side(std::vector<HistogramSpan>& spans, std::vector<double>& counts, std::int32_t from,
                 std::int32_t to) {
  BucketRow row = in_schema(to_row(spans, counts), from, to);
  spans = spans_of(row);
  counts = std::move(row.count);
}

bool any_infinite(std::span<const double> values) {
  return std::ranges::any_of(values, [](double v) { return std::isinf(v); });
}

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

bool same_side(std::span<const HistogramSpan> a_spans, std::span<const double> a,
               std::span<const HistogramSpan> b_spans, std::span<const double> b) {
  return std::ranges::equal(a, b, same_bits) &&
         (std::ranges::equal(a_spans, b_spans) || to_row(a_spans, a).index == to_row(b_spans, b).index);
}

}  // namespace

std::optional<Combination> add(FloatHistogram& to, const FloatHistogram& other) {
  return add_signed(to, other, 1);
}

std::optional<Combination> subtract(FloatHistogram& from, const FloatHistogram& other) {
  return add_signed(from, other, -1);
}

void multiply(FloatHistogram& h, double factor) {
  h.zero_count *= factor;
  h.count *= factor;
  h.sum *= factor;
  for (double& v : h.positive_buckets) v *= factor;
  for (double& v : h.negative_buckets) v *= factor;
  if (factor < 0) h.hint = CounterResetHint::gauge;
}

void divide(FloatHistogram& h, double by) {
  h.zero_count /= by;
  h.count /= by;
  h.sum /= by;
  if (by == 0) {
    h.positive_spans.clear();
    h.negative_spans.clear();
    h.positive_buckets.clear();
    h.negative_buckets.clear();
    return;
  }
  for (double& v : h.positive_buckets) v /= by;
  for (double& v : h.negative_buckets) v /= by;
  if (by < 0) h.hint = CounterResetHint::gauge;
}

void compact(FloatHistogram& h) {
  compact_side(h.positive_spans, h.positive_buckets);
  compact_side(h.negative_spans, h.negative_buckets);
}

FloatHistogram in_resolution(const FloatHistogram& h, std::int32_t schema) {
  FloatHistogram out = h;
  if (schema == h.schema) return out;
  out.hint = CounterResetHint::unknown;
  out.schema = schema;
  reduce_side(out.positive_spans, out.positive_buckets, h.schema, schema);
  reduce_side(out.negative_spans, out.negative_buckets, h.schema, schema);
  return out;
}

bool has_overflow(const FloatHistogram& h) {
  return std::isinf(h.zero_count) || std::isinf(h.count) || std::isinf(h.sum) ||
         any_infinite(h.positive_buckets) || any_infinite(h.negative_buckets) ||
         any_infinite(h.custom_values);
}

std::uint64_t counted_bytes(const FloatHistogram& h) {
  constexpr std::uint64_t kFixed = 168;
  return kFixed + 8 * (h.positive_spans.size() + h.negative_spans.size() + h.positive_buckets.size() +
                       h.negative_buckets.size() + h.custom_values.size());
}

std::uint64_t counted_samples(const FloatHistogram& h) {
  constexpr std::uint64_t kBytesOfFloat = 16;
  return (counted_bytes(h) + kBytesOfFloat / 2) / kBytesOfFloat;
}

bool same_value(const FloatHistogram& a, const FloatHistogram& b) {
  return a.schema == b.schema && same_bits(a.count, b.count) && same_bits(a.sum, b.sum) &&
         a.custom_values == b.custom_values && a.zero_threshold == b.zero_threshold &&
         same_bits(a.zero_count, b.zero_count) &&
         same_side(a.negative_spans, a.negative_buckets, b.negative_spans, b.negative_buckets) &&
         same_side(a.positive_spans, a.positive_buckets, b.positive_spans, b.positive_buckets);
}

}  // namespace narthex::query

#include "query/promql/histogram_sum.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace narthex::query {
namespace {

/// Counts by bucket index; empty buckets that were written down are kept.
using Buckets = std::map<std::int32_t, double>;

Buckets to_map(std::span<const HistogramSpan> spans, std::span<const double> counts) {
  Buckets buckets;
  std::int32_t index = 0;
  std::size_t next = 0;
  for (const HistogramSpan& span : spans) {
    index += span.offset;
    for (std::uint32_t i = 0; i < span.length && next < counts.size(); ++i) buckets[index++] = counts[next++];
  }
  return buckets;
}

void from_map(const Buckets& buckets, std::vector<HistogramSpan>& spans, std::vector<double>& counts) {
  spans.clear();
  counts.clear();
  std::int32_t next = 0;
  for (const auto& [index, count] : buckets) {
    if (spans.empty() || index != next) spans.push_back({index - next, 0});
    ++spans.back().length;
    counts.push_back(count);
    next = index + 1;
  }
}

/// The limit of an exponential bucket that is further from zero.
double outer_limit(std::int32_t index, std::int32_t schema) {
  return std::exp2(std::ldexp(static_cast<double>(index), -schema));
}

Buckets in_schema(const Buckets& buckets, std::int32_t from, std::int32_t to) {
  if (from == to) return buckets;
  Buckets reduced;
  for (const auto& [index, count] : buckets) reduced[((index - 1) >> (from - to)) + 1] += count;
  return reduced;
}

/// One exponential histogram while it is brought to a common shape.
struct Exponential {
  explicit Exponential(const FloatHistogram& h)
      : schema(h.schema),
        zero_threshold(h.zero_threshold),
        zero_count(h.zero_count),
        positive(to_map(h.positive_spans, h.positive_buckets)),
        negative(to_map(h.negative_spans, h.negative_buckets)) {}

  void reduce_to(std::int32_t target) {
    positive = in_schema(positive, schema, target);
    negative = in_schema(negative, schema, target);
    schema = target;
  }

  /// Widens the zero bucket to `threshold`, and further if that lies inside a populated
  /// bucket; buckets inside become part of it.
  void widen_zero_bucket(double threshold) {
    for (bool widened = true; widened;) {
      widened = false;
      for (const Buckets* side : {&positive, &negative})
        for (const auto& [index, count] : *side) {
          const double upper = outer_limit(index, schema);
          if (count != 0 && outer_limit(index - 1, schema) < threshold && upper > threshold) {
            threshold = upper;
            widened = true;
          }
        }
    }
    for (Buckets* side : {&positive, &negative})
      while (!side->empty() && outer_limit(side->begin()->first - 1, schema) < threshold) {
        zero_count += side->begin()->second;
        side->erase(side->begin());
      }
    zero_threshold = threshold;
  }

  std::int32_t schema;
  double zero_threshold;
  double zero_count;
  Buckets positive;
  Buckets negative;
};

void add(Buckets& to, const Buckets& from, double sign) {
  for (const auto& [index, count] : from) to[index] += sign * count;
}

void add_exponential(FloatHistogram& sum, const FloatHistogram& base, const FloatHistogram& step,
                     double sign) {
  Exponential a(base);
  Exponential b(step);
  const std::int32_t schema = std::min(a.schema, b.schema);
  a.reduce_to(schema);
  b.reduce_to(schema);
  while (a.zero_threshold != b.zero_threshold) {
    Exponential& smaller = a.zero_threshold < b.zero_threshold ? a : b;
    smaller.widen_zero_bucket(std::max(a.zero_threshold, b.zero_threshold));
  }
  sum.schema = schema;
  sum.zero_threshold = a.zero_threshold;
  sum.zero_count = a.zero_count + sign * b.zero_count;
  add(a.positive, b.positive, sign);
  add(a.negative, b.negative, sign);
  from_map(a.positive, sum.positive_spans, sum.positive_buckets);
  from_map(a.negative, sum.negative_spans, sum.negative_buckets);
}

/// Buckets under other bounds, each of which is one of theirs.
Buckets in_bounds(const FloatHistogram& h, const std::vector<double>& bounds) {
  const Buckets old = to_map(h.positive_spans, h.positive_buckets);
  if (h.custom_values == bounds) return old;
  Buckets mapped;
  for (const auto& [index, count] : old) {
    const auto i = static_cast<std::size_t>(index);
    const auto at =
        i < h.custom_values.size() ? std::ranges::lower_bound(bounds, h.custom_values[i]) : bounds.end();
    if (count != 0) mapped[static_cast<std::int32_t>(at - bounds.begin())] += count;
  }
  return mapped;
}

void add_custom(FloatHistogram& sum, const FloatHistogram& base, const FloatHistogram& step, double sign) {
  std::vector<double> bounds;
  std::ranges::set_intersection(base.custom_values, step.custom_values, std::back_inserter(bounds));
  Buckets buckets = in_bounds(base, bounds);
  add(buckets, in_bounds(step, bounds), sign);
  sum.custom_values = std::move(bounds);
  from_map(buckets, sum.positive_spans, sum.positive_buckets);
}

CounterResetHint hint_of_sum(CounterResetHint a, CounterResetHint b) {
  if (a == b) return a;
  if (a == CounterResetHint::gauge || b == CounterResetHint::gauge) return CounterResetHint::gauge;
  return CounterResetHint::unknown;
}

}  // namespace

Result<FloatHistogram> add_scaled(const FloatHistogram& base, const FloatHistogram& step, double sign) {
  const bool custom = base.schema == kCustomBucketsSchema;
  if (custom != (step.schema == kCustomBucketsSchema))
    return fail(Code::invalid,
                "cannot apply this operation on histograms with a mix of exponential "
                "and custom bucket schemas");
  FloatHistogram sum = base;
  sum.hint = hint_of_sum(base.hint, step.hint);
  sum.count += sign * step.count;
  sum.sum += sign * step.sum;
  if (custom) {
    add_custom(sum, base, step, sign);
  } else {
    add_exponential(sum, base, step, sign);
  }
  return sum;
}

}  // namespace narthex::query

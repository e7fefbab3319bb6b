#include "query/histogram/trim.h"

#include <cmath>
#include <limits>
#include <vector>

#include "query/histogram/arithmetic.h"
#include "query/histogram/buckets.h"

namespace narthex::query {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Kept {
  double count = 0;
  double middle = 0;  ///< where its observations lie, on average
};

double zero_if_infinite(double v) {
  return std::isinf(v) ? 0 : v;
}

double middle_of(double lower, double upper, bool positive, bool linear) {
  if (std::isinf(lower)) {
    if (std::isinf(upper)) return 0;
    return upper > 0 ? upper / 2 : upper;
  }
  if (std::isinf(upper)) return lower;
  if (linear) return (lower + upper) / 2;
  const double geometric = std::sqrt(std::fabs(lower * upper));
  return positive ? geometric : -geometric;
}

/// Of a bucket without one of its bounds little can be said: it goes or stays as a whole,
/// unless zero is a natural lower bound.
Kept part_of_endless(const Bucket& b, double limit, Keep keep) {
  if (b.lower == -kInf) {
    const bool from_zero = b.upper > 0 && !std::isinf(b.upper);
    if (keep == Keep::below) {
      if (limit >= b.upper) return {b.count, 0};
      if (limit > 0 && from_zero) return {b.count * limit / b.upper, limit / 2};
      if (b.upper <= 0) return {b.count, limit};
      return {0, zero_if_infinite(b.upper)};
    }
    if (limit <= b.lower) return {b.count, 0};
    if (limit >= 0 && b.upper > limit && !std::isinf(b.upper))
      return {b.count * (1 - limit / b.upper), (limit + b.upper) / 2};
    return {0, zero_if_infinite(b.upper)};
  }
  if (keep == Keep::above && limit >= b.lower) return {b.count, limit};
  return {0, zero_if_infinite(b.lower)};
}

/// Of a bucket that `limit` lies in.
Kept part_of(const Bucket& b, double limit, Keep keep, bool positive, bool linear) {
  if (b.lower == -kInf || b.upper == kInf) return part_of_endless(b, limit, keep);
  const double below = b.count * b.fraction_below(limit, linear);
  if (keep == Keep::below) return {below, middle_of(b.lower, limit, positive, linear)};
  return {b.count - below, middle_of(limit, b.upper, positive, linear)};
}

Kept part_of_zero_bucket(const FloatHistogram& h, double limit, Keep keep, bool any_positive,
                         bool any_negative) {
  const double lower = any_positive && !any_negative ? 0 : -h.zero_threshold;
  const double upper = any_negative && !any_positive ? 0 : h.zero_threshold;
  const Kept all{h.zero_count, (lower + upper) / 2};
  if (limit <= lower) return keep == Keep::below ? Kept{} : all;
  if (limit >= upper) return keep == Keep::below ? all : Kept{};
  if (keep == Keep::below) return {h.zero_count * ((limit - lower) / (upper - lower)), (lower + limit) / 2};
  return {h.zero_count * ((upper - limit) / (upper - lower)), (limit + upper) / 2};
}

struct Totals {
  double count = 0;
  double sum = 0;
  bool trimmed = false;

  void add(const Kept& kept) {
    count += kept.count;
    sum += kept.middle * kept.count;
  }
};

/// @return  the side has observations
bool trim_side(const std::vector<Bucket>& side, std::vector<double>& counts, double limit, Keep keep,
               bool positive, bool linear, Totals& totals) {
  bool any = false;
  for (std::size_t i = 0; i < side.size(); ++i) {
    const Bucket& b = side[i];
    if (b.count == 0) continue;
    any = true;
    const bool stays = keep == Keep::below ? b.upper <= limit : b.lower >= limit;
    const bool is_cut = keep == Keep::below ? b.lower < limit : b.upper > limit;
    if (stays) {
      totals.add({b.count, middle_of(b.lower, b.upper, positive, linear)});
      continue;
    }
    const Kept kept = is_cut ? part_of(b, limit, keep, positive, linear) : Kept{};
    totals.add(kept);
    if (!is_cut || counts[i] != kept.count) totals.trimmed = true;
    counts[i] = kept.count;
  }
  return any;
}

}  // namespace

void trim(FloatHistogram& h, double limit, Keep keep) {
  const bool linear = uses_custom_buckets(h.schema);
  Totals totals;
  const bool any_positive =
      trim_side(positive_side(h), h.positive_buckets, limit, keep, true, linear, totals);
  const bool any_negative =
      trim_side(negative_side(h), h.negative_buckets, limit, keep, false, linear, totals);
  if (h.zero_count > 0) {
    const Kept kept = part_of_zero_bucket(h, limit, keep, any_positive, any_negative);
    if (h.zero_count != kept.count) totals.trimmed = true;
    h.zero_count = kept.count;
    totals.add(kept);
  }
  if (!totals.trimmed) return;
  h.count = totals.count;
  h.sum = totals.sum;
  compact(h);
}

}  // namespace narthex::query

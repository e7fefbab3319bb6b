#include "query/histogram/statistics.h"

#include <cmath>
#include <limits>
#include <optional>

#include "query/functions/kahan.h"
#include "query/histogram/buckets.h"

namespace narthex::query {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// A zero bucket beside buckets of one sign only holds nothing of the other.
void halve_zero_bucket(Bucket& b, const FloatHistogram& h) {
  if (h.negative_buckets.empty() && !h.positive_buckets.empty())
    b.lower = 0;
  else if (h.positive_buckets.empty() && !h.negative_buckets.empty())
    b.upper = 0;
}

double inside(const Bucket& b, double fraction, bool custom) {
  if (custom || (b.lower <= 0 && b.upper >= 0)) return b.lower + (b.upper - b.lower) * fraction;
  const double log_lower = std::log2(std::fabs(b.lower));
  const double log_upper = std::log2(std::fabs(b.upper));
  if (b.lower > 0) return std::exp2(log_lower + (log_upper - log_lower) * fraction);
  return -std::exp2(log_upper + (log_lower - log_upper) * (1 - fraction));
}

/// Looks for the number of observations below a bound.
struct RankBelow {
  double bound = 0;
  std::optional<double> rank;

  void look_at(const Bucket& b, double rank_before, bool linear) {
    if (rank || b.lower < bound) {
      if (rank || !(b.upper > bound)) return;
      if (linear && b.lower == -kInf)
        rank = b.count;  // nothing can be said inside a bucket without a lower bound
      else
        rank = rank_before + b.count * b.fraction_below(bound, linear);
      return;
    }
    if (b.lower >= bound) rank = rank_before;
  }
  [[nodiscard]] double or_at_most(double total) const { return !rank || *rank > total ? total : *rank; }
};

}  // namespace

NativeQuantile native_quantile(double q, const FloatHistogram& h) {
  if (q < 0) return {-kInf};
  if (q > 1) return {kInf};
  if (h.count == 0 || std::isnan(q)) return {kNan};
  const bool custom = h.schema == kCustomBucketsSchema;
  const bool has_nans = std::isnan(h.sum);
  // Observations of NaN are counted but in no bucket: only from below do ranks hold then.
  const bool upwards = has_nans || q < 0.5;
  double rank = (upwards ? q : 1 - q) * h.count;
  const auto buckets = all_buckets(h);
  Bucket bucket;
  double count = 0;
  std::size_t next = 0;
  while (next < buckets.size()) {
    bucket = buckets[upwards ? next : buckets.size() - 1 - next];
    ++next;
    if (bucket.count == 0) continue;
    count += bucket.count;
    if (count >= rank) break;
  }
  if (!custom && bucket.lower < 0 && bucket.upper > 0) {
    halve_zero_bucket(bucket, h);
  } else if (custom) {
    if (bucket.lower == -kInf) {
      if (bucket.upper <= 0) return {bucket.upper};
      bucket.lower = 0;
    } else if (bucket.upper == kInf) {
      return {bucket.lower};
    }
  }
  if (count > h.count) count = h.count;
  if (count < rank) return has_nans ? NativeQuantile{kNan, true, false} : NativeQuantile{bucket.upper};
  rank = upwards ? rank - (count - bucket.count) : count - rank;
  NativeQuantile result;
  if (has_nans) {
    for (; next < buckets.size(); ++next) count += buckets[next].count;
    result.is_skewed_by_nans = count < h.count;
  }
  result.value = inside(bucket, rank / bucket.count, custom);
  return result;
}

NativeFraction native_fraction(double lower, double upper, const FloatHistogram& h) {
  if (h.count == 0 || std::isnan(lower) || std::isnan(upper)) return {kNan};
  if (lower >= upper) return {0};
  const bool custom = h.schema == kCustomBucketsSchema;
  RankBelow from{lower, {}};
  RankBelow to{upper, {}};
  double count = 0;
  double rank = 0;
  const auto buckets = all_buckets(h);
  std::size_t next = 0;
  while (next < buckets.size()) {
    Bucket b = buckets[next++];
    count += b.count;
    const bool around_zero = b.lower <= 0 && b.upper >= 0;
    if (around_zero) halve_zero_bucket(b, h);
    from.look_at(b, rank, custom || around_zero);
    to.look_at(b, rank, custom || around_zero);
    if (from.rank && to.rank) break;
    rank += b.count;
  }
  NativeFraction result;
  if (std::isnan(h.sum)) {
    for (; next < buckets.size(); ++next) count += buckets[next].count;
    result.leaves_out_nans = count < h.count;
  } else {
    count = h.count;
  }
  result.value = (to.or_at_most(count) - from.or_at_most(count)) / h.count;
  return result;
}

double native_mean(const FloatHistogram& h) {
  return h.sum / h.count;
}

double native_variance(const FloatHistogram& h) {
  const double mean = native_mean(h);
  const bool custom = h.schema == kCustomBucketsSchema;
  KahanSum squares;
  for (const Bucket& b : all_buckets(h)) {
    if (b.count == 0) continue;
    double at = 0;
    if (custom) {
      at = (b.upper + b.lower) / 2;
    } else if (!(b.lower <= 0 && b.upper >= 0)) {
      at = std::sqrt(b.upper * b.lower);
      if (b.upper < 0) at = -at;
    }
    const double delta = at - mean;
    squares.add(b.count * delta * delta);
  }
  return squares.value() / h.count;
}

}  // namespace narthex::query

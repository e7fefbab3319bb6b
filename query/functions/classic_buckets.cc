#include "query/functions/classic_buckets.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace narthex::query {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
/// Smaller relative differences between buckets are rounding, not observations.
constexpr double kTolerance = 1e-12;

bool almost_equal(double a, double b) {
  if (std::isnan(a) && std::isnan(b)) return true;
  if (a == b) return true;
  constexpr double kMinNormal = std::numeric_limits<double>::min();
  const double sum = std::fabs(a) + std::fabs(b);
  const double diff = std::fabs(a - b);
  if (a == 0 || b == 0 || sum < kMinNormal) return diff < kTolerance * kMinNormal;
  return diff / std::min(sum, std::numeric_limits<double>::max()) < kTolerance;
}

void merge_equal_bounds(ClassicBuckets& buckets) {
  std::size_t kept = 0;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    if (buckets[i].upper == buckets[kept].upper)
      buckets[kept].count += buckets[i].count;
    else
      buckets[++kept] = buckets[i];
  }
  buckets.resize(kept + 1);
}

/// Counts may not fall from bucket to bucket, or the search for a rank makes no sense.
void lift_falling_counts(ClassicBuckets& buckets, BucketQuantile& result) {
  result.min_bucket = kInf;
  result.max_bucket = -kInf;
  double previous = buckets[0].count;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    const double count = buckets[i].count;
    if (count == previous) continue;
    if (almost_equal(previous, count)) {
      buckets[i].count = previous;
      continue;
    }
    if (!(count < previous)) {
      previous = count;
      continue;
    }
    buckets[i].count = previous;
    result.forced_monotonic = true;
    result.min_bucket = std::min(result.min_bucket, buckets[i].upper);
    result.max_bucket = std::max(result.max_bucket, buckets[i].upper);
    result.max_diff = std::max(result.max_diff, previous - count);
  }
}

double interpolate_rank(double q, const ClassicBuckets& buckets) {
  const std::size_t last = buckets.size() - 1;
  const double observations = buckets[last].count;
  if (observations == 0) return kNan;
  double rank = q * observations;
  std::size_t b = 0;
  for (std::size_t end = last; b < end;) {
    const std::size_t middle = b + (end - b) / 2;
    if (buckets[middle].count >= rank)
      end = middle;
    else
      b = middle + 1;
  }
  if (b == last) return buckets[last - 1].upper;
  if (b == 0 && buckets[0].upper <= 0) return buckets[0].upper;
  double start = 0;
  double count = buckets[b].count;
  if (b > 0) {
    start = buckets[b - 1].upper;
    count -= buckets[b - 1].count;
    rank -= buckets[b - 1].count;
  }
  return start + (buckets[b].upper - start) * (rank / count);
}

/// The rank at which observations pass a bound.
class RankSearch {
 public:
  explicit RankSearch(double bound) : bound_(bound) {}
  void look_at(double lower, double upper, double count_below, double count) {
    if (found_) return;
    if (lower >= bound_) {
      rank_ = count_below;
      found_ = true;
    } else if (upper > bound_) {
      // Nothing can be said inside a bucket without a lower bound.
      rank_ =
          lower == -kInf ? count : count_below + (count - count_below) * (bound_ - lower) / (upper - lower);
      found_ = true;
    }
  }
  [[nodiscard]] bool found() const { return found_; }
  [[nodiscard]] double rank(double total) const { return !found_ || rank_ > total ? total : rank_; }

 private:
  double bound_;
  double rank_ = 0;
  bool found_ = false;
};

}  // namespace

BucketQuantile bucket_quantile(double q, ClassicBuckets& buckets) {
  BucketQuantile result;
  if (std::isnan(q))
    result.value = kNan;
  else if (q < 0)
    result.value = -kInf;
  else if (q > 1)
    result.value = kInf;
  else if (buckets.back().upper != kInf)
    result.value = kNan;
  else {
    merge_equal_bounds(buckets);
    lift_falling_counts(buckets, result);
    result.value = buckets.size() < 2 ? kNan : interpolate_rank(q, buckets);
  }
  return result;
}

double bucket_fraction(double lower, double upper, ClassicBuckets& buckets) {
  if (buckets.back().upper != kInf) return kNan;
  merge_equal_bounds(buckets);
  const double total = buckets.back().count;
  if (total == 0 || std::isnan(lower) || std::isnan(upper)) return kNan;
  if (lower >= upper) return 0;
  RankSearch from(lower);
  RankSearch to(upper);
  double below = buckets[0].upper <= 0 ? -kInf : 0;  // observations are taken to be positive then
  double rank = 0;
  for (const auto& b : buckets) {
    from.look_at(below, b.upper, rank, b.count);
    to.look_at(below, b.upper, rank, b.count);
    if (from.found() && to.found()) break;
    rank = b.count;
    below = b.upper;
  }
  return (to.rank(total) - from.rank(total)) / total;
}

}  // namespace narthex::query

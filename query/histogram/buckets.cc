#include "query/histogram/buckets.h"

#include <cmath>

#include "model/histogram_bounds.h"
#include "query/histogram/bucket_rows.h"

namespace narthex::query {

namespace {

void cut_at_zero_bucket(Bucket& b, double threshold) {
  if (b.upper < 0 && b.upper > -threshold)
    b.upper = -threshold;
  else if (b.lower > 0 && b.lower < threshold)
    b.lower = threshold;
}

/// Exponential buckets hold the bound that is further from zero, custom ones the upper one.
Bucket make_bucket(double lower, double upper, double count) {
  return {lower, upper, count, lower < 0, upper > 0};
}

}  // namespace

double Bucket::fraction_below(double v, bool linear) const {
  if (linear) return (v - lower) / (upper - lower);
  const double log_lower = std::log2(std::fabs(lower));
  const double log_upper = std::log2(std::fabs(upper));
  const double log_v = std::log2(std::fabs(v));
  if (v > 0) return (log_v - log_lower) / (log_upper - log_lower);
  return 1 - (log_v - log_upper) / (log_lower - log_upper);
}

std::vector<Bucket> positive_side(const FloatHistogram& h) {
  const BucketRow row = to_row(h.positive_spans, h.positive_buckets);
  std::vector<Bucket> out;
  out.reserve(row.size());
  const bool custom = uses_custom_buckets(h.schema);
  for (std::size_t i = 0; i < row.size(); ++i) {
    Bucket b = make_bucket(bucket_bound(std::int64_t{row.index[i]} - 1, h.schema, h.custom_values),
                           bucket_bound(row.index[i], h.schema, h.custom_values), row.count[i]);
    if (custom) {
      b.holds_lower = row.index[i] == 0;
      b.holds_upper = true;
    }
    out.push_back(b);
  }
  return out;
}

std::vector<Bucket> negative_side(const FloatHistogram& h) {
  const BucketRow row = to_row(h.negative_spans, h.negative_buckets);
  std::vector<Bucket> out;
  out.reserve(row.size());
  for (std::size_t i = 0; i < row.size(); ++i)
    out.push_back(make_bucket(-bucket_bound(row.index[i], h.schema, {}),
                              -bucket_bound(std::int64_t{row.index[i]} - 1, h.schema, {}), row.count[i]));
  return out;
}

std::vector<Bucket> all_buckets(const FloatHistogram& h) {
  std::vector<Bucket> negative = negative_side(h);
  std::vector<Bucket> out(negative.rbegin(), negative.rend());
  for (Bucket& b : out) cut_at_zero_bucket(b, h.zero_threshold);
  if (h.zero_count > 0) out.push_back({-h.zero_threshold, h.zero_threshold, h.zero_count, true, true});
  for (Bucket b : positive_side(h)) {
    cut_at_zero_bucket(b, h.zero_threshold);
    out.push_back(b);
  }
  return out;
}

}  // namespace narthex::query

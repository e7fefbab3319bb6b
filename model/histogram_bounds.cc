#include "model/histogram_bounds.h"

#include <cmath>
#include <limits>

#include "model/histogram.h"

namespace narthex {
namespace {

constexpr int kFinestSchema = 8;
constexpr int kCoarsestSchema = -4;
constexpr double kFractions[1 << kFinestSchema] = {
#include "model/exponential_bounds.inc"
};

/// 2^exponent, saturating. An index comes from disk and may be anything.
double scaled(double fraction, std::int64_t exponent) {
  constexpr std::int64_t kBeyondDoubles = 4096;
  const std::int64_t e = std::min(std::max(exponent, -kBeyondDoubles), kBeyondDoubles);
  return std::ldexp(fraction, static_cast<int>(e));
}

double custom_bound(std::int64_t index, std::span<const double> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  if (index == -1) return -std::numeric_limits<double>::infinity();
  if (index == count) return std::numeric_limits<double>::infinity();
  if (index < 0 || index > count) return std::numeric_limits<double>::quiet_NaN();
  return values[static_cast<std::size_t>(index)];
}

}  // namespace

double bucket_bound(std::int64_t index, std::int32_t schema, std::span<const double> custom_values) {
  if (uses_custom_buckets(schema)) return custom_bound(index, custom_values);
  if (schema > kFinestSchema || schema < kCoarsestSchema) return std::numeric_limits<double>::quiet_NaN();
  // The bound that would be 2^1024 is the greatest double: the bucket behind it counts the infinities.
  constexpr std::int64_t kOverflowExponent = 1024;
  if (schema <= 0) {
    const std::int64_t exponent = index * (std::int64_t{1} << -schema);
    return exponent == kOverflowExponent ? std::numeric_limits<double>::max() : scaled(1, exponent);
  }
  const std::int64_t per_octave = std::int64_t{1} << schema;
  const double fraction = kFractions[(index & (per_octave - 1)) << (kFinestSchema - schema)];
  const std::int64_t exponent = (index >> schema) + 1;
  if (fraction == 0.5 && exponent == kOverflowExponent + 1) return std::numeric_limits<double>::max();
  return scaled(fraction, exponent);
}

}  // namespace narthex

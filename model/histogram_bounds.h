// The bounds of native histogram buckets, to the last bit those of Prometheus.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <span>

namespace narthex {

/// Upper bound of bucket `index` on the positive side; its lower bound is that of `index` - 1.
/// Schema -53: from `custom_values`; bucket 0 begins at -Inf, the one behind the last value ends at +Inf,
/// and any other index gives NaN. Otherwise schema must be -4..8.
/// Source: Prometheus model/histogram/generic.go, getBound
double bucket_bound(std::int64_t index, std::int32_t schema, std::span<const double> custom_values);

}  // namespace narthex

// Arithmetic with native histograms: what +, -, * and / do to them in PromQL.
//
// Threads: any.
// Source: Prometheus model/histogram/float_histogram.go
#pragma once

#include <cstdint>

#include "query/histogram/row_histogram.h"

namespace narthex::query {

/// `to` += `other`; the hint is worked out too. Buckets may be left that are zero: see compact().
/// Null: one has custom buckets, the other exponential ones; `to` is as it was.
std::optional<Combination> add(FloatHistogram& to, const FloatHistogram& other);
std::optional<Combination> subtract(FloatHistogram& from, const FloatHistogram& other);

/// By a negative factor the result is a gauge.
void multiply(FloatHistogram& h, double factor);
/// By zero, all buckets go.
void divide(FloatHistogram& h, double by);

/// Only populated buckets, in as few spans as possible.
void compact(FloatHistogram& h);

/// At a lower resolution, without hint; a copy if the schema is its own.
/// @param schema  not above that of `h`, exponential like it
FloatHistogram in_resolution(const FloatHistogram& h, std::int32_t schema);

/// Some number in it is infinite.
bool has_overflow(const FloatHistogram& h);

/// Bytes as Prometheus counts them for max-samples.
std::uint64_t counted_bytes(const FloatHistogram& h);
/// As many floats as a histogram counts for.
std::uint64_t counted_samples(const FloatHistogram& h);

/// Equal to the last bit in everything but the hint; how buckets are parted in spans does not matter.
bool same_value(const FloatHistogram& a, const FloatHistogram& b);

}  // namespace narthex::query

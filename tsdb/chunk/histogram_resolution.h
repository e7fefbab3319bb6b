// Coarser buckets: schemas 9 to 52, which newer exporters may send, are read as schema 8.
//
// Threads: any.
#pragma once

#include <cstdint>

#include "model/histogram.h"

namespace narthex::tsdb {

/// Finest schema that queries know.
inline constexpr std::int32_t kFinestSchema = 8;

/// Merges neighbouring buckets until the schema is `target`, which must be below it and both
/// exponential.
void reduce_resolution(FloatHistogram& h, std::int32_t target);
void reduce_resolution(Histogram& h, std::int32_t target);

}  // namespace narthex::tsdb

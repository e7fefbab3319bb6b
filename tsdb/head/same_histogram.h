// Whether two histograms say the same, as a sample that comes twice must.
//
// Threads: any.
#pragma once

#include "model/histogram.h"

namespace narthex::tsdb {

/// Equal kind, schema, counts, sum (by its bits) and buckets. Buckets without any observation and
/// the counter reset hint do not count: a chunk may have added the one and changed the other.
bool is_same_histogram(const AnyHistogram& a, const AnyHistogram& b);

}  // namespace narthex::tsdb

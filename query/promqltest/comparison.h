// Comparison of a query's result with what a script expects.
//
// Threads: any.
// Source: Prometheus promql/promqltest/test.go, compareResult; util/almost
#pragma once

#include <optional>
#include <string>

#include "query/engine/result.h"
#include "query/promqltest/script.h"

namespace narthex::query {

/// Equal up to one part in a million; NaN equals NaN, the staleness marker only itself.
bool almost_equal(double a, double b);

/// Equal up to rounding, without empty buckets; the hint counts only where it was written.
bool almost_equal(const SequenceValue& want, const FloatHistogram& got);

/// What is wrong with the result; nothing if it is as expected.
std::optional<std::string> mismatch(const EvalCommand& want, const QueryResult& got);

/// What is wrong with the annotations; nothing if they are as expected.
std::optional<std::string> annotation_mismatch(const EvalCommand& want, const Annotations& got);

}  // namespace narthex::query

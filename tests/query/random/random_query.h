// Random queries: well-typed PromQL of the whole language, over the series of random_series().
//
// Threads: any.
#pragma once

#include <string>

#include "tests/query/random/choices.h"

namespace narthex::tests {

struct RandomQueryOptions {
  /// Nodes of the tree, about.
  std::uint32_t size = 10;
  /// start(), end(), range() and step(), whose meaning depends on the whole query's times.
  bool query_times = false;
  /// Forms whose answer at a step depends on the query's other steps, in Prometheus, too: sorting
  /// in front of a sum happens in instant queries only, and the parameter of an aggregation is
  /// that of the first step if the rest of it is the same at all steps.
  bool depend_on_other_steps = true;
};

/// An expression of type instant vector, or now and then scalar. Most of them have a result;
/// some fail, as queries do.
std::string random_query(Choices& choices, const RandomQueryOptions& options);

}  // namespace narthex::tests

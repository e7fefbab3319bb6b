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
};

/// An expression of type instant vector, or now and then scalar. Most of them have a result;
/// some fail, as queries do.
std::string random_query(Choices& choices, const RandomQueryOptions& options);

}  // namespace narthex::tests

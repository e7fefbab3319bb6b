// ExactAnswer: what a query gave, in a form that is equal only if every bit a user may see is.
//
// Threads: values.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "model/result.h"
#include "query/engine/result.h"

namespace narthex::tests {

struct ExactAnswer {
  std::optional<Error> error;
  /// Labels and time to the value; -0 is not 0, and all NaN are one but for the stale marker. A
  /// histogram is shown without empty buckets, which nobody sees, with its counter reset hint.
  std::map<std::pair<std::string, Timestamp>, std::string> points;
  /// Labels in the order of the result; twice if they came twice.
  std::vector<std::string> series;
  std::set<std::string> annotations;

  [[nodiscard]] ExactAnswer at(Timestamp t) const;
};

ExactAnswer exact(const Result<query::QueryResult>& result);
/// Without the hint: it tells how samples were cut into chunks.
ExactAnswer without_hints(ExactAnswer answer);

/// The first difference between two answers, errors and values; nothing if there is none. The
/// order of series and annotations are not looked at.
std::optional<std::string> difference(const ExactAnswer& want, const ExactAnswer& got);

}  // namespace narthex::tests

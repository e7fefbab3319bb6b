// info(): adds the labels of info metrics (target_info) to series with the same instance and
// job. Which info series counts is decided per step, so output labels depend on the step, too.
//
// Threads: one at a time.
// Source: Prometheus promql/info.go
#pragma once

#include <optional>

#include "model/matcher.h"
#include "query/engine/operator.h"

namespace narthex::query {

struct InfoSpec {
  /// Of the second argument: which labels to add and, by __name__, which info metrics to use.
  std::vector<Matcher> matchers;
  bool has_selector = false;
  /// The time modifiers of the first argument hold for the info series too.
  std::optional<Timestamp> at;
  DurationMs offset = 0;
};

VectorOperatorPtr make_info(EvalContext& context, VectorOperatorPtr base, InfoSpec spec);

}  // namespace narthex::query

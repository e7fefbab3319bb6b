// label_replace and label_join: change labels, never values.
//
// Threads: one at a time.
// Source: Prometheus promql/functions.go
#pragma once

#include <string>
#include <vector>

#include "query/engine/operator.h"

namespace narthex::query {

struct LabelReplaceSpec {
  std::string target;
  std::string replacement;
  std::string source;
  std::string pattern;
};
/// Errors when opened: execution (bad pattern or label name).
VectorOperatorPtr make_label_replace(EvalContext& context, VectorOperatorPtr child, LabelReplaceSpec spec);

struct LabelJoinSpec {
  std::string target;
  std::string separator;
  std::vector<std::string> sources;
};
VectorOperatorPtr make_label_join(EvalContext& context, VectorOperatorPtr child, LabelJoinSpec spec);

}  // namespace narthex::query

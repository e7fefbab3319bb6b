// sort, sort_desc, sort_by_label, sort_by_label_desc: the order of an instant result. Results
// of range queries are always ordered by labels, so there only a warning comes out.
//
// Threads: one at a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "query/engine/operator.h"
#include "query/promql/functions.h"

namespace narthex::query {

/// @param labels  to sort by (sort_by_label...)
/// @param call    where the warning points to
VectorOperatorPtr make_sort(EvalContext& context, FunctionId id, VectorOperatorPtr child,
                            const std::vector<std::string>& labels, Span call);

/// Digits compare as numbers, the rest as bytes: "a2" before "a10". 0 if nothing tells them apart.
int compare_natural(std::string_view a, std::string_view b);

}  // namespace narthex::query

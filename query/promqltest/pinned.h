// Pinned queries: a query with @ on its selectors, which must give the same answer at any time.
//
// Threads: any.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/time.h"
#include "query/promql/ast.h"

namespace narthex::query {

/// The query with `@ t` on every selector and subquery that has no timestamp, as text; what is
/// inside a subquery stays. Nothing if it calls a function that depends on the time of
/// evaluation.
std::optional<std::string> pin(const Expr& query, Timestamp t);

/// When a query pinned to `t` is run.
std::vector<Timestamp> times_for_pinned(Timestamp t);

/// The text calls start(), end(), range() or step(), which mean something else in a range query.
bool depends_on_query_range(std::string_view query);

}  // namespace narthex::query

// run_query: evaluates one parsed query into columns.
//
// Threads: one at a time.
#pragma once

#include "query/engine/engine.h"
#include "query/engine/memory_budget.h"
#include "query/engine/query_state.h"

namespace narthex::query {

/// Parts of a query's time, in seconds.
struct RunTimes {
  double preparation = 0;
  double inner_eval = 0;
  double result_sort = 0;
};

struct RunSetup {
  const EngineOptions& options;
  const Clock& clock;
  const QueryDeadline& deadline;
  QueryBudget& budget;
  DurationMs subquery_step;
};

/// Evaluates `root`, which was parsed from request.query. Fills everything of the result but
/// the times of queueing.
Result<QueryResult> run_query(const Expr& root, storage::Queryable& store, const QueryRequest& request,
                              const RunSetup& setup, RunTimes& times);

}  // namespace narthex::query

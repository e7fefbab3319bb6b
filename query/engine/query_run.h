// run_query: evaluates one parsed query into columns.
//
// Threads: one at a time.
#pragma once

#include "query/engine/engine.h"
#include "query/engine/memory_budget.h"
#include "query/engine/query_state.h"

namespace narthex::query {

struct RunSetup {
  const EngineOptions& options;
  const Clock& clock;
  const QueryDeadline& deadline;
  QueryBudget& budget;
  DurationMs subquery_step;
  sync::ThreadPool* helpers;  ///< null: none
};

/// Evaluates `root`, which was parsed from request.query.
/// @param stats  filled but for the times of queueing, also where the query fails; the result's
///        own are left alone
Result<QueryResult> run_query(const Expr& root, storage::Queryable& store, const QueryRequest& request,
                              const RunSetup& setup, QueryStats& stats);

}  // namespace narthex::query

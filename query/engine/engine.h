// Engine: evaluates PromQL over a storage::Queryable, within limits.
//
// A query waits for one of max_concurrency slots, is parsed, planned, evaluated series by
// series into columns, and gives its slot back before anything is encoded.
//
// Threads: any; run() blocks the calling (pool) thread until the query has ended, run_if_small() does not.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "model/clock.h"
#include "model/result.h"
#include "query/engine/active_query_file.h"
#include "query/engine/query_log.h"
#include "query/engine/request.h"
#include "query/engine/result.h"
#include "query/engine/running_queries.h"
#include "query/promql/parser.h"
#include "storage/querier.h"
#include "sync/stop_token.h"

namespace narthex::telemetry {
class Registry;
}

namespace narthex::query {

struct EngineOptions {
  DurationMs lookback = 300'000;
  DurationMs timeout = 120'000;
  std::uint64_t max_samples = 50'000'000;
  std::size_t max_concurrency = 20;
  /// One query computes on at most so many, its own among them; 0 = as many as there are cores.
  std::size_t threads = 0;
  /// Bytes all queries together may hold, results on their way out included; 0 = a quarter of
  /// the machine's memory.
  std::uint64_t max_memory = 0;
  /// Bytes one query may hold; 0 = half of max_memory.
  std::uint64_t max_bytes = 0;
  DurationMs default_subquery_step = 60'000;  ///< global.evaluation_interval
  ParserOptions parser;
  bool delayed_name_removal = false;
  bool use_start_timestamps = false;
  /// Parts that are written several times in a query are evaluated once. Without it answers are the same.
  bool share_repeated_parts = true;
  bool per_step_stats = false;
};

class Engine {
 public:
  /// @param registry  prometheus_engine_* metrics; may be null
  /// @param active    where running queries are noted, with max_concurrency slots; may be null
  Engine(EngineOptions options, const Clock& clock, telemetry::Registry* registry,
         std::unique_ptr<ActiveQueryFile> active = nullptr);
  ~Engine();

  /// Evaluates against `store`. With a profile wanted, result.profile has the operator tree.
  /// Errors: invalid (parse error, Prometheus' text), execution (evaluation failed), limit
  /// (max-samples or memory, names the limit; the API shows it as execution), timeout
  /// (`query timed out in query execution`), cancelled (`query was canceled in ...`).
  Result<QueryResult> run(storage::Queryable& store, const QueryRequest& request,
                          const sync::StopToken& stop);

  /// The same, for a thread that has others waiting: without waiting for a slot, for some milliseconds at
  /// most.
  /// @return  nothing: the query turned out to be more than that, and was not counted or logged; run() is for
  /// it
  std::optional<Result<QueryResult>> run_if_small(storage::Queryable& store, const QueryRequest& request,
                                                  const sync::StopToken& stop);

  /// Applied to queries that start afterwards (reload of evaluation_interval).
  void set_default_subquery_step(DurationMs step);
  /// Where evaluated queries are logged from here on; null: nowhere.
  void set_query_log(std::shared_ptr<QueryLog> log);
  [[nodiscard]] const EngineOptions& options() const;
  /// Those that wait or run now.
  [[nodiscard]] RunningQueries& running();
  /// Bytes that queries, and results on their way out, hold now.
  [[nodiscard]] std::uint64_t memory_used() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace narthex::query

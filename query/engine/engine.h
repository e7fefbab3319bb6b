// Engine: evaluates PromQL over a storage::Queryable, within limits.
//
// A query waits for one of max_concurrency slots, is parsed, planned, evaluated series by
// series into columns, and gives its slot back before anything is encoded.
//
// Threads: any; run() blocks the calling (pool) thread until the query has ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "model/clock.h"
#include "model/result.h"
#include "query/engine/result.h"
#include "query/promql/parser.h"
#include "storage/querier.h"
#include "sync/stop_token.h"

namespace prometheus {
class Registry;
}

namespace narthex::query {

struct EngineOptions {
  DurationMs lookback = 300'000;
  DurationMs timeout = 120'000;
  std::uint64_t max_samples = 50'000'000;
  std::size_t max_concurrency = 20;
  /// Bytes one query may hold; 0 = a quarter of the machine's memory.
  std::uint64_t max_bytes = 0;
  DurationMs default_subquery_step = 60'000;  ///< global.evaluation_interval
  ParserOptions parser;
  bool delayed_name_removal = false;
  bool use_start_timestamps = false;
  bool per_step_stats = false;
};

struct QueryRequest {
  std::string query;
  Timestamp start = 0;
  Timestamp end = 0;    ///< == start for an instant query
  DurationMs step = 0;  ///< 0: instant query
  std::optional<DurationMs> lookback;
  std::optional<DurationMs> timeout;  ///< the shorter of this and the engine's wins
  bool per_step_stats = false;        ///< stats=all; needs the engine's option too
};

class Engine {
 public:
  /// @param registry  prometheus_engine_* metrics; may be null
  Engine(EngineOptions options, const Clock& clock, prometheus::Registry* registry);
  ~Engine();

  /// Evaluates against `store`.
  /// Errors: invalid (parse error, Prometheus' text), execution (evaluation failed), limit
  /// (max-samples or memory, names the limit; the API shows it as execution), timeout
  /// (`query timed out in query execution`), cancelled (`query was canceled in ...`).
  Result<QueryResult> run(storage::Queryable& store, const QueryRequest& request,
                          const sync::StopToken& stop);

  /// Applied to queries that start afterwards (reload of evaluation_interval).
  void set_default_subquery_step(DurationMs step);
  [[nodiscard]] const EngineOptions& options() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace narthex::query

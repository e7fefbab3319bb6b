// prometheus_engine_*: what the engine tells of itself, under Prometheus' names.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <memory>

#include "query/engine/result.h"

namespace narthex::telemetry {
class Registry;
}

namespace narthex::query {

class EngineMetrics {
 public:
  EngineMetrics(telemetry::Registry& registry, std::size_t max_concurrency);
  ~EngineMetrics();
  void query_began();
  /// @param stats  of what was done, also of a query that failed
  void query_ended(const QueryStats& stats);
  void observe_queue(double seconds);
  void query_log_enabled(bool enabled);
  void query_log_failed();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace narthex::query

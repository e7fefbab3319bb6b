// narthextool query: asks a server and prints its answer.
//
// Threads: one at a time; the functions block.
// Source: Prometheus cmd/promtool/query.go
#pragma once

#include <string>
#include <vector>

#include "apps/narthextool/api_client.h"
#include "apps/narthextool/output.h"
#include "apps/narthextool/query_output.h"
#include "model/clock.h"

namespace narthex::apps {

/// What all verbs have in common.
struct QueryTask {
  ApiClient& client;
  QueryFormat format = QueryFormat::promql;
  const Clock& clock;
  const Print& print;
};

// Times are float seconds or RFC 3339; "" is the default that promtool has.
// Errors: as ApiClient, invalid (a time that is none).

Result<void> query_instant(const QueryTask& task, const std::string& expr, const std::string& time);

struct RangeOptions {
  std::string start;
  std::string end;
  double step_seconds = 0;  ///< 0: chosen by the range
};
Result<void> query_range(const QueryTask& task, const std::string& expr, const RangeOptions& options);

struct SelectOptions {
  std::vector<std::string> selectors;
  std::string start;
  std::string end;
};
Result<void> query_series(const QueryTask& task, const SelectOptions& options);
/// Values of one label. @param warn  receives warnings of the server
Result<void> query_labels(const QueryTask& task, const std::string& name, const SelectOptions& options,
                          const Print& warn);

}  // namespace narthex::apps

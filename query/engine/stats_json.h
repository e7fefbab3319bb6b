// The statistics of a query as JSON, as `stats` in API answers and in the query log.
//
// Threads: any.
// Source: Prometheus util/stats/query_stats.go
#pragma once

#include <string>

#include "query/engine/result.h"

namespace narthex::query {

std::string stats_json(const QueryStats& stats);

}  // namespace narthex::query

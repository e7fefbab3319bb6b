// The endpoints of /api/v1, by theme; each takes the sources and a call.
//
// Threads: any. All but the small ones may block.
#pragma once

#include <optional>

#include "model/result.h"
#include "web/api/api.h"

namespace narthex::web {

using Endpoint = Result<Answer> (*)(const ApiSources&, const Call&);
/// Nothing: there is more to it than an I/O thread has time for.
using SmallEndpoint = std::optional<Result<Answer>> (*)(const ApiSources&, const Call&);

// query_endpoints.cc
Result<Answer> instant_query(const ApiSources& sources, const Call& call);
std::optional<Result<Answer>> small_instant_query(const ApiSources& sources, const Call& call);
Result<Answer> range_query(const ApiSources& sources, const Call& call);
std::optional<Result<Answer>> small_range_query(const ApiSources& sources, const Call& call);
Result<Answer> query_exemplars(const ApiSources& sources, const Call& call);
Result<Answer> format_query(const ApiSources& sources, const Call& call);
Result<Answer> parse_query(const ApiSources& sources, const Call& call);

// metadata_endpoints.cc
Result<Answer> series(const ApiSources& sources, const Call& call);
Result<Answer> label_names(const ApiSources& sources, const Call& call);
Result<Answer> label_values(const ApiSources& sources, const Call& call);

// target_endpoints.cc
Result<Answer> targets(const ApiSources& sources, const Call& call);
Result<Answer> scrape_pools(const ApiSources& sources, const Call& call);
Result<Answer> targets_metadata(const ApiSources& sources, const Call& call);
Result<Answer> metadata(const ApiSources& sources, const Call& call);

// rule_endpoints.cc
Result<Answer> rule_groups(const ApiSources& sources, const Call& call);
Result<Answer> alerts(const ApiSources& sources, const Call& call);
Result<Answer> alertmanagers(const ApiSources& sources, const Call& call);

// status_endpoints.cc
Result<Answer> status_config(const ApiSources& sources, const Call& call);
Result<Answer> status_flags(const ApiSources& sources, const Call& call);
Result<Answer> status_build_info(const ApiSources& sources, const Call& call);
Result<Answer> status_runtime_info(const ApiSources& sources, const Call& call);
Result<Answer> features(const ApiSources& sources, const Call& call);
Result<Answer> status_tsdb(const ApiSources& sources, const Call& call);
Result<Answer> status_tsdb_blocks(const ApiSources& sources, const Call& call);

// admin_endpoints.cc
Result<Answer> delete_series(const ApiSources& sources, const Call& call);
Result<Answer> clean_tombstones(const ApiSources& sources, const Call& call);
Result<Answer> snapshot(const ApiSources& sources, const Call& call);
// running_query_endpoints.cc
Result<Answer> status_queries(const ApiSources& sources, const Call& call);
Result<Answer> cancel_query(const ApiSources& sources, const Call& call);

inline constexpr std::string_view kTruncated = "results truncated due to limit";

}  // namespace narthex::web

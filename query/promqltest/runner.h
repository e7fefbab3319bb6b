// Runner: runs a script of the PromQL test language and says which of its cases failed.
//
// Each `eval` is one case. An instant query is also run with its selectors pinned to the
// time by @, at other times, and each of these as the middle of a range query: all must
// give the same answer.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "query/engine/engine.h"
#include "query/engine/result.h"
#include "query/promqltest/store.h"

namespace narthex::query {

/// What scripts expect of the engine: everything experimental, delayed name removal, start
/// timestamps, five minutes of lookback, subqueries by the minute, 10,000 samples.
EngineOptions script_engine_options();

using Evaluate = std::function<Result<QueryResult>(storage::Queryable& store, const QueryRequest& query)>;

struct FailedCase {
  std::uint32_t line = 0;
  std::string query;  ///< as written; empty if the block is no `eval`
  std::string run;    ///< which of the runs failed: `instant query foo @ 300.000 at 60s`
  std::string why;
  std::string expected;  ///< empty if `why` says it all
  std::string got;
};

/// As it is shown: `FILE:LINE: ...`, several lines.
std::string to_text(const FailedCase& failed, std::string_view file);

struct ScriptReport {
  std::size_t passed = 0;
  std::vector<FailedCase> failed;
};

ScriptReport run_script(std::string_view text, const StoreFactory& make_store, const Evaluate& evaluate);

}  // namespace narthex::query

// What a rule asks and gets: an instant query, its vector, and the samples made of it.
//
// Threads: a QueryFunction may be called from any thread; it blocks until the query has ended.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "model/labels.h"
#include "model/result.h"
#include "model/time.h"
#include "query/engine/result.h"
#include "storage/querier.h"
#include "sync/stop_token.h"

namespace narthex::query {
class Engine;
}

namespace narthex::rules {

/// An instant query, and the group that asks.
struct RuleQuery {
  std::string_view expr;
  Timestamp at = 0;
  std::string_view file;
  std::string_view group;
};

/// Errors: as query::Engine::run.
using QueryFunction =
    std::function<Result<query::QueryResult>(const RuleQuery& query, const sync::StopToken& stop)>;

/// Asks `engine` about `store`; both must outlive the function.
QueryFunction engine_query(query::Engine& engine, storage::Queryable& store);

/// One element of an expression's result.
struct VectorSample {
  Labels labels;
  double value = 0;
  bool is_histogram = false;  ///< then `value` is 0
};

/// A scalar becomes one sample without labels. Errors: execution (`rule result is not a vector or scalar`).
Result<std::vector<VectorSample>> to_vector(query::QueryResult result);

/// What a rule writes.
struct OutputSample {
  Labels labels;
  Timestamp t = 0;
  double v = 0;
};

}  // namespace narthex::rules

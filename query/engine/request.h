// QueryRequest: what is asked of the engine, and by whom.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/time.h"

namespace narthex::query {

/// Who asks; for the query log and the list of running queries.
struct QueryOrigin {
  enum class Kind : std::uint8_t { unknown, http, rule };
  Kind kind = Kind::unknown;
  std::string client;  ///< http: address without port
  std::string method;
  std::string path;  ///< without the route prefix
  std::string file;  ///< rule: of its group
  std::string group;
};

/// How much of the operator tree is told beside the result.
enum class ProfileLevel : std::uint8_t {
  none,
  plan,      ///< the tree; the query is not evaluated
  measured,  ///< the tree with what each node cost
};

struct QueryRequest {
  std::string query;
  Timestamp start = 0;
  Timestamp end = 0;    ///< == start for an instant query
  DurationMs step = 0;  ///< 0: instant query
  std::optional<DurationMs> lookback;
  std::optional<DurationMs> timeout;  ///< the shorter of this and the engine's wins
  bool per_step_stats = false;        ///< stats=all; needs the engine's option too
  ProfileLevel profile = ProfileLevel::none;
  /// The result may name its series by ids where that takes less memory: QueryResult::labels_of() tells
  /// their labels.
  bool may_keep_ids = false;
  QueryOrigin origin;
};

}  // namespace narthex::query

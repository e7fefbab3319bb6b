// Api: /api/v1 as Prometheus 3.14 answers it.
//
// Each endpoint is a function from parameters to an Answer; Api routes, wraps the answer in
// the envelope and hands it out in pieces, long after the query has given its slot back.
// Format: docs/api.md; source: Prometheus web/api/v1/api.go.
//
// Threads: any; endpoints run on pool threads and may block, but for handle_if_small().
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "model/clock.h"
#include "model/result.h"
#include "query/engine/engine.h"
#include "query/promql/language_features.h"
#include "rules/status.h"
#include "scrape/manager.h"
#include "storage/querier.h"
#include "tsdb/db.h"
#include "web/api/parameters.h"
#include "web/server/message.h"

namespace narthex::web {

/// What the API shows of the process; times in ms.
struct RuntimeStatus {
  Timestamp start_time = 0;
  std::string working_directory;
  std::string hostname;
  bool reload_succeeded = true;
  Timestamp last_reload = 0;
  std::string storage_retention;  ///< "15d" or "15d or 10GiB"
  std::size_t threads = 0;
};

/// Where answers come from. All must outlive the Api.
struct ApiSources {
  query::Engine& engine;
  tsdb::Db& db;
  const scrape::ScrapeManager& scrape;
  std::function<std::vector<rules::GroupStatus>()> rule_groups;
  std::function<rules::AlertmanagerStatus()> alertmanagers;
  std::function<std::shared_ptr<const config::Config>()> config;
  std::function<RuntimeStatus()> runtime;
  std::map<std::string, std::string> flags;
  bool admin_enabled = false;        ///< --web.enable-admin-api
  query::LanguageFeatures features;  ///< of the whole server, under Prometheus' names
  const Clock& clock;
};

/// One call of an endpoint.
struct Call {
  const Request& request;
  const Parameters& parameters;
  std::string_view tail;  ///< what a `*` in the route's path stands for
};

/// What an endpoint says: `data` as JSON pieces, and what stands beside it.
struct Answer {
  /// Appends the next piece of the JSON value; false when it is complete. None at all: status 204.
  BodyPieces data;
  std::vector<std::string> warnings;
  std::vector<std::string> infos;

  /// Data that is complete already.
  static Answer of(std::string json);
};

class Api {
 public:
  explicit Api(ApiSources sources);
  ~Api();

  /// @param path  behind /api/v1
  Response handle(const Request& request, std::string_view path) const;
  /// For I/O threads: a query that takes next to nothing. Nothing: it is for handle().
  [[nodiscard]] std::optional<Response> handle_if_small(const Request& request, std::string_view path) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The JSON answer for an error, with Prometheus' errorType and status.
Response error_response(const Error& error);

}  // namespace narthex::web

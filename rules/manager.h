// RuleManager: the rule groups of all rule files, each on its schedule, and the notifier that
// their alerts go to.
//
// A reload keeps groups that did not change, lets others take over the state of their
// predecessors, and marks the series of those that are gone as stale.
//
// Threads: any. Loops run on the given executor, evaluations on the pool.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "io/file_system.h"
#include "model/clock.h"
#include "model/result.h"
#include "query/promql/parser.h"
#include "rules/query.h"
#include "rules/status.h"
#include "storage/appender.h"
#include "sync/thread_pool.h"

namespace prometheus {
class Registry;
}

namespace narthex::rules {

struct RuleOptions {
  std::string external_url;  ///< of links in alerts, and $externalURL
  DurationMs resend_delay = 60'000;
  std::uint64_t queue_capacity = 10'000;  ///< alerts per Alertmanager
  std::uint64_t batch_size = 256;         ///< alerts per request
  bool drain_on_shutdown = true;
  std::string version = "3.14.0";  ///< User-Agent: Prometheus/<version>
};

class RuleManager {
 public:
  /// Everything referred to must outlive the manager.
  RuleManager(boost::asio::any_io_executor executor, sync::ThreadPool& pool, query::Engine& engine,
              storage::Queryable& queryable, storage::Appendable& store, io::FileSystem& fs,
              const Clock& clock, RuleOptions options, prometheus::Registry* registry);
  /// With another evaluator than the engine.
  RuleManager(boost::asio::any_io_executor executor, sync::ThreadPool& pool, QueryFunction query,
              query::ParserOptions parser, storage::Appendable& store, io::FileSystem& fs, const Clock& clock,
              RuleOptions options, prometheus::Registry* registry);
  /// Must have been stopped.
  ~RuleManager();
  RuleManager(const RuleManager&) = delete;
  RuleManager& operator=(const RuleManager&) = delete;

  /// Reads all rule files, parses their expressions and templates, and makes the clients for
  /// the Alertmanagers; only if all of it is good does anything change.
  /// Errors: invalid (`FILE:LINE:COLUMN: group "g", rule 1, "name": ...`), not_found, io.
  Result<void> apply(std::shared_ptr<const config::Config> config);
  /// Ends queries and loops without staleness markers, then drains the notifier's queues.
  boost::asio::awaitable<void> stop();

  /// By file, then name.
  [[nodiscard]] std::vector<GroupStatus> groups() const;
  [[nodiscard]] AlertmanagerStatus alertmanagers() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// What apply() would say of one rule file, for checks without a server.
/// @return  how many rules there are
Result<std::size_t> check_rule_file(io::FileSystem& fs, const std::string& path, bool legacy_names,
                                    const query::ParserOptions& parser);

}  // namespace narthex::rules

// ServerProcess: the whole server, wired: what starts in which order, how it reloads, how it
// ends.
//
// Start: listeners are bound and answer (503 but for health and /metrics) -> scraping begins, what
// comes in is held -> the database opens -> configuration and rules apply -> what was held is taken
// in -> ready. Stop: not ready any more -> scraping and rules end -> notifications drain -> requests get
// some seconds -> the database closes.
//
// Threads: run() on main; it owns the I/O threads and the pools. A scrape is never behind a
// query: parsing and appending, requests, and rules each have threads of their own.
#pragma once

#include <memory>

#include "apps/narthex/flags.h"
#include "config/config.h"
#include "model/result.h"

namespace narthex::apps {

class ServerProcess {
 public:
  /// @param config  already read from flags.config_file
  ServerProcess(Flags flags, std::shared_ptr<const config::Config> config);
  ~ServerProcess();

  /// Serves until SIGTERM, SIGINT or /-/quit. Errors: io, invalid (a listener cannot be bound,
  /// the data directory cannot be opened...).
  Result<void> run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The URL users reach us under, without a slash at its end; from the first listen address
/// and the host's name if `external_url` is empty. Errors: invalid.
Result<std::string> effective_external_url(const std::string& external_url,
                                           const std::string& listen_address);
/// "/prefix" or "/"; the URL's path if `route_prefix` is empty.
std::string effective_route_prefix(const std::string& route_prefix, const std::string& external_url);

}  // namespace narthex::apps

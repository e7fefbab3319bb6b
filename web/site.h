// Site: every route of the server beside /api/v1: the browser app, health, lifecycle,
// /metrics, and the rules that hold for all (prefix, readiness, CORS, request metrics).
//
// Threads: any; handle() runs on pool threads and may block.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "model/regex.h"
#include "model/result.h"
#include "web/api/api.h"
#include "web/server/message.h"

namespace prometheus {
class Registry;
}

namespace narthex::web {

enum class Readiness : std::uint8_t { starting, ready, stopping };

struct SiteOptions {
  std::string route_prefix = "/";  ///< begins with a slash; "/" = none
  std::string page_title = "Prometheus Time Series Collection and Processing Server";
  Regex cors_origin;
  bool lifecycle = false;  ///< --web.enable-lifecycle
};

struct SiteActions {
  std::function<Readiness()> readiness;
  std::function<Result<void>()> reload;
  std::function<void()> quit;
  std::function<std::string()> metrics_text;
};

class Site {
 public:
  /// @param api  may be null until the server is ready: then /api/v1 answers 503
  Site(SiteOptions options, SiteActions actions, std::function<const Api*()> api,
       prometheus::Registry& registry);
  ~Site();

  Response handle(const Request& request) const;
  /// Health and readiness, which are told from a flag, and queries that take next to nothing: for the I/O
  /// thread. Nothing: it is for handle().
  [[nodiscard]] std::optional<Response> handle_at_once(const Request& request) const;
  /// A query, which may wait for a slot of the engine.
  [[nodiscard]] bool is_query(const Request& request) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace narthex::web

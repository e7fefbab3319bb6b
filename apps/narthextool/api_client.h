// ApiClient: asks a Prometheus or Narthex over its HTTP API, as promtool's client does.
//
// Threads: one at a time; its functions block.
// Source: client_golang api/prometheus/v1/api.go
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "model/result.h"

namespace boost::json {
class value;
}

namespace narthex::apps {

struct ApiAnswer {
  std::shared_ptr<const boost::json::value> data;  ///< never null
  std::vector<std::string> warnings;
};

/// Where to ask, and how.
struct ApiTarget {
  std::string url;  ///< of the server; without a scheme it is http
  config::HttpConfig http;
  std::vector<std::pair<std::string, std::string>> headers;
};

using ApiParameters = std::vector<std::pair<std::string, std::string>>;

class ApiClient {
 public:
  /// Errors: invalid (URL, certificates).
  static Result<std::unique_ptr<ApiClient>> make(ApiTarget target);
  ~ApiClient();

  /// @param path  behind /api/v1
  /// Errors: io, timeout; execution: what the server says, `bad_data: invalid parameter ...`, and
  /// where it speaks no JSON `client_error: client error: 404 (detail: 404 page not found)`.
  Result<ApiAnswer> get(std::string_view path, const ApiParameters& parameters);
  /// By POST, by GET where the server does not take it.
  Result<ApiAnswer> post(std::string_view path, const ApiParameters& parameters);

 private:
  struct Impl;
  explicit ApiClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace narthex::apps

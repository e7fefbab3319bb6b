// HttpClient: one HTTP/1.1 client for scraping, discovery and Alertmanagers.
//
// Keeps connections alive per host and port, follows redirects (credentials stay with their
// host), inflates gzip under a limit, speaks TLS, and gives up at the deadline. One concrete
// stream (plain or TLS) feeds Beast's parser.
//
// Threads: any; a coroutine that sends must run on a strand (TaskGroup) or a context of one thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "config/config.h"
#include "model/result.h"
#include "net/http.h"
#include "net/stream.h"

namespace narthex::net {

struct Request {
  std::string method = "GET";
  std::string url;  ///< absolute
  Headers headers;  ///< beside Host, auth and Content-Length, which the client adds
  std::string body;
  std::chrono::milliseconds timeout{10'000};
  std::uint64_t max_body_bytes = 0;  ///< decompressed; 0 = 256 MiB
  bool accept_gzip = true;
  /// false: a gzip body is handed on as it came, for a caller that inflates it (net/gzip.h) on a
  /// pool thread; it may be a little longer than max_body_bytes, as gzip makes small bodies longer.
  bool inflate = true;
};

struct Response {
  int status = 0;
  std::string reason;  ///< as its author words it: `Not Found`
  Headers headers;
  std::string body;              ///< decompressed
  std::uint64_t wire_bytes = 0;  ///< body bytes as received
};

/// Gives a buffer whose memory a body may take over. Asked when an answer begins to come: requests
/// that wait for theirs hold none.
using BodyMemory = std::function<std::string()>;

/// What the sender of a request has for its answer.
struct Awaited {
  /// Of the body of such an answer, as received; 0: not known. Fewer wake-ups if it is about right.
  std::uint64_t usual_bytes = 0;
  BodyMemory memory;  ///< may be empty
};

struct PreparedRequest;

class HttpClient {
 public:
  /// @param executor  that sockets are made on: the context's own, not a strand
  /// @param config  authentication, TLS, redirects. Errors: invalid, io (certificates, files).
  static Result<std::shared_ptr<HttpClient>> make(boost::asio::any_io_executor executor,
                                                  config::HttpConfig config);
  ~HttpClient();

  /// Sends and receives the whole answer, whatever its status.
  /// Errors: timeout (`context deadline exceeded`, as Prometheus words it), limit (body over
  /// max_body_bytes), io (`Get "URL": dial tcp 127.0.0.1:1: connect: connection refused`),
  /// invalid (bad URL), corruption (not HTTP, bad gzip).
  Awaitable<Result<Response>> send(Request request, Awaited awaited = {});
  /// For a request that is sent again and again: what of it is always the same is worked out once.
  /// Errors: invalid (bad URL, header with a line break).
  [[nodiscard]] Result<std::shared_ptr<const PreparedRequest>> prepare(Request request) const;
  /// @param request  that this client prepared
  /// Errors: as above
  Awaitable<Result<Response>> send(std::shared_ptr<const PreparedRequest> request, Awaited awaited = {});

 private:
  struct Impl;
  explicit HttpClient(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace narthex::net

// PreparedRequest: a request of HttpClient whose address was parsed and whose head was composed, for
// whoever sends it again and again. Credentials are not in it: they are those of the moment.
//
// Threads: any; it does not change.
#pragma once

#include <memory>
#include <string>

#include "config/config.h"
#include "model/result.h"
#include "net/http_client.h"
#include "net/url.h"

namespace narthex::net {

struct PreparedRequest {
  Request request;
  Url url;             ///< request.url
  std::string origin;  ///< url.origin()
  /// Request line and headers, each with its line break; neither Authorization nor the blank line.
  std::string head;
  /// The host is the one that the client's credentials and headers are meant for.
  bool trusted = true;

  /// As Go begins the errors of a request: `Get "http://a/b"`.
  [[nodiscard]] std::string shown() const;

  /// @param config  of the client that will send it
  /// Errors: invalid (address, headers).
  static Result<std::shared_ptr<const PreparedRequest>> make(Request request,
                                                             const config::HttpConfig& config);
  /// What follows a redirect: `next` is the request before it with another address, and may have become
  /// a GET. @param first_host  that was asked first: credentials stay with it
  static Result<std::shared_ptr<const PreparedRequest>> make_redirected(Request next,
                                                                        const config::HttpConfig& config,
                                                                        const std::string& first_host);
};

/// A header value with a line break would end the header and begin what its author likes.
bool has_line_break(std::string_view text);

}  // namespace narthex::net

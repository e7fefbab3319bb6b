// Url: the parts of an absolute http or https address that a client needs.
#pragma once

#include <string>
#include <string_view>

#include "model/result.h"

namespace narthex::net {

struct Url {
  std::string scheme;       ///< http or https
  std::string host;         ///< without the brackets of an IPv6 literal
  std::string port;         ///< never empty: the scheme's own if none is given
  std::string target;       ///< path and query as sent, at least "/"
  std::string host_header;  ///< host and port as written in the address
  std::string user;         ///< percent-decoded, as is the password
  std::string password;
  std::string shown;  ///< the whole address for messages, its password hidden

  [[nodiscard]] bool is_tls() const { return scheme == "https"; }
  /// Connections, and credentials, are shared among equal origins.
  [[nodiscard]] std::string origin() const { return scheme + "://" + host + " " + port; }
};

/// Bytes that must not stand in an address are percent-encoded first, as Go does.
/// Errors: invalid.
Result<Url> parse_url(std::string_view text);
/// The absolute address of `reference` seen from `base` (RFC 3986, section 5). Errors: invalid.
Result<std::string> resolve_url(std::string_view base, std::string_view reference);

}  // namespace narthex::net

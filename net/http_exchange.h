// exchange: one HTTP/1.1 request and its answer on a connected Stream.
//
// Threads: the stream's strand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/http_client.h"
#include "net/stream.h"

namespace narthex::net {

struct Exchange {
  std::string_view head;  ///< request line and headers, blank line included
  std::string_view body;
  bool head_only = false;            ///< a HEAD request: its answer has no body
  std::uint64_t max_body_bytes = 0;  ///< as received
  std::uint64_t usual_bytes = 0;     ///< of such an answer's body, as received; 0: not known
};

struct ExchangeResult {
  Response response;        ///< body as received
  bool keep_alive = false;  ///< the stream may carry another request
};

/// How far it got, for whoever decides on a second try and words the error.
struct ExchangeError {
  Error error;
  bool answered = false;  ///< at least one byte of the answer came
  bool in_body = false;   ///< the headers were complete
};

/// `request`, the texts in it and `memory` must stay valid until the answer.
/// Errors: io, timeout, cancelled (as Stream); limit (body over max_body_bytes); corruption.
Awaitable<Result<ExchangeResult, ExchangeError>> exchange(Stream& stream, const Exchange& request,
                                                          const BodyMemory& memory);

}  // namespace narthex::net

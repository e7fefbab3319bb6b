// A request as handlers see it, and the answer they give; no sockets, no Beast.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http.h"
#include "sync/stop_token.h"

namespace narthex::web {

struct Request {
  std::string method;
  std::string path;   ///< percent-decoded, without the query
  std::string query;  ///< behind the `?`, as it came
  net::Headers headers;
  std::string body;
  std::string peer;      ///< address of the client
  sync::StopToken stop;  ///< stops when the client goes away or the server shuts down
};

/// Appends the next piece of a body to `out`; false when nothing is left.
using BodyPieces = std::function<bool(std::string& out)>;

struct Response {
  int status = 200;
  net::Headers headers;  ///< beside Date, Content-Length, Transfer-Encoding and Content-Encoding
  std::string body;
  BodyPieces pieces;  ///< instead of body: sent chunk by chunk as the client takes it

  static Response text(int status, std::string body) {
    return {status,
            {{"Content-Type", "text/plain; charset=utf-8"}, {"X-Content-Type-Options", "nosniff"}},
            std::move(body),
            {}};
  }
};

/// Answers one request. Called on a pool thread; may block.
using Handler = std::function<Response(const Request&)>;
/// Answers on the I/O thread what takes next to nothing and waits for nothing; nothing: it is for the
/// Handler.
using QuickHandler = std::function<std::optional<Response>(const Request&)>;

}  // namespace narthex::web

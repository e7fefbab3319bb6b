#include "web/server/connection.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <ctime>
#include <utility>

#include "telemetry/log.h"
#include "web/server/body_encoder.h"

namespace narthex::web {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
/// Shorter bodies are not worth compressing.
constexpr std::size_t kCompressFrom = 1024;
/// How often a waiting connection looks whether its client is still there.
constexpr auto kClientCheck = std::chrono::milliseconds(200);
const std::function<void()> kNoWatch;
/// Sent and encoded in turns: each piece is a trip to a pool thread and back.
constexpr std::size_t kPieceBytes = 256 * 1024;

using Parser = http::request_parser<http::string_body>;

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 302:
      return "Found";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Request Entity Too Large";
    case 422:
      return "Unprocessable Entity";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

/// Made once a second; valid until the thread's next call.
std::string_view http_date() {
  thread_local std::time_t made_at = -1;
  thread_local char text[40];
  thread_local std::size_t length = 0;
  if (const std::time_t now = std::time(nullptr); now != made_at) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    length = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    made_at = now;
  }
  return {text, length};
}

/// The answer's head. @param length  nothing: chunked
std::string head_of(const Response& response, std::optional<std::size_t> length, bool keep_alive) {
  constexpr std::size_t kUsualHead = 512;
  std::string head;
  head.reserve(kUsualHead);
  const auto line = [&head](std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) head += part;
    head += "\r\n";
  };
  line({"HTTP/1.1 ", fmt::format_int(response.status).c_str(), " ", reason_of(response.status)});
  line({"Date: ", http_date()});
  for (const auto& [name, value] : response.headers) line({name, ": ", value});
  if (response.status != 204) {
    if (length) {
      line({"Content-Length: ", fmt::format_int(*length).c_str()});
    } else {
      head += "Transfer-Encoding: chunked\r\n";
    }
  }
  if (!keep_alive) head += "Connection: close\r\n";
  head += "\r\n";
  return head;
}

/// Work that a pool does for a coroutine.
template <class Value>
struct Pending {
  explicit Pending(const asio::any_io_executor& strand) : done(strand) {}
  asio::steady_timer done;
  std::optional<Value> value;
};

/// Begins `work` on the pool, for a coroutine of `strand` that waits with finished().
template <class Value>
std::shared_ptr<Pending<Value>> begin_on_pool(sync::ThreadPool* pool, const asio::any_io_executor& strand,
                                              const std::function<Value()>& work) {
  auto pending = std::make_shared<Pending<Value>>(strand);
  pool->post([pending, strand, work] {
    auto value = std::make_shared<Value>(work());
    asio::post(strand, [pending, value] {
      pending->value = std::move(*value);
      pending->done.cancel();
    });
  });
  return pending;
}

/// The coroutine goes on, on its strand, when the work is done. While it waits, `watch`, if there is one, is
/// called now and then. Arguments must be named objects of the caller: GCC 12 misplaces temporaries (closures
/// above all) that are part of a co_await expression.
template <class Value>
asio::awaitable<Value> finished(std::shared_ptr<Pending<Value>> pending, const std::function<void()>& watch) {
  while (!pending->value) {
    pending->done.expires_at(watch ? std::chrono::steady_clock::now() + kClientCheck
                                   : std::chrono::steady_clock::time_point::max());
    co_await pending->done.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!pending->value && watch) watch();
  }
  co_return std::move(*pending->value);
}

enum class Read : std::uint8_t { request, closed, bad, too_large, header_too_large };

/// What a connection reads with.
struct Input {
  std::string pending;  ///< bytes that came with the request before
  std::string chunk = std::string(kReadBytes, '\0');
};

/// Reads one request.
asio::awaitable<Read> read_request(net::Stream& stream, Input& input, Parser& parser) {
  auto& [pending, chunk] = input;
  bool began = !pending.empty();
  for (;;) {
    while (!pending.empty()) {
      boost::system::error_code ec;
      const std::size_t used = parser.put(asio::buffer(pending), ec);
      pending.erase(0, used);
      if (ec == http::error::need_more) break;
      if (ec == http::error::body_limit) co_return Read::too_large;
      if (ec == http::error::header_limit) co_return Read::header_too_large;
      if (ec) co_return Read::bad;
      if (parser.is_done()) co_return Read::request;
      if (used == 0) break;
    }
    if (parser.is_done()) co_return Read::request;
    if (parser.is_header_done() && parser.get()[http::field::expect] == "100-continue") {
      parser.get().erase(http::field::expect);
      if (!co_await stream.write("HTTP/1.1 100 Continue\r\n\r\n")) co_return Read::closed;
    }
    auto got = co_await stream.read_some(chunk);
    if (!got || *got == 0) co_return began&& got ? Read::bad : Read::closed;
    began = true;
    pending.append(chunk, 0, *got);
  }
}

/// Nothing if the target cannot be understood.
/// @param peer  address of the client
std::optional<Request> to_request(Parser& parser, const std::string& peer) {
  auto& message = parser.get();
  Request request;
  request.method = std::string(message.method_string());
  std::string_view target(message.target().data(), message.target().size());
  if (const std::size_t scheme = target.find("://");
      scheme != std::string_view::npos && !target.starts_with('/')) {
    const std::size_t slash = target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  const std::size_t mark = std::min(target.find('?'), target.size());
  auto path = net::percent_decode(target.substr(0, mark), false);
  if (!path || !path->starts_with('/')) return std::nullopt;
  request.path = std::move(*path);
  if (mark < target.size()) request.query = std::string(target.substr(mark + 1));
  for (const auto& field : message) {
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  request.body = std::move(message.body());
  request.peer = peer;
  return request;
}

bool client_is_gone(net::Stream& stream) {
  char byte = 0;
  const auto got = ::recv(stream.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

/// An answer with the first piece of its body.
struct Prepared {
  Response response;
  std::shared_ptr<BodyEncoder> encoder;
  std::string first;
  bool more = false;
};

void vary_by_encoding(net::Headers& headers) {
  for (auto& [name, value] : headers) {
    if (name != "Vary") continue;
    value += ", Accept-Encoding";
    return;
  }
  headers.emplace_back("Vary", "Accept-Encoding");
}

/// Appends a piece that is worth a trip to the pool. @return  whether there is more
bool next_piece(BodyEncoder& encoder, std::string& out) {
  while (encoder.next(out))
    if (out.size() >= kPieceBytes) return true;
  return false;
}

/// Chooses the encoding and makes the first piece.
Prepared prepare(Response made, const Request& request) {
  Prepared prepared;
  prepared.response = std::move(made);
  Response& response = prepared.response;
  const bool encoded = net::find_header(response.headers, "Content-Encoding").has_value();
  const auto accept = net::find_header(request.headers, "Accept-Encoding");
  ContentCoding coding = ContentCoding::identity;
  if (!encoded && accept && (response.pieces || response.body.size() >= kCompressFrom))
    coding = choose_coding(*accept);
  if (!encoded) vary_by_encoding(response.headers);
  if (coding == ContentCoding::gzip) response.headers.emplace_back("Content-Encoding", "gzip");
  if (coding == ContentCoding::deflate) response.headers.emplace_back("Content-Encoding", "deflate");
  prepared.encoder = std::make_shared<BodyEncoder>(response, coding);
  prepared.more = next_piece(*prepared.encoder, prepared.first);
  return prepared;
}

Response handle(const Handler& handler, const Request& request) {
  try {
    return handler(request);
  } catch (const std::exception& e) {
    telemetry::error("a request failed by a bug", {{"path", request.path}, {"err", e.what()}});
    return Response::text(500, "Internal Server Error\n");
  }
}

std::string chunk_head(std::size_t size) {
  return fmt::format("{:x}\r\n", size);
}

asio::awaitable<Result<void>> write(net::Stream& stream, const Serving& serving, std::string head,
                                    std::string_view body = {}) {
  stream.expires_after(serving.options.write_timeout);
  co_return co_await stream.write(head, body);
}

/// One chunk of a body; an empty one would end it.
asio::awaitable<Result<void>> write_chunk(net::Stream& stream, const Serving& serving, std::string& piece) {
  if (piece.empty()) co_return Result<void>();
  std::string head = chunk_head(piece.size());
  piece += "\r\n";
  co_return co_await write(stream, serving, std::move(head), piece);
}

asio::awaitable<Result<void>> send(net::Stream& stream, Serving& serving, Prepared prepared, bool is_head,
                                   bool keep_alive) {
  if (!prepared.more || is_head) {
    const bool no_body = is_head || prepared.response.status == 204;
    const auto length = prepared.more ? std::nullopt : std::optional(prepared.first.size());
    co_return co_await write(stream, serving, head_of(prepared.response, length, keep_alive),
                             no_body ? std::string_view() : prepared.first);
  }
  if (auto r = co_await write(stream, serving, head_of(prepared.response, std::nullopt, keep_alive)); !r)
    co_return r;
  using Piece = std::pair<std::string, bool>;
  // The buffer of a piece that was sent is filled again. Touched by the pool or by us, in turns.
  const auto spare = std::make_shared<std::string>();
  const std::function<Piece()> encode = [encoder = prepared.encoder, spare] {
    Piece out{std::move(*spare), false};
    out.first.clear();
    out.second = next_piece(*encoder, out.first);
    return out;
  };
  const auto strand = co_await asio::this_coro::executor;
  std::string piece = std::move(prepared.first);
  for (bool more = true; more;) {
    // The next piece is encoded while this one is sent.
    auto next = begin_on_pool(&serving.pool, strand, encode);
    const auto sent = co_await write_chunk(stream, serving, piece);
    auto [text, again] = co_await finished(next, kNoWatch);
    if (!sent) co_return sent;
    *spare = std::exchange(piece, std::move(text));
    more = again;
  }
  if (auto r = co_await write_chunk(stream, serving, piece); !r) co_return r;
  co_return co_await write(stream, serving, "0\r\n\r\n");
}

asio::awaitable<void> refuse(net::Stream& stream, Serving& serving, int status, std::string_view why) {
  Response response = Response::text(status, fmt::format("{} {}: {}\n", status, reason_of(status), why));
  stream.expires_after(serving.options.write_timeout);
  const std::string head = head_of(response, response.body.size(), false);
  // The connection ends here either way: whether the client still reads this changes nothing.
  (void)co_await stream.write(head, response.body);
}

struct UnderWay {
  explicit UnderWay(Serving& s) : serving(s) { ++serving.requests_under_way; }
  ~UnderWay() { --serving.requests_under_way; }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;
  Serving& serving;
};

/// Nothing: it is for a pool thread.
std::optional<Response> answer_at_once(const ServerHandlers& handlers, const Request& request) {
  std::optional<Response> response;
  if (!handlers.quick) return response;
  // A failure here is nobody's answer yet: the pool thread's is.
  try {
    response = handlers.quick(request);
  } catch (const std::exception& e) {
    telemetry::error("a request failed by a bug", {{"path", request.path}, {"err", e.what()}});
  }
  return response;
}

/// @return whether the connection can take another request
asio::awaitable<bool> answer(net::Stream& stream, std::shared_ptr<Serving> serving, Parser& parser,
                             const std::string& peer) {
  const bool keep_alive = parser.get().keep_alive() && !serving->stopping;
  auto request = to_request(parser, peer);
  if (!request) {
    co_await refuse(stream, *serving, 400, "the request target is not a path");
    co_return false;
  }
  const UnderWay under_way(*serving);
  const bool is_head = request->method == "HEAD";
  const sync::StopSource stop;
  request->stop = stop.token();
  stream.expires_never();
  if (auto quick = answer_at_once(serving->handlers, *request)) {
    Prepared prepared = prepare(std::move(*quick), *request);
    const auto sent = co_await send(stream, *serving, std::move(prepared), is_head, keep_alive);
    co_return sent.has_value() && keep_alive;
  }
  const bool is_slow = serving->handlers.is_slow && serving->handlers.is_slow(*request);
  sync::ThreadPool* const pool = is_slow ? serving->handlers.slow_pool : &serving->pool;
  const std::function<Prepared()> work = [serving, request = std::make_shared<Request>(std::move(*request))] {
    return prepare(handle(serving->handlers.handler, *request), *request);
  };
  const std::function<void()> watch = [&stream, &serving, &stop] {
    if (client_is_gone(stream)) stop.stop(sync::StopReason::client_gone);
    if (serving->stopping) stop.stop(sync::StopReason::shutdown);
  };
  const auto strand = co_await asio::this_coro::executor;
  const auto pending = begin_on_pool(pool, strand, work);
  Prepared prepared = co_await finished(pending, watch);
  const auto sent = co_await send(stream, *serving, std::move(prepared), is_head, keep_alive);
  co_return sent.has_value() && keep_alive;
}

}  // namespace

asio::awaitable<void> serve(std::shared_ptr<Serving> serving, std::shared_ptr<net::Stream> stream) {
  Input input;
  const std::string peer = stream->remote_address();
  for (bool open = true; open;) {
    Parser parser;
    parser.eager(true);
    parser.body_limit(serving->options.max_body_bytes);
    parser.header_limit(serving->options.max_header_bytes);
    stream->expires_after(serving->options.read_timeout);
    const Read read = co_await read_request(*stream, input, parser);
    switch (read) {
      case Read::request:
        open = co_await answer(*stream, serving, parser, peer);
        break;
      case Read::bad:
        co_await refuse(*stream, *serving, 400, "this is not HTTP/1.1");
        open = false;
        break;
      case Read::too_large:
        co_await refuse(*stream, *serving, 413,
                        fmt::format("the body is over {} bytes", serving->options.max_body_bytes));
        open = false;
        break;
      case Read::header_too_large:
        co_await refuse(*stream, *serving, 431,
                        fmt::format("the header is over {} bytes", serving->options.max_header_bytes));
        open = false;
        break;
      case Read::closed:
        open = false;
        break;
    }
  }
  stream->expires_after(std::chrono::seconds(1));
  co_await stream->shutdown();
}

}  // namespace narthex::web

#include "net/http_exchange.h"

#include <algorithm>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "model/labels.h"

namespace narthex::net {

namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

/// Enough for the headers and a small body; the buffer of an answer that fills it grows.
constexpr std::size_t kFirstBufferBytes = 8 * 1024;
constexpr std::size_t kBufferBytes = 64 * 1024;
constexpr std::uint32_t kMaxHeaderBytes = 60 * 1024;  // must fit the buffer: Beast parses it in one piece
/// Behind a body its readers put a few bytes of their own.
constexpr std::size_t kBodySlack = 256;
constexpr int kMaxInterim = 5;

/// A body that is appended to a string as it comes. (Beast's string_body writes zeros first.)
struct AppendedBody {
  using value_type = std::string;
  static std::uint64_t size(const value_type& body) { return body.size(); }

  class reader {
   public:
    template <bool is_request, class Fields>
    reader(http::header<is_request, Fields>& /*header*/, value_type& body) : body_(body) {}
    void init(const boost::optional<std::uint64_t>& /*length*/, error_code& ec) { ec = {}; }
    template <class Buffers>
    std::size_t put(const Buffers& buffers, error_code& ec) {
      ec = {};
      std::size_t taken = 0;
      for (const boost::asio::const_buffer piece : boost::beast::buffers_range_ref(buffers)) {
        body_.append(static_cast<const char*>(piece.data()), piece.size());
        taken += piece.size();
      }
      return taken;
    }
    void finish(error_code& ec) { ec = {}; }

   private:
    value_type& body_;
  };
};

using Parser = http::response_parser<AppendedBody>;

// Bytes received and not yet parsed.
class ReadBuffer {
 public:
  [[nodiscard]] std::string_view unread() const { return {bytes_.get() + begin_, end_ - begin_}; }
  void consume(std::size_t count) {
    begin_ += count;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  /// Where the next read goes; empty if the buffer is full of what cannot be parsed.
  std::span<char> room() {
    const bool grow = full_ && size_ < kBufferBytes;
    if (begin_ > 0 || grow) {
      auto to = grow ? std::make_unique_for_overwrite<char[]>(kBufferBytes) : nullptr;
      std::memmove(grow ? to.get() : bytes_.get(), bytes_.get() + begin_, end_ - begin_);
      if (grow) {
        bytes_ = std::move(to);
        size_ = kBufferBytes;
      }
      end_ -= begin_;
      begin_ = 0;
    }
    return {bytes_.get() + end_, size_ - end_};
  }
  void received(std::size_t count) {
    end_ += count;
    full_ = end_ == size_;
  }

 private:
  std::size_t size_ = kFirstBufferBytes;
  std::unique_ptr<char[]> bytes_ = std::make_unique_for_overwrite<char[]>(kFirstBufferBytes);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool full_ = false;  ///< the last read filled it: more was there
};

/// Makes `body`, of which `whole` bytes shall come, longer without writing zeros first. Memory is
/// taken for twice as much at most: a peer's claim alone is not worth it.
void grow(std::string& body, std::size_t size, std::uint64_t whole) {
  if (body.capacity() < size + kBodySlack) {
    std::string larger;
    // A little more than asked for: the next page may be a little longer.
    const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(whole, size * 2));
    larger.reserve(room + room / 16 + kBodySlack);
    larger = body;
    body = std::move(larger);
  }
  body.resize_and_overwrite(size, [](char* /*data*/, std::size_t count) { return count; });
}

class Receiver {
 public:
  /// @param reuse  may become the body
  Receiver(Stream& stream, const Exchange& request, std::string reuse)
      : stream_(stream), request_(request), reuse_(std::move(reuse)) {}

  Awaitable<Result<ExchangeResult, ExchangeError>> run() {
    const std::size_t there = stream_.take_available(buffer_.room());
    answered_ = there > 0;
    buffer_.received(there);
    for (int interim = 0; interim <= kMaxInterim; ++interim) {
      start();
      auto read = co_await read_message();
      if (!read)
        co_return std::unexpected(
            ExchangeError{std::move(read).error(), answered_, parser_->is_header_done()});
      if (parser_->get().result_int() >= 200) co_return finish();
      reuse_ = std::move(parser_->get().body());
    }
    Error endless{Code::corruption, "net/http: too many 1xx informational responses", std::nullopt};
    co_return std::unexpected(ExchangeError{std::move(endless), true, false});
  }

 private:
  void start() {
    parser_.emplace();
    parser_->eager(true);
    parser_->header_limit(kMaxHeaderBytes);
    parser_->body_limit(request_.max_body_bytes);
    parser_->skip(request_.head_only);
    reuse_.clear();
    parser_->get().body() = std::move(reuse_);
  }

  Awaitable<Result<void>> read_message() {
    while (!parser_->is_done()) {
      if (!buffer_.unread().empty()) {
        const std::string_view unread = buffer_.unread();
        error_code ec;
        const std::size_t parsed = parser_->put(boost::asio::const_buffer(unread.data(), unread.size()), ec);
        if (ec && ec != http::error::need_more) co_return std::unexpected(error_of(ec));
        buffer_.consume(parsed);
        if (!ec && parsed > 0) continue;
      }
      if (const std::uint64_t left = left_of_body(); left > 0) co_return co_await read_rest(left);
      const std::span<char> room = buffer_.room();
      if (room.empty()) co_return std::unexpected(error_of(http::error::header_limit));
      auto got = co_await stream_.read_some(room);
      if (!got) co_return pass(got);
      if (*got == 0) co_return end_of_stream();
      answered_ = true;
      buffer_.received(*got);
    }
    co_return Result<void>{};
  }

  /// Bytes to come of a body that comes as one piece and of which all that was read is in its
  /// place; 0: not known, or none.
  [[nodiscard]] std::uint64_t left_of_body() const {
    if (!parser_->is_header_done() || !buffer_.unread().empty()) return 0;
    const auto whole = parser_->content_length();
    const std::size_t have = parser_->get().body().size();
    return whole && *whole > have ? *whole - have : 0;
  }

  /// The rest of a large body goes straight to its place. The parser, which would only copy it,
  /// is not told.
  Awaitable<Result<void>> read_rest(std::uint64_t left) {
    std::string& body = parser_->get().body();
    const std::uint64_t whole = body.size() + left;
    for (bool first = true; left > 0; first = false) {
      const std::size_t have = body.size();
      const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(left, Stream::kMostAwaited));
      grow(body, have + step, whole);
      const std::span<char> room(body.data() + have, step);
      Result<std::size_t> got = first ? stream_.take_available(room) : std::size_t{0};
      if (*got == 0) {
        got = co_await stream_.read_awaited(room);
        if (!got || *got == 0) {
          body.resize(have);
          co_return got ? fail(Code::io, "unexpected EOF") : pass(got);
        }
      }
      body.resize(have + *got);
      left -= *got;
    }
    co_return Result<void>{};
  }

  Result<void> end_of_stream() {
    if (!answered_) return fail(Code::io, "EOF");
    error_code ec;
    parser_->put_eof(ec);
    if (ec || !parser_->is_done()) return fail(Code::io, "unexpected EOF");
    ended_ = true;
    return {};
  }

  Error error_of(const error_code& ec) const {
    if (ec == http::error::body_limit) return {Code::limit, "body size limit exceeded", std::nullopt};
    if (ec == http::error::header_limit)
      return {Code::limit, "net/http: server response headers exceeded 60 KiB", std::nullopt};
    if (parser_->is_header_done())
      return {Code::corruption, "malformed HTTP response body: " + ec.message(), std::nullopt};
    constexpr std::size_t kShown = 100;
    const std::string_view unread = buffer_.unread();
    const std::string_view line = unread.substr(0, std::min(unread.find_first_of("\r\n"), kShown));
    return {Code::corruption,
            "net/http: HTTP/1.x transport connection broken: malformed HTTP response " + quote(line),
            std::nullopt};
  }

  ExchangeResult finish() {
    ExchangeResult result;
    auto& message = parser_->get();
    result.response.status = static_cast<int>(message.result_int());
    result.response.reason = std::string(message.reason());
    for (const auto& field : message)
      result.response.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    result.response.body = std::move(message.body());
    result.response.wire_bytes = result.response.body.size();
    // Bytes beyond the answer mean that the peer and we no longer agree on where we are.
    result.keep_alive = !ended_ && message.keep_alive() && buffer_.unread().empty();
    return result;
  }

  Stream& stream_;
  const Exchange& request_;
  std::string reuse_;
  ReadBuffer buffer_;
  std::optional<Parser> parser_;
  bool answered_ = false;
  bool ended_ = false;
};

/// The thread sleeps until most of the answer is there, if it comes at once and is as long as usual:
/// a large page then costs one wake-up, and no second one for what follows its headers.
Awaitable<Result<void>> first_bytes(Stream& stream, std::uint64_t usual_bytes) {
  // A page shrinks a little now and then; in steps, so that the system need not be told every time.
  constexpr std::uint64_t kStep = 4 * 1024;
  constexpr std::chrono::milliseconds kPatience{20};
  const std::uint64_t awaited = (usual_bytes - usual_bytes / 8) / kStep * kStep;
  if (awaited == 0) return stream.readable();
  return stream.readable(std::min<std::uint64_t>(awaited, Stream::kMostAwaited), kPatience);
}

}  // namespace

Awaitable<Result<ExchangeResult, ExchangeError>> exchange(Stream& stream, const Exchange& request,
                                                          const BodyMemory& memory) {
  auto sent = co_await stream.write(request.head, request.body);
  // Only then is memory taken: many wait for slow peers at a time.
  if (sent) sent = co_await first_bytes(stream, request.usual_bytes);
  if (!sent) co_return std::unexpected(ExchangeError{std::move(sent).error(), false, false});
  Receiver receiver(stream, request, memory ? memory() : std::string());
  co_return co_await receiver.run();
}

}  // namespace narthex::net

#include "net/stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cctype>
#include <cerrno>
#include <utility>

namespace narthex::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr auto kUse = asio::as_tuple(asio::use_awaitable);

// What Go's crypto/x509 says of the same finding.
std::string certificate_fault(long result, const std::string& host) {
  switch (result) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return "x509: certificate signed by unknown authority";
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "x509: certificate has expired or is not yet valid";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "x509: certificate is not valid for " + host;
    default:
      return std::string("x509: ") + X509_verify_cert_error_string(result);
  }
}

// The peer has ended its side.
bool ended(const error_code& ec) {
  return ec == asio::error::eof || ec == asio::ssl::error::stream_truncated;
}

bool is_ip_address(const std::string& host) {
  error_code ec;
  asio::ip::make_address(host, ec);
  return !ec;
}

}  // namespace

struct Stream::Tls {
  Tls(asio::ip::tcp::socket& socket, std::shared_ptr<asio::ssl::context> with)
      : context(std::move(with)), stream(socket, *context) {}

  std::shared_ptr<asio::ssl::context> context;  // the SSL object borrows from it
  asio::ssl::stream<asio::ip::tcp::socket&> stream;
};

struct Stream::Watch {
  Watch(asio::any_io_executor executor, Stream* watched)
      : timer(executor), patience(std::move(executor)), stream(watched) {}

  asio::steady_timer timer;
  asio::steady_timer patience;  // of readable()
  Stream* stream;               // null once it is gone
  bool expired = false;
};

Stream::Stream(asio::ip::tcp::socket socket)
    : socket_(std::move(socket)), watch_(std::make_shared<Watch>(socket_.get_executor(), this)) {}

Stream::~Stream() {
  watch_->stream = nullptr;
  watch_->timer.cancel();
  watch_->patience.cancel();
}

void Stream::attach(asio::any_io_executor strand) {
  if (watch_->timer.get_executor() == strand) return expires_never();
  watch_->stream = nullptr;
  watch_->timer.cancel();
  watch_ = std::make_shared<Watch>(std::move(strand), this);
}

void Stream::expires_at(Deadline when) {
  watch_->timer.expires_at(when);
  watch_->timer.async_wait([watch = watch_](error_code ec) {
    // A cancelled wait may already have been queued as done: the time decides.
    const bool due = !ec && watch->timer.expiry() <= std::chrono::steady_clock::now();
    if (!due || watch->stream == nullptr) return;
    watch->expired = true;
    error_code ignored;  // nothing is lost with a connection that is given up
    watch->stream->socket_.close(ignored);
  });
}

void Stream::expires_never() {
  watch_->timer.expires_at(Deadline::max());
}

bool Stream::expired() const {
  return watch_->expired;
}

Awaitable<Result<void>> Stream::connect(asio::ip::tcp::endpoint peer) {
  error_code ec;
  if (!socket_.is_open()) socket_.open(peer.protocol(), ec);
  if (ec) co_return std::unexpected(error_of(ec, "socket"));
  std::tie(ec) = co_await socket_.async_connect(peer, kUse);
  if (!ec) ec = expect_reads_only(peer.protocol());
  if (ec) co_return std::unexpected(error_of(ec, "connect"));
  dialed_ = peer;
  socket_.set_option(asio::ip::tcp::no_delay(true), ec);
  co_return Result<void>{};
}

/// Asio learns from the reactor that a socket can be written, which is that it is connected, and goes on
/// asking: each wait for an answer would be disturbed at once by the news that more could be written. What
/// is registered anew is asked for reads, until a write has to wait.
error_code Stream::expect_reads_only(asio::ip::tcp protocol) {
  error_code ec;
  const int descriptor = socket_.release(ec);
  if (ec) return ec;
  socket_.assign(protocol, descriptor, ec);
  if (ec) ::close(descriptor);
  return ec;
}

Awaitable<Result<void>> Stream::handshake_as_client(std::shared_ptr<asio::ssl::context> context,
                                                    TlsPeer peer) {
  tls_ = std::make_unique<Tls>(socket_, std::move(context));
  SSL* ssl = tls_->stream.native_handle();
  const bool ip = is_ip_address(peer.host);
  if (!ip) SSL_set_tlsext_host_name(ssl, peer.host.c_str());
  if (peer.verify) {
    SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
    X509_VERIFY_PARAM* wanted = SSL_get0_param(ssl);
    const bool set = ip ? X509_VERIFY_PARAM_set1_ip_asc(wanted, peer.host.c_str()) == 1
                        : X509_VERIFY_PARAM_set1_host(wanted, peer.host.data(), peer.host.size()) == 1;
    if (!set) co_return fail(Code::invalid, "tls: \"" + peer.host + "\" is no name to verify");
  } else {
    SSL_set_verify(ssl, SSL_VERIFY_NONE, nullptr);
  }
  auto [ec] = co_await tls_->stream.async_handshake(asio::ssl::stream_base::client, kUse);
  if (!ec) co_return Result<void>{};
  if (const long found = SSL_get_verify_result(ssl); peer.verify && found != X509_V_OK && !expired())
    co_return fail(Code::io, "tls: failed to verify certificate: " + certificate_fault(found, peer.host));
  co_return std::unexpected(error_of(ec, "tls"));
}

Awaitable<Result<void>> Stream::handshake_as_server(std::shared_ptr<asio::ssl::context> context) {
  tls_ = std::make_unique<Tls>(socket_, std::move(context));
  auto [ec] = co_await tls_->stream.async_handshake(asio::ssl::stream_base::server, kUse);
  if (ec) co_return std::unexpected(error_of(ec, "TLS handshake"));
  co_return Result<void>{};
}

Awaitable<Result<std::size_t>> Stream::read_some(std::span<char> into) {
  wake_at(1);
  error_code ec;
  std::size_t count = 0;
  const asio::mutable_buffer buffer(into.data(), into.size());
  if (tls_)
    std::tie(ec, count) = co_await tls_->stream.async_read_some(buffer, kUse);
  else
    std::tie(ec, count) = co_await socket_.async_read_some(buffer, kUse);
  co_return outcome_of_read(ec, count);
}

Awaitable<Result<void>> Stream::readable() {
  if (tls_) co_return Result<void>{};
  wake_at(1);
  co_return co_await wait_readable();
}

Awaitable<Result<void>> Stream::readable(std::size_t bytes, std::chrono::milliseconds patience) {
  if (tls_) co_return Result<void>{};
  wake_at(std::clamp<std::size_t>(bytes, 1, kMostAwaited));
  watch_->patience.expires_after(patience);
  watch_->patience.async_wait([watch = watch_](error_code ec) {
    // The system looks again at what is there. Where the wait is over already, one more wake-up is
    // all that it costs.
    if (!ec && watch->stream != nullptr) watch->stream->wake_at(1);
  });
  auto waited = co_await wait_readable();
  watch_->patience.cancel();
  co_return waited;
}

Awaitable<Result<void>> Stream::wait_readable() {
  auto [ec] = co_await socket_.async_wait(asio::ip::tcp::socket::wait_read, kUse);
  if (ec) co_return std::unexpected(error_of(ec, "read"));
  co_return Result<void>{};
}

std::size_t Stream::take_available(std::span<char> into) {
  if (tls_) return 0;
  const ssize_t got = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

Awaitable<Result<std::size_t>> Stream::read_awaited(std::span<char> into) {
  if (tls_) co_return co_await read_some(into);
  // What one read takes is bounded, too: others on this thread have their turn in between.
  into = into.first(std::min(into.size(), kMostAwaited));
  wake_at(into.size());
  for (;;) {
    auto [ec] = co_await socket_.async_wait(asio::ip::tcp::socket::wait_read, kUse);
    if (ec) co_return outcome_of_read(ec, 0);
    const ssize_t got = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
    if (got >= 0) co_return static_cast<std::size_t>(got);
    if (errno != EAGAIN && errno != EINTR)
      co_return outcome_of_read(error_code(errno, boost::system::system_category()), 0);
  }
}

/// The system lets us sleep until `bytes` have come, and makes room for as many.
void Stream::wake_at(std::size_t bytes) {
  if (bytes == wakes_at_ || tls_) return;
  wakes_at_ = bytes;
  const int wish = static_cast<int>(bytes);
  // Refused, it costs wake-ups and nothing else.
  (void)::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVLOWAT, &wish, sizeof wish);
}

Result<std::size_t> Stream::outcome_of_read(const error_code& ec, std::size_t count) const {
  if (count > 0) return count;
  // Many peers cut a TLS connection without a goodbye; HTTP's own framing tells what is whole.
  if (ended(ec) && !expired()) return std::size_t{0};
  return std::unexpected(error_of(ec, "read"));
}

Awaitable<Result<void>> Stream::write(std::string_view head, std::string_view body) {
  const std::size_t done = tls_ ? 0 : write_at_once(head, body);
  if (done == head.size() + body.size()) co_return Result<void>{};
  const std::size_t done_of_head = std::min(done, head.size());
  head.remove_prefix(done_of_head);
  body.remove_prefix(done - done_of_head);
  error_code ec;
  std::size_t count = 0;
  const std::array<asio::const_buffer, 2> both{asio::const_buffer(head.data(), head.size()),
                                               asio::const_buffer(body.data(), body.size())};
  if (tls_)
    std::tie(ec, count) = co_await asio::async_write(tls_->stream, both, kUse);
  else
    std::tie(ec, count) = co_await asio::async_write(socket_, both, kUse);
  if (ec) co_return std::unexpected(error_of(ec, "write"));
  co_return Result<void>{};
}

/// What the system takes without waiting: nearly always all. A trip through the scheduler, which
/// may wake another thread, is saved. @return  bytes written; the rest, and errors, are write()'s
std::size_t Stream::write_at_once(std::string_view head, std::string_view body) {
  std::array<iovec, 2> both{iovec{const_cast<char*>(head.data()), head.size()},
                            iovec{const_cast<char*>(body.data()), body.size()}};
  msghdr message{};
  message.msg_iov = both.data();
  message.msg_iovlen = both.size();
  const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

Awaitable<void> Stream::shutdown() {
  if (tls_ && socket_.is_open()) co_await tls_->stream.async_shutdown(kUse);
  error_code ignored;  // the peer may be gone already: there is nobody left to tell
  if (socket_.is_open()) socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  close();
}

void Stream::close() noexcept {
  watch_->timer.cancel();
  error_code ignored;  // the descriptor is gone whatever close() says
  socket_.close(ignored);
}

bool Stream::is_quiet() {
  if (!socket_.is_open()) return false;
  char byte = 0;
  const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

std::string Stream::local_address() const {
  error_code ec;
  const auto endpoint = socket_.local_endpoint(ec);
  return ec ? "" : to_string(endpoint);
}

std::string Stream::remote_address() const {
  error_code ec;
  const auto endpoint = socket_.remote_endpoint(ec);
  return ec ? "" : to_string(endpoint);
}

void* Stream::native_tls() {
  return tls_ ? tls_->stream.native_handle() : nullptr;
}

Error Stream::error_of(const error_code& ec, std::string_view what) const {
  if (expired()) return {Code::timeout, "context deadline exceeded", std::nullopt};
  if (ec == asio::error::operation_aborted) return {Code::cancelled, "context canceled", std::nullopt};
  if (ended(ec)) return {Code::io, "EOF", std::nullopt};
  if (ec.category() == asio::error::get_ssl_category()) {
    const auto code = static_cast<unsigned long>(ec.value());
    // The first bytes of an answer that is not TLS, read as a TLS record.
    if (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER && dialed_)
      return {Code::io, "http: server gave HTTP response to HTTPS client", std::nullopt};
    const char* reason = ERR_reason_error_string(code);
    return {Code::io, std::string(what) + ": " + (reason ? reason : ec.message()), std::nullopt};
  }
  std::string text = std::string(what) + ": " + go_error_text(ec);
  // As Go's client words it: which connection it was.
  if (dialed_ && (what == "read" || what == "write"))
    text.insert(0, std::string(what) + " tcp " + local_address() + "->" + to_string(*dialed_) + ": ");
  return {Code::io, std::move(text), std::nullopt};
}

std::string to_string(const asio::ip::tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  const std::string port = std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + address + "]:" + port : address + ":" + port;
}

std::string go_error_text(const error_code& ec) {
  if (ended(ec)) return "EOF";
  std::string text = ec.message();
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

}  // namespace narthex::net

// Stream: one TCP connection, plain or TLS, with a deadline. Our client and our server both
// read and write through this one concrete type and feed Beast's parsers with put(): with
// Beast's own read and write templates every user costs half a minute of compile time.
//
// Deadline: expires_at() covers all that follows, whatever the operation. When it passes, the
// socket is closed and the operation under way ends with Code::timeout; the stream is then of
// no more use. An operation that is cancelled through its slot ends with Code::cancelled.
//
// Threads: its strand: the one of the coroutine that uses it now, named by attach(). Handing
// an idle stream to another strand is allowed.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/result.h"

namespace narthex::net {

template <class T>
using Awaitable = boost::asio::awaitable<T>;

/// How a client checks whom it talks to.
struct TlsPeer {
  std::string host;    ///< name or IP address for SNI and for the certificate
  bool verify = true;  ///< false: any certificate will do
};

class Stream {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  /// Takes over a connected (server) or a fresh (client) socket; its executor runs the
  /// deadline until attach() names another.
  explicit Stream(boost::asio::ip::tcp::socket socket);
  /// Closes at once.
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// From now on used by coroutines on `strand`. Ends a running deadline.
  void attach(boost::asio::any_io_executor strand);

  void expires_at(Deadline when);
  void expires_after(std::chrono::milliseconds time) { expires_at(std::chrono::steady_clock::now() + time); }
  void expires_never();
  /// True once a deadline has closed the socket.
  [[nodiscard]] bool expired() const;

  /// Errors: io (`connect: connection refused`), timeout, cancelled.
  Awaitable<Result<void>> connect(boost::asio::ip::tcp::endpoint peer);
  /// Errors: io with Go's words where users know them (`tls: failed to verify certificate: x509:
  /// certificate signed by unknown authority`), timeout, cancelled.
  Awaitable<Result<void>> handshake_as_client(std::shared_ptr<boost::asio::ssl::context> context,
                                              TlsPeer peer);
  /// ALPN, SNI and client certificates are the context's business.
  Awaitable<Result<void>> handshake_as_server(std::shared_ptr<boost::asio::ssl::context> context);

  /// @param into  at least one byte; must stay valid until the answer
  /// @return  bytes read; 0 when the peer has ended its side
  /// Errors: io (`read tcp 127.0.0.1:5->127.0.0.1:80: read: connection reset by peer`), timeout, cancelled.
  Awaitable<Result<std::size_t>> read_some(std::span<char> into);
  /// Returns when there is something to read, or to be told by a read. At once with TLS.
  /// Errors: as read_some()
  Awaitable<Result<void>> readable();
  /// The same for who knows how much will probably come: returns when `bytes` are there, kMostAwaited at
  /// most, or, once `patience` is over, as soon as there is anything. What then comes can be taken with
  /// one wake-up.
  Awaitable<Result<void>> readable(std::size_t bytes, std::chrono::milliseconds patience);
  /// What is there, without waiting. @return  bytes read; 0: nothing is there, or a read has to tell what
  /// is, as always with TLS
  std::size_t take_available(std::span<char> into);
  /// As read_some(), for who knows how much is still to come: waits until the system has as much
  /// as fits `into`, kMostAwaited at most, so that a large body costs one wake-up and not one per
  /// packet. Less comes when the peer has ended, the system is short of memory, or with TLS.
  Awaitable<Result<std::size_t>> read_awaited(std::span<char> into);
  static constexpr std::size_t kMostAwaited = 1024 * 1024;
  /// Writes all of `head`, then all of `body`; both must stay valid until the answer.
  /// Errors: io (`write: broken pipe`), timeout, cancelled.
  Awaitable<Result<void>> write(std::string_view head, std::string_view body = {});
  /// Says goodbye (TLS close_notify, FIN) within the deadline, then closes.
  Awaitable<void> shutdown();
  void close() noexcept;

  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  [[nodiscard]] bool is_tls() const { return tls_ != nullptr; }
  /// For an idle connection: open, and the peer has neither closed it nor sent anything.
  [[nodiscard]] bool is_quiet();
  /// `127.0.0.1:9090`, `[::1]:9090`; "" if not connected.
  [[nodiscard]] std::string local_address() const;
  [[nodiscard]] std::string remote_address() const;
  [[nodiscard]] boost::asio::ip::tcp::socket& socket() { return socket_; }
  /// OpenSSL's SSL*, for the peer's certificate; null if plain.
  [[nodiscard]] void* native_tls();

 private:
  struct Tls;
  struct Watch;

  boost::system::error_code expect_reads_only(boost::asio::ip::tcp protocol);
  Result<std::size_t> outcome_of_read(const boost::system::error_code& ec, std::size_t count) const;
  std::size_t write_at_once(std::string_view head, std::string_view body);
  void wake_at(std::size_t bytes);
  Awaitable<Result<void>> wait_readable();
  Error error_of(const boost::system::error_code& ec, std::string_view what) const;

  boost::asio::ip::tcp::socket socket_;
  std::unique_ptr<Tls> tls_;
  std::optional<boost::asio::ip::tcp::endpoint> dialed_;  ///< by connect(): we are the client
  std::size_t wakes_at_ = 1;                              ///< bytes to read that make the socket ready
  std::shared_ptr<Watch> watch_;  ///< shared with the timer's handler, which may outlive us
};

/// `127.0.0.1:9090`, `[::1]:9090`.
std::string to_string(const boost::asio::ip::tcp::endpoint& endpoint);
/// Go's words for an operating system error: `connection refused`, `no route to host`.
std::string go_error_text(const boost::system::error_code& ec);

}  // namespace narthex::net

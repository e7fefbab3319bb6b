// Server: the HTTP/1.1 listener in front of a Handler.
//
// A connection is a coroutine on one event loop: read a request under limits and a deadline, answer it there
// if that takes next to nothing, else have a pool thread answer it, send the answer as the client takes it
// (chunked and compressed as the client asked), again. A client that goes away stops its request's token.
//
// Threads: listen() and stop() once each, from the owner; the rest runs on the executors.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/result.h"
#include "net/task_group.h"
#include "sync/thread_pool.h"
#include "web/server/message.h"

namespace prometheus {
class Registry;
}

namespace narthex::web {

struct ServerOptions {
  std::vector<std::string> addresses;  ///< host:port; an empty host is every interface
  std::size_t max_connections = 512;   ///< beyond it, clients wait to be accepted
  std::chrono::milliseconds read_timeout = std::chrono::minutes(5);   ///< one request; idle connections too
  std::chrono::milliseconds write_timeout = std::chrono::minutes(5);  ///< one piece of an answer
  std::uint64_t max_body_bytes = 64 << 20;
  std::uint32_t max_header_bytes = 1 << 20;
};

/// Who answers, and where. The pools must outlive the server.
struct ServerHandlers {
  Handler handler;
  /// Asked first; may be empty. Health must not wait behind anything, and what is small is not worth the
  /// trip to a pool thread and back.
  QuickHandler quick;
  /// Requests that may wait long, for a slot of the query engine, have a pool of their own; may be
  /// empty.
  std::function<bool(const Request&)> is_slow;
  sync::ThreadPool* slow_pool = nullptr;  ///< for those
};

class Server {
 public:
  /// @param executors  connections take turns on them; of loops with one thread each nothing is handed over
  ///                   between threads for a small request. At least one
  /// @param run_by     how many threads each executor has
  /// @param pool       also encodes the answers
  Server(std::vector<boost::asio::any_io_executor> executors, net::RunBy run_by, sync::ThreadPool& pool,
         ServerOptions options, ServerHandlers handlers, prometheus::Registry& registry);
  ~Server();

  /// Binds every address, then accepts. Errors: io, invalid (names the address).
  Result<void> listen();
  /// Where it listens, with real ports.
  [[nodiscard]] std::vector<std::string> addresses() const;
  /// Accepts no more, gives requests under way some seconds, then cancels them.
  boost::asio::awaitable<void> stop();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace narthex::web

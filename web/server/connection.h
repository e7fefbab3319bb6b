// One client's connection: a coroutine that owns its stream.
//
// Threads: the strand it is spawned on.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <memory>

#include "net/stream.h"
#include "sync/thread_pool.h"
#include "web/server/server.h"

namespace narthex::web {

/// What all connections of a server share.
struct Serving {
  sync::ThreadPool& pool;
  ServerOptions options;
  ServerHandlers handlers;
  std::atomic<std::size_t> connections = 0;
  std::atomic<std::size_t> requests_under_way = 0;
  std::atomic<bool> stopping = false;
};

boost::asio::awaitable<void> serve(std::shared_ptr<Serving> serving, std::shared_ptr<net::Stream> stream);

}  // namespace narthex::web

// ConnectionPool: idle keep-alive connections of one client, by origin.
//
// The most recently used one is handed out first; what idled for five minutes is closed.
//
// Threads: any.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/stream.h"
#include "sync/mutex.h"

namespace narthex::net {

class ConnectionPool {
 public:
  /// A connection its peer has not closed, or null.
  std::unique_ptr<Stream> take(const std::string& origin);
  /// `stream` has nothing unread and nobody waiting on it.
  void give(const std::string& origin, std::unique_ptr<Stream> stream);

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Idle {
    std::unique_ptr<Stream> stream;
    Time since;
  };
  using ByOrigin = std::unordered_map<std::string, std::vector<Idle>>;

  std::vector<Idle> remove_stale(Time now) NARTHEX_REQUIRES(mutex_);

  sync::Mutex mutex_;
  ByOrigin idle_ NARTHEX_GUARDED_BY(mutex_);
  Time next_sweep_ NARTHEX_GUARDED_BY(mutex_){};
};

}  // namespace narthex::net

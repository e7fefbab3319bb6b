// Discovery: finds the target groups of scrape jobs and of Alertmanagers, and says when they
// change.
//
// Static groups are as configured. Files are read at the start, when something changes in
// their directory (inotify) and every refresh interval; a file that cannot be read or parsed
// keeps the groups it last had, one that is gone loses them. Files are read on the pool.
//
// Changes are handed to the consumer at once after a quiet time, and no more often than the
// update interval.
//
// Threads: any. The consumer is called by one coroutine, one call at a time.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "io/file_system.h"
#include "model/clock.h"
#include "net/stream.h"
#include "sync/thread_pool.h"

namespace prometheus {
class Registry;
}

namespace narthex::net {

/// Shared and never changed: an equal pointer means an equal group.
using TargetGroups = std::vector<std::shared_ptr<const config::TargetGroup>>;

class Discovery {
 public:
  /// All target groups, by the name of their job; a job without any has an empty list.
  using Snapshot = std::map<std::string, TargetGroups>;
  using Consumer = std::function<Awaitable<void>(Snapshot)>;

  struct Options {
    std::string name;  ///< "scrape" or "notify": label of the metrics
    DurationMs update_interval = 5'000;
  };

  /// @param registry  for prometheus_sd_*; null for none
  Discovery(boost::asio::any_io_executor executor, sync::ThreadPool& pool, io::FileSystem& fs,
            const Clock& clock, Options options, prometheus::Registry* registry);
  /// Must have been stopped, if it was started.
  ~Discovery();

  void start(Consumer consumer);
  /// From now on discovers these. Files that were known before keep their groups meanwhile.
  void apply(std::map<std::string, config::Discovery> jobs);
  Awaitable<void> stop();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace narthex::net

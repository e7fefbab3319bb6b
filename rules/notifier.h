// Notifier: hands alerts to all Alertmanagers.
//
// Alerts get the external labels, are relabeled (alert_relabel_configs, then those of each
// Alertmanager section) and queued per Alertmanager; each has a coroutine that posts them
// (send_loop.h). Alertmanagers come from static groups and files; a queue outlives a reload
// as long as its Alertmanager's URL stays.
//
// Threads: any.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <vector>

#include "config/config.h"
#include "io/file_system.h"
#include "model/clock.h"
#include "model/result.h"
#include "rules/alert.h"
#include "rules/send_loop.h"
#include "rules/status.h"
#include "sync/thread_pool.h"

namespace prometheus {
class Registry;
}

namespace narthex::rules {

class Notifier {
 public:
  Notifier(boost::asio::any_io_executor executor, sync::ThreadPool& pool, io::FileSystem& fs,
           const Clock& clock, SendLoopOptions options, prometheus::Registry* registry);
  /// Must have been stopped.
  ~Notifier();

  /// A configuration made ready: what can fail has succeeded.
  struct Prepared;
  /// Makes the clients. Errors: invalid, io (certificates, files); nothing has changed then.
  Result<std::shared_ptr<Prepared>> prepare(const config::Config& config) const;
  void apply(std::shared_ptr<Prepared> prepared);

  void send(std::vector<Notification> alerts);
  [[nodiscard]] AlertmanagerStatus status() const;
  /// Sends what is queued (or drops it, by the options), for some seconds at most.
  boost::asio::awaitable<void> stop();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace narthex::rules

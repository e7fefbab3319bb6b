// SendLoop: the queue of one Alertmanager, and the coroutine that empties it.
//
// The oldest alerts are dropped when the queue overflows; a batch that cannot be delivered is
// dropped, too: alerts that last are told again by their rules.
//
// Threads: add() and the setters any; run() is one coroutine, on a strand.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "model/clock.h"
#include "model/result.h"
#include "rules/alert.h"
#include "rules/notifier_metrics.h"
#include "sync/mutex.h"

namespace narthex::net {
class HttpClient;
class Wake;
}  // namespace narthex::net

namespace narthex::rules {

struct SendLoopOptions {
  std::size_t queue_capacity = 10'000;
  std::size_t batch_size = 256;
  bool drain = true;  ///< on stop(): send what is queued
  std::string user_agent;
};

class SendLoop {
 public:
  SendLoop(boost::asio::any_io_executor executor, std::string url, SendLoopOptions options,
           const Clock& clock, std::shared_ptr<NotifierMetrics> metrics);
  ~SendLoop();

  void set_client(std::shared_ptr<net::HttpClient> client, std::chrono::milliseconds timeout);
  void add(const std::vector<Notification>& alerts);

  /// Sends until stop(), then what is left (or drops it) and returns.
  /// @param self  keeps the loop alive meanwhile
  static boost::asio::awaitable<void> run(std::shared_ptr<SendLoop> self);
  /// @param until  draining ends here, whatever is left
  void stop(std::chrono::steady_clock::time_point until);

 private:
  boost::asio::awaitable<void> send_queue();
  boost::asio::awaitable<Result<void>> send(const std::vector<Notification>& batch);
  /// Moves up to a batch off the queue.
  std::vector<Notification> next_batch();
  [[nodiscard]] bool stopping() const;
  void drop_rest();

  const std::string url_;
  const SendLoopOptions options_;
  const Clock& clock_;
  AlertmanagerMetrics metrics_;
  const std::unique_ptr<net::Wake> wake_;

  mutable sync::Mutex mutex_;
  std::deque<Notification> queue_ NARTHEX_GUARDED_BY(mutex_);
  std::shared_ptr<net::HttpClient> client_ NARTHEX_GUARDED_BY(mutex_);
  std::chrono::milliseconds timeout_ NARTHEX_GUARDED_BY(mutex_){10'000};
  bool stopping_ NARTHEX_GUARDED_BY(mutex_) = false;
  std::chrono::steady_clock::time_point drain_until_ NARTHEX_GUARDED_BY(mutex_){};
};

/// The body of POST /api/v2/alerts.
std::string alerts_json(const std::vector<Notification>& alerts);

}  // namespace narthex::rules

// prometheus_notifications_*: what becomes of alerts on their way to Alertmanagers.
//
// Threads: any.
#pragma once

#include <memory>
#include <string>

namespace prometheus {
class Registry;
}

namespace narthex::rules {

class NotifierMetrics {
 public:
  /// @param registry  null: counts, but shows nothing
  NotifierMetrics(prometheus::Registry* registry, std::size_t queue_capacity);
  ~NotifierMetrics();
  NotifierMetrics(const NotifierMetrics&) = delete;
  NotifierMetrics& operator=(const NotifierMetrics&) = delete;

  void alertmanagers_discovered(std::size_t count);

 private:
  friend class AlertmanagerMetrics;
  struct Families;
  std::unique_ptr<Families> families_;
};

/// The series of one Alertmanager; gone from the registry with the last object for its URL.
class AlertmanagerMetrics {
 public:
  AlertmanagerMetrics(std::shared_ptr<NotifierMetrics> metrics, const std::string& url);
  ~AlertmanagerMetrics();
  AlertmanagerMetrics(const AlertmanagerMetrics&) = delete;
  AlertmanagerMetrics& operator=(const AlertmanagerMetrics&) = delete;

  void queue_length(std::size_t alerts);
  void dropped(std::size_t alerts);
  void sent(std::size_t alerts, double seconds);
  void failed(std::size_t alerts);

 private:
  friend class NotifierMetrics;
  struct Series;
  std::shared_ptr<NotifierMetrics> metrics_;
  std::shared_ptr<Series> series_;
};

}  // namespace narthex::rules

// prometheus_sd_*: what an operator wants to know of discovery.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <set>
#include <string>

#include "model/time.h"

namespace prometheus {
class Counter;
class Gauge;
class Registry;
class Summary;
template <typename T>
class Family;
}  // namespace prometheus

namespace narthex::net {

class DiscoveryMetrics {
 public:
  /// @param registry  null: nothing is counted
  DiscoveryMetrics(prometheus::Registry* registry, std::string name);

  void received_update();
  void delayed_update();
  void sent_update();
  void watch_failed(std::size_t count);
  void files_read(double seconds, std::size_t errors);
  void discovered(const std::string& job, std::size_t targets, Timestamp now);
  /// These are all the jobs there are: forgets others.
  void keep_jobs(const std::set<std::string>& jobs);

 private:
  std::string name_;
  bool enabled_;
  prometheus::Counter* received_ = nullptr;
  prometheus::Counter* delayed_ = nullptr;
  prometheus::Counter* sent_ = nullptr;
  prometheus::Counter* watcher_errors_ = nullptr;
  prometheus::Counter* read_errors_ = nullptr;
  prometheus::Summary* scan_seconds_ = nullptr;
  prometheus::Family<prometheus::Gauge>* targets_ = nullptr;
  prometheus::Family<prometheus::Gauge>* last_update_ = nullptr;
  std::set<std::string> jobs_;
};

}  // namespace narthex::net

// ProcessMetrics: process_* of this process (CPU, memory, file descriptors, network, start
// time) under the names of Go's client library, read from /proc/self.
//
// prometheus-cpp has no metric that asks for its value, so whoever prints the registry calls
// refresh() before.
// Threads: any.
#pragma once

#include <memory>

namespace prometheus {
class Registry;
}

namespace narthex::telemetry {

class ProcessMetrics {
 public:
  /// @param registry  must outlive this
  explicit ProcessMetrics(prometheus::Registry& registry);
  ~ProcessMetrics();

  /// Reads the values anew; what /proc does not tell keeps its last value.
  void refresh();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace narthex::telemetry

// LimitMetrics: ceilings, what they have refused, and the disk, as narthex_* metrics.
//
// Threads: any.
#pragma once

#include <memory>

#include "tsdb/ceilings.h"

namespace prometheus {
class Registry;
}

namespace narthex::tsdb {

class LimitMetrics {
 public:
  /// @param registry  may be null: then the metrics go nowhere
  explicit LimitMetrics(prometheus::Registry* registry);
  ~LimitMetrics();

  void update(const CeilingStats& stats, const HeadCeilings& ceilings, const DiskState& disk);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace narthex::tsdb

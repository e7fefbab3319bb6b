// Registry: the metrics of a server. prometheus-cpp's, with summaries that can be afforded where they are
// observed thousands of times a second.
//
// Threads: any.
#pragma once

#include <prometheus/labels.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>
#include <vector>

#include "sync/mutex.h"
#include "telemetry/duration_summary.h"

namespace narthex::telemetry {

class Registry final : public prometheus::Registry {
 public:
  /// A summary of the family `name`, which is made with the first; the same one for the same labels.
  /// @param quantiles  that are told; those of the family's first summary are told of all
  /// @return  valid while this lives
  DurationSummary& summary(const std::string& name, const std::string& help, const prometheus::Labels& labels,
                           const std::vector<double>& quantiles);
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  struct Member {
    prometheus::Labels labels;
    std::unique_ptr<DurationSummary> summary;
  };
  struct Family {
    std::string name;
    std::string help;
    std::vector<double> quantiles;
    std::vector<Member> members;
  };

  mutable sync::Mutex mutex_;
  std::vector<Family> families_ NARTHEX_GUARDED_BY(mutex_);
};

}  // namespace narthex::telemetry

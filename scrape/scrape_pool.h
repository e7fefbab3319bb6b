// ScrapePool: the targets of one job and their loops.
//
// Threads: one at a time (the manager's mutex); build_targets() from any.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "config/config.h"
#include "net/discovery/discovery.h"
#include "scrape/scrape_loop.h"

namespace narthex::scrape {

/// What relabeling made of a job's target groups.
struct BuiltTargets {
  struct Dropped {
    std::shared_ptr<const config::TargetGroup> group;
    std::size_t index;
  };
  std::vector<std::shared_ptr<Target>> active;
  std::vector<Dropped> dropped;  ///< no more than keep_dropped_targets
  std::size_t dropped_count = 0;
  std::size_t failures = 0;  ///< could not be made into targets; logged
};

BuiltTargets build_targets(const std::shared_ptr<const config::ScrapeConfig>& job,
                           const net::TargetGroups& groups);

class ScrapePool {
 public:
  ScrapePool(ScrapeContext& context, ScrapeLoop::Settings settings);

  /// Starts loops for new targets and retires those of missing ones.
  void sync(BuiltTargets targets);
  /// Loops go on with their targets under other settings.
  void reload(ScrapeLoop::Settings settings);
  void set_seed(std::uint64_t seed) { settings_.seed = seed; }
  /// The job is gone. As in Prometheus its series are not marked stale: they fade by themselves.
  void stop();

  [[nodiscard]] const std::shared_ptr<const config::ScrapeConfig>& job() const { return settings_.job; }
  [[nodiscard]] std::vector<std::shared_ptr<Target>> active() const;
  [[nodiscard]] std::vector<DroppedTarget> dropped() const;
  [[nodiscard]] std::size_t dropped_count() const { return dropped_count_; }

 private:
  std::optional<Error> target_limit_error();

  struct Active {
    std::shared_ptr<Target> target;
    std::shared_ptr<ScrapeLoop> loop;
  };

  ScrapeContext& context_;
  ScrapeLoop::Settings settings_;
  std::map<std::uint64_t, Active> active_;  ///< by Target::hash()
  std::vector<BuiltTargets::Dropped> dropped_;
  std::size_t dropped_count_ = 0;
};

}  // namespace narthex::scrape

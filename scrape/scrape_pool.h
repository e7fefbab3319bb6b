// ScrapePool: the targets of one job and their loops.
//
// Threads: one at a time (the manager's mutex); build_targets() from any.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
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
  using Contexts = std::vector<std::unique_ptr<ScrapeContext>>;
  struct Settings {
    std::shared_ptr<const config::ScrapeConfig> job;
    std::vector<std::shared_ptr<net::HttpClient>> clients;  ///< one per context
    std::uint64_t seed = 0;                                 ///< of the server, for first_scrape()
  };

  /// @param contexts  at least one; targets are spread over them. Must outlive this, unchanged
  ScrapePool(const Contexts& contexts, Settings settings);

  /// Starts loops for new targets and retires those of missing ones.
  void sync(BuiltTargets targets);
  /// Loops go on with their targets under other settings.
  void reload(Settings settings);
  /// There is a store by now.
  void take_in_held();
  void set_seed(std::uint64_t seed) { settings_.seed = seed; }
  /// The job is gone. As in Prometheus its series are not marked stale: they fade by themselves.
  void stop();

  [[nodiscard]] const std::shared_ptr<const config::ScrapeConfig>& job() const { return settings_.job; }
  [[nodiscard]] std::vector<std::shared_ptr<Target>> active() const;
  [[nodiscard]] std::vector<DroppedTarget> dropped() const;
  [[nodiscard]] std::size_t dropped_count() const { return dropped_count_; }

 private:
  struct Active {
    std::shared_ptr<Target> target;
    std::shared_ptr<ScrapeLoop> loop;
  };

  std::optional<Error> target_limit_error();
  [[nodiscard]] std::size_t place_of(std::uint64_t target_hash) const {
    return target_hash % contexts_.size();
  }
  [[nodiscard]] ScrapeLoop::Settings settings_at(std::size_t place) const {
    return {settings_.job, settings_.clients[place], settings_.seed};
  }
  [[nodiscard]] ScrapeMetrics& metrics() const { return contexts_.front()->metrics; }
  [[nodiscard]] std::chrono::nanoseconds now() const { return contexts_.front()->clock.steady(); }

  const Contexts& contexts_;
  Settings settings_;
  std::map<std::uint64_t, Active> active_;  ///< by Target::hash()
  std::vector<BuiltTargets::Dropped> dropped_;
  std::size_t dropped_count_ = 0;
};

}  // namespace narthex::scrape

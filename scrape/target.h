// Target: one endpoint to scrape, its labels before and after relabeling, and how it fares.
//
// Threads: any.
// Source: Prometheus scrape/target.go
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "config/config.h"
#include "model/labels.h"
#include "model/result.h"
#include "model/time.h"
#include "scrape/manager.h"
#include "scrape/metadata_cache.h"
#include "sync/mutex.h"

namespace narthex::scrape {

/// The labels of `address` before relabeling: those of its group, and what the job says
/// (`job`, `__scheme__`, `__metrics_path__`, `__scrape_interval__`, `__param_*`, ...).
Labels discovered_labels(const config::ScrapeConfig& job, const config::TargetGroup& group,
                         const std::string& address);

/// Relabels and checks. All labels but `__meta_*`; nothing if relabeling drops the target.
/// Errors: invalid (`no address`, `scrape interval cannot be 0`).
Result<std::optional<Labels>> target_labels(const config::ScrapeConfig& job, const Labels& discovered);

class Target {
 public:
  /// @param labels  from target_labels()
  /// @param index  of its address in the group
  Target(Labels labels, std::shared_ptr<const config::ScrapeConfig> job,
         std::shared_ptr<const config::TargetGroup> group, std::size_t index);

  [[nodiscard]] const Labels& labels() const { return labels_; }
  /// Without `__*`: what its samples get.
  [[nodiscard]] const Labels& public_labels() const { return public_labels_; }
  [[nodiscard]] const std::string& url() const { return url_; }
  /// Of labels and URL; equal for equal targets, and Prometheus' own.
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] DurationMs interval() const { return interval_; }
  [[nodiscard]] DurationMs timeout() const { return timeout_; }

  /// Shows from now on how this equal target was discovered.
  void adopt_discovery(const Target& newer);
  void set_metadata(std::shared_ptr<const MetadataCache> metadata);
  [[nodiscard]] std::shared_ptr<const MetadataCache> metadata() const;
  /// @param notice  what else there is to say of a scrape that succeeded; may be ""
  void report(Timestamp start, double seconds, const std::optional<Error>& error, std::string notice = {});
  /// @param external_url  of this server, for TargetStatus::global_url
  [[nodiscard]] TargetStatus status(const std::string& external_url) const;

 private:
  struct Origin {
    std::shared_ptr<const config::ScrapeConfig> job;
    std::shared_ptr<const config::TargetGroup> group;
    std::size_t index = 0;
  };

  const Labels labels_;
  const Labels public_labels_;
  const std::string url_;
  const std::uint64_t hash_;
  DurationMs interval_ = 0;
  DurationMs timeout_ = 0;

  mutable sync::Mutex mutex_;
  Origin origin_ NARTHEX_GUARDED_BY(mutex_);
  std::shared_ptr<const MetadataCache> metadata_ NARTHEX_GUARDED_BY(mutex_);
  Health health_ NARTHEX_GUARDED_BY(mutex_) = Health::unknown;
  std::string last_error_ NARTHEX_GUARDED_BY(mutex_);
  Timestamp last_scrape_ NARTHEX_GUARDED_BY(mutex_) = 0;
  double last_seconds_ NARTHEX_GUARDED_BY(mutex_) = 0;
};

}  // namespace narthex::scrape

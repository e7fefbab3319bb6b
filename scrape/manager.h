// ScrapeManager: discovers targets, scrapes each on its schedule, and knows how they fare.
//
// Per job a pool; per target a coroutine loop: wait for the phase, GET, parse, append as one
// batch, report series (up, scrape_duration_seconds, ...). Reload keeps loops whose target
// and settings did not change.
//
// A target's loop stays on one of the given threads, and so does its scrape, from the timer to the
// commit; the pool takes in large pages, so that nobody waits behind one.
//
// Threads: any.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "model/clock.h"
#include "model/labels.h"
#include "model/result.h"
#include "storage/appender.h"
#include "sync/thread_pool.h"

namespace narthex::telemetry {
class Registry;
}

namespace narthex::scrape {

enum class Health : std::uint8_t { unknown, up, down };

/// One row of /api/v1/targets.
struct TargetStatus {
  Labels discovered;  ///< before relabeling
  Labels labels;      ///< the target's public labels
  std::string pool;
  std::string url;
  std::string global_url;  ///< localhost replaced by the external URL's host
  std::string last_error;
  Timestamp last_scrape = 0;  ///< 0 = never
  double last_duration_seconds = 0;
  Health health = Health::unknown;
  DurationMs interval = 0;
  DurationMs timeout = 0;
};
struct DroppedTarget {
  Labels discovered;
  std::string pool;
};

/// One entry of /api/v1/metadata.
struct MetricMetadata {
  std::string type;  ///< counter, gauge, histogram, summary, unknown, info, stateset, gaugehistogram
  std::string help;
  std::string unit;
  auto operator<=>(const MetricMetadata&) const = default;
};
struct TargetMetadata {
  Labels target;
  std::string metric;
  MetricMetadata metadata;
};

struct ScrapeOptions {
  std::string external_url;        ///< for TargetStatus::global_url
  std::string version = "3.14.0";  ///< User-Agent: Prometheus/<version>
  DurationMs discovery_reload_interval = 5'000;
  bool adjust_timestamps = true;       ///< --scrape.adjust-timestamps
  DurationMs timestamp_tolerance = 2;  ///< --scrape.timestamp-tolerance
  bool type_and_unit_labels = false;   ///< --enable-feature=type-and-unit-labels
  bool metadata_wal_records = false;   ///< --enable-feature=metadata-wal-records
  bool starts = false;                 ///< start timestamps are read, `_created` lines are no series
  bool start_zeros = false;            ///< --enable-feature=created-timestamp-zero-ingestion
  /// Of pages that are held while there is no store.
  std::uint64_t most_held_bytes = 256U << 20U;
};

/// Where a manager's work is done; outlives it.
struct ScrapeThreads {
  boost::asio::any_io_executor discovery;
  std::vector<boost::asio::any_io_executor> scrapes;  ///< at least one, each run by one thread
  sync::ThreadPool& pool;
};

class ScrapeManager {
 public:
  /// @param store  null: scrapes are held until use_store()
  ScrapeManager(ScrapeThreads threads, storage::Appendable* store, io::FileSystem& fs, const Clock& clock,
                ScrapeOptions options, telemetry::Registry* registry);
  ~ScrapeManager();

  /// Takes in what was held, and everything from now on at once. Only where there was no store.
  void use_store(storage::Appendable& store);

  /// Starts, changes or ends pools so that they fit `config`. Errors: invalid (bad TLS files...);
  /// then what could be applied is applied, as in Prometheus.
  Result<void> apply(std::shared_ptr<const config::Config> config);
  /// Ends all loops without staleness markers (shutdown) and waits for them.
  boost::asio::awaitable<void> stop();

  [[nodiscard]] std::vector<TargetStatus> active() const;
  [[nodiscard]] std::vector<DroppedTarget> dropped() const;
  [[nodiscard]] std::map<std::string, std::uint64_t> dropped_counts() const;
  [[nodiscard]] std::vector<std::string> pools() const;
  /// What is remembered of the series of all targets.
  [[nodiscard]] std::uint64_t cache_bytes() const;
  /// Metadata of all targets; `metric` empty = all metrics.
  [[nodiscard]] std::vector<TargetMetadata> metadata(const std::string& metric) const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace narthex::scrape

// The command line of narthex: Prometheus' flags by their names.
//
// Every flag of Prometheus 3.14 is in one table with its default and with what we do about
// it: heed it, accept it because ignoring it changes nothing a user would miss (with a
// warning if it was given), or refuse it while we cannot do what it asks.
//
// Threads: main only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/result.h"
#include "model/time.h"
#include "telemetry/log.h"
#include "tsdb/ceilings.h"
#include "tsdb/wal/wal.h"

namespace narthex::apps {

struct Flags {
  std::string config_file;
  std::vector<std::string> listen_addresses;
  std::string external_url;
  std::string route_prefix;
  std::string page_title;
  std::string cors_origin;
  bool enable_lifecycle = false;
  bool enable_admin_api = false;
  DurationMs read_timeout = 0;
  std::uint64_t max_connections = 0;

  std::string storage_path;
  DurationMs retention_time = 0;           ///< 0 = not given
  std::uint64_t retention_size_bytes = 0;  ///< 0 = not given
  bool no_lockfile = false;
  DurationMs min_block_duration = 0;
  DurationMs max_block_duration = 0;  ///< 0 = not given
  std::uint64_t chunk_segment_bytes = 0;
  bool merge_overlapping_blocks = true;
  std::string delay_compact_file;
  tsdb::HeadCeilings ceilings;
  std::optional<std::uint64_t> free_space_reserve;  ///< nothing = not given
  DurationMs block_reload_interval = 0;
  DurationMs head_snapshot_interval = 0;
  tsdb::WalOptions wal;

  DurationMs lookback = 0;
  DurationMs query_timeout = 0;
  std::uint64_t query_max_concurrency = 0;
  std::uint64_t query_max_samples = 0;
  std::uint64_t query_max_memory = 0;  ///< bytes; 0 = a quarter of the machine's

  DurationMs rule_resend_delay = 0;
  std::uint64_t notification_queue_capacity = 0;
  std::uint64_t notification_batch_size = 0;
  bool drain_notification_queue = true;

  bool scrape_adjust_timestamps = true;
  DurationMs scrape_timestamp_tolerance = 0;
  DurationMs discovery_reload_interval = 0;

  std::vector<std::string> features;
  telemetry::LogLevel log_level = telemetry::LogLevel::info;
  telemetry::LogFormat log_format = telemetry::LogFormat::logfmt;

  /// Every flag with its value as text, for /api/v1/status/flags.
  std::map<std::string, std::string> all;
  /// What shall be said in the log once it is set up.
  std::vector<std::string> warnings;
};

enum class FlagsOutcome : std::uint8_t { run, done };

struct ParsedFlags {
  FlagsOutcome outcome = FlagsOutcome::run;
  std::string text;  ///< outcome done: what to print (help, version)
  Flags flags;
};

/// Errors: invalid (unknown flag, bad value, a flag we refuse); the program ends with status 2.
Result<ParsedFlags> parse_flags(int argc, const char* const* argv);

}  // namespace narthex::apps

// --enable-feature: names that switch on what is experimental in Prometheus 3.14.
#pragma once

#include <string>
#include <vector>

#include "apps/narthex/flags.h"
#include "config/config.h"
#include "query/engine/engine.h"

namespace narthex::apps {

struct Features {
  query::ParserOptions parser;
  bool delayed_name_removal = false;
  bool per_step_stats = false;
  bool use_start_timestamps = false;
  bool metadata_wal_records = false;
  config::LoadOptions config;
  std::vector<std::string> warnings;  ///< names that are unknown or do nothing yet
};

/// Also takes over what the retention flags say to the configuration.
Features read_features(const Flags& flags);

}  // namespace narthex::apps

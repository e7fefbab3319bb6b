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
  bool start_zeros = false;  ///< created-timestamp-zero-ingestion
  bool st_storage = false;
  bool st_synthesis = false;
  bool xor2_floats = false;            ///< where the configuration does not say
  bool histograms_with_start = false;  ///< histograms-st-encoding
  config::LoadOptions config;
  std::vector<std::string> warnings;  ///< names that are unknown or do nothing yet
};

/// Also takes over what the retention flags say to the configuration.
Features read_features(const Flags& flags);

}  // namespace narthex::apps

// What the configuration says of retention, as the database takes it and as it is shown.
#pragma once

#include <string>

#include "config/config.h"
#include "model/time.h"
#include "tsdb/compact/retention.h"

namespace narthex::apps {

tsdb::Retention retention_of(const config::Config& config);

/// "15d", "15d or 10GiB", "15d or 10GiB or 50%"; "" without a limit.
std::string retention_text(const config::RetentionConfig& retention);

/// How long the largest block may be: what the flag says, else a tenth of the retention time, 31 days
/// at most. Source: Prometheus cmd/prometheus/main.go
DurationMs max_block_range(DurationMs flag, DurationMs retention_time);

}  // namespace narthex::apps

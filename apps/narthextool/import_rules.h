// narthextool tsdb create-blocks-from rules: what recording rules would have recorded, into blocks.
//
// A server that holds the data is asked, rule by rule and block by block; the instants are those at
// which the server would have evaluated the group. Each rule makes blocks of its own.
//
// Source: promtool's importRules and ruleImporter, cmd/promtool/main.go and rules.go. Two
// differences: alerting rules are left out, as its help says; and a block range in which a group
// with a long interval is never evaluated is passed over, where promtool ends.
#pragma once

#include <string>
#include <vector>

#include "apps/narthextool/output.h"
#include "apps/narthextool/progress.h"
#include "io/file_system.h"
#include "model/clock.h"
#include "model/result.h"
#include "model/time.h"

namespace narthex::apps {

struct RulesImportOptions {
  std::string url = "http://localhost:9090";
  std::string http_config_file;  ///< empty: none
  std::string start;             ///< RFC 3339 or seconds since the epoch
  std::string end;               ///< empty: three hours ago
  std::string directory;
  DurationMs eval_interval = 60'000;  ///< of groups that have none
  DurationMs max_block_duration = 0;
  std::vector<std::string> files;
};

/// @param complain  receives a line for each rule that failed; the others are made
/// Errors: invalid (times, files, `error importing rules` after complaints), io.
Result<void> import_rules(io::FileSystem& fs, const RulesImportOptions& options, const Clock& clock,
                          Progress& progress, const Print& complain);

}  // namespace narthex::apps

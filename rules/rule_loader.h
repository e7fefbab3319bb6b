// From rule files to rules ready to run: expressions and templates parsed, labels of group and
// rule joined.
//
// Threads: any.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/config.h"
#include "model/result.h"
#include "query/promql/parser.h"
#include "rules/group.h"

namespace narthex::rules {

struct LoadedGroup {
  GroupSettings settings;
  std::vector<AnyRule> rules;
};

/// The groups of one file.
/// Errors: as config::load_rule_file, and invalid for expressions and templates.
Result<std::vector<LoadedGroup>> load_groups(io::FileSystem& fs, const std::string& path,
                                             const config::Global& global, const std::string& external_url,
                                             const query::ParserOptions& parser);

/// The groups of all files that the configuration's patterns name, by group_key().
Result<std::map<std::string, LoadedGroup>> load_all_groups(io::FileSystem& fs, const config::Config& config,
                                                           const std::string& external_url,
                                                           const query::ParserOptions& parser);

}  // namespace narthex::rules

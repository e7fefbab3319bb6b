// A JSON text as the same tree that YAML gives, with the place of every value, so that the
// readers of file_sd files need not know which of the two they were handed.
//
// Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "config/yaml_tree.h"

namespace narthex::config {

/// Strict JSON of one value; texts come as quoted scalars, numbers and booleans as plain ones.
/// Errors: invalid, limit (text over 64 MiB, nesting over 100), with SourcePos.
Result<YamlNode> parse_json(std::string_view text, const std::string& file);

}  // namespace narthex::config

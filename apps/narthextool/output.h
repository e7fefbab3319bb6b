// Where a verb of narthextool writes what it was asked for, and how it ends.
//
// Threads: one at a time.
#pragma once

#include <functional>
#include <string_view>

#include "model/result.h"

namespace narthex::apps {

/// Receives text for standard output, in pieces.
using Print = std::function<void(std::string_view)>;

/// Where promtool looks for a data directory.
inline constexpr const char* kDefaultDataPath = "data/";

/// To standard output.
void print_out(std::string_view text);
/// Says on standard error what went wrong, also with standard output. @return  the exit code
int conclude(const Result<void>& result);

}  // namespace narthex::apps

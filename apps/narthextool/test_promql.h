// narthextool test promql: runs scripts of the PromQL test language against the server's own
// engine and database, which lies in memory.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "io/file_system.h"
#include "query/engine/engine.h"

namespace narthex::apps {

struct ScriptTotals {
  std::size_t passed = 0;
  std::size_t failed = 0;
};

/// Runs the scripts in order on an engine with these options. `print` receives each failed case, one line a
/// file
/// (`FILE: N passed, M failed`), and the totals. A file that cannot be read is a failure.
ScriptTotals test_promql(io::FileSystem& fs, std::span<const std::string> files,
                         const query::EngineOptions& options,
                         const std::function<void(std::string_view)>& print);

}  // namespace narthex::apps

// Adoption: what an operator should hear about a data directory before a server works on it.
//
// Threads: any.
#pragma once

#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"

namespace narthex::tsdb {

/// Each a sentence for the log: the directory of an agent, given by mistake; a file system that
/// cannot be relied on. Of a directory that is not there: nothing.
[[nodiscard]] std::vector<std::string> look_over(io::FileSystem& fs, const std::string& directory);

/// Prometheus 2.42 takes no lock by default, but keeps this file open while it runs.
/// Errors: unavailable (it is held open; names the process).
[[nodiscard]] Result<void> refuse_if_queried(io::FileSystem& fs, const std::string& directory);

}  // namespace narthex::tsdb

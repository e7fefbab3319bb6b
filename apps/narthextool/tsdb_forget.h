// narthextool tsdb forget: removes what we keep in a data directory beside Prometheus' files.
#pragma once

#include <string>

#include "apps/narthextool/output.h"
#include "io/file_system.h"
#include "model/result.h"

namespace narthex::apps {

/// Snapshots of the head and the manifest, which are copies and can be made again; says what goes.
/// @param quarantine  also what was set aside because of damage, which is there only once
/// Errors: not_found (no such directory), unavailable (a server uses it), io.
Result<void> forget(io::FileSystem& fs, const std::string& directory, bool quarantine, const Print& print);

}  // namespace narthex::apps

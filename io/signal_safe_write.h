// The one way to a disk past FileSystem: for signal handlers, which may neither lock nor allocate.
#pragma once

#include <cstdint>

#include "io/file_system.h"

namespace narthex::io {

/// Writes into a file that is there. Async-signal-safe.
/// @return  whether all of it was written
bool write_in_signal_handler(const char* path, std::uint64_t offset, Bytes bytes) noexcept;

}  // namespace narthex::io

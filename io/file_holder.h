// Which process has a file open, as /proc tells.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace narthex::io {

/// Another process than this one; nothing if none has it open, or /proc or the rights to look are
/// missing.
std::optional<std::uint32_t> find_holder(const std::string& path);

}  // namespace narthex::io

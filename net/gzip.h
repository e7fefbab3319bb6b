// gzip bodies: deflate at the fastest level, inflate under a limit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/result.h"

namespace narthex::net {

/// Inflates a gzip body of one or several members. No more than `max_bytes` + 64 KiB are ever held.
/// `reuse` is a buffer whose memory the result may take over.
/// Errors: limit (`body size limit exceeded`), corruption (`gzip: ...`).
Result<std::string> gunzip(std::string_view body, std::uint64_t max_bytes, std::string reuse = {});

}  // namespace narthex::net

// Sizes as Prometheus writes them in configuration and flags: `15MB`, `512MiB`, `1GB512MB`,
// always powers of 1024; a unit is required, except for 0.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/result.h"

namespace narthex::config {

/// Errors: invalid, with the texts of Prometheus' units library
/// (`units: unknown unit  in 100`).
Result<std::int64_t> parse_byte_size(std::string_view text);

/// 15'728'640 -> "15MiB"; 0 -> "0B".
std::string format_byte_size(std::uint64_t bytes);

}  // namespace narthex::config

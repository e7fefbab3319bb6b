// The block behind `load`: series descriptions, with start timestamps where @st lines say so.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.h"
#include "query/promqltest/script.h"

namespace narthex::query {

/// @param lines  the command's line and those of its block
/// @param number  of the first line, from 1
/// Errors: invalid; the text begins with the line it is about
Result<LoadCommand> parse_load(std::span<const std::string_view> lines, std::uint32_t number);

/// Start timestamps relative to samples' times: `_`, `_x3`, `-1m`, `0sx3`, `-1m+10sx5`; in
/// milliseconds. Errors: invalid.
Result<std::vector<SequenceValue>> parse_start_offsets(std::string_view text);

}  // namespace narthex::query

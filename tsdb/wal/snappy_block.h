// unpack_snappy: snappy blocks as the log has them, read in half of the library's time.
//
// A block is the length of its content as a varint, then literals and copies of what came before:
//
//   tag & 3   0: literal of (tag >> 2) + 1 bytes; from 61 on the length follows in 1 to 4 bytes
//             1: copy of 4 to 11 bytes from less than 2 KiB back
//             2: copy of 1 to 64 bytes from less than 64 KiB back;  3: from anywhere
//
// Records of samples are made of very short ones: most take some bytes of the sample before, and so
// bytes that were stored a moment ago, by two stores. A processor does not hand on what two stores
// have written until both are done, some twenty cycles later; that waiting is what the library spends
// its time with. Here the newest 16 bytes stay in a register, and copies from there are a shuffle of it.
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "io/file_system.h"

namespace narthex::tsdb {

/// What unpack_snappy() may write behind the content.
inline constexpr std::size_t kUnpackSlack = 64;

/// How long the content of the block is, by its own words. Nothing: it is no snappy block.
std::optional<std::uint32_t> snappy_content_size(io::Bytes block);

/// @param to  room for what snappy_content_size() said and kUnpackSlack bytes
/// @return  false: the block is not sound; `to` holds anything then
bool unpack_snappy(io::Bytes block, std::span<std::byte> to);

}  // namespace narthex::tsdb

// CRC-32C (Castagnoli), as WAL records, chunks and block indexes carry it. Uses SSE4.2 where
// the machine has it.
#pragma once

#include <cstdint>

#include "io/file_system.h"

namespace narthex::io {

std::uint32_t crc32c(Bytes data);
/// Continues a checksum over more data: crc32c_extend(crc32c(a), b) == crc32c(ab).
std::uint32_t crc32c_extend(std::uint32_t crc, Bytes data);

/// The way without SSE4.2, for tests and machines without it.
std::uint32_t crc32c_by_table(Bytes data);

}  // namespace narthex::io

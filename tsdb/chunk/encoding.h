// Chunk encodings by number, as blocks and head chunk files carry them.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <string>

#include "io/file_system.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {

/// The numbers are on disk.
enum class ChunkEncoding : std::uint8_t {
  xor_floats = 1,
  histogram = 2,
  float_histogram = 3,
  xor2_floats = 4,
  histogram_st = 5,
  float_histogram_st = 6,
};

[[nodiscard]] inline bool is_histogram_encoding(std::uint8_t encoding) {
  switch (static_cast<ChunkEncoding>(encoding)) {
    case ChunkEncoding::histogram:
    case ChunkEncoding::float_histogram:
    case ChunkEncoding::histogram_st:
    case ChunkEncoding::float_histogram_st:
      return true;
    default:
      return false;
  }
}

/// Whether samples of this encoding may have start timestamps.
[[nodiscard]] inline bool keeps_start(std::uint8_t encoding) {
  switch (static_cast<ChunkEncoding>(encoding)) {
    case ChunkEncoding::xor2_floats:
    case ChunkEncoding::histogram_st:
    case ChunkEncoding::float_histogram_st:
      return true;
    default:
      return false;
  }
}

/// All encodings begin with their number of samples; those of histograms with start timestamps
/// keep two flags in its top bits.
[[nodiscard]] inline std::uint64_t count_chunk_samples(std::uint8_t encoding, io::Bytes chunk) {
  if (chunk.size() < 2) return 0;
  const std::uint16_t count = load_be<std::uint16_t>(chunk.data());
  const auto e = static_cast<ChunkEncoding>(encoding);
  const bool has_flags = e == ChunkEncoding::histogram_st || e == ChunkEncoding::float_histogram_st;
  return has_flags ? count & 0x3fff : count;
}

/// "encoding 2 (native histograms, Prometheus 2.40 and later)" and the like, for messages.
std::string describe_encoding(std::uint8_t encoding);

}  // namespace narthex::tsdb

// XOR chunks: Prometheus' encoding 1, Gorilla's delta-of-delta times and XORed values.
//
// Bytes: count u16 big-endian | bit stream. First sample: varint t, 64 bits v; second:
// uvarint delta; then delta-of-delta in classes of 1, 14, 17, 20 and 64 bits with prefixes
// 0, 10, 110, 1110, 1111, and the XOR of the value with its predecessor.
// Full format: Prometheus tsdb/docs/format/chunks.md.
//
// The encoder's state lives apart from its bytes, so that the head can keep it in the hot
// line of a series and the bytes in a slab.
// Threads: one at a time per chunk.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "model/time.h"

namespace narthex::tsdb {

inline constexpr std::uint8_t kXorEncoding = 1;
inline constexpr std::size_t kXorHeaderBytes = 2;
/// An append writes at most this many bytes beyond the current end.
inline constexpr std::size_t kXorMaxSampleBytes = 24;

struct XorState {
  Timestamp t = 0;
  double v = 0;
  std::int64_t delta = 0;
  std::uint16_t count = 0;
  std::uint8_t leading = 0xff;  ///< 0xff: no window yet
  std::uint8_t trailing = 0;
  std::uint32_t bits = kXorHeaderBytes * 8;  ///< used, header included

  [[nodiscard]] std::size_t size_bytes() const { return (bits + 7) / 8; }
};

/// Appends one sample. `bytes` must have room for size_bytes() + kXorMaxSampleBytes, bytes
/// beyond the end may hold anything. Writes the count too: the chunk is complete after every call.
void xor_append(XorState& state, std::byte* bytes, Timestamp t, double v);
/// The same for whoever has the end of a chunk only, and writes the count himself when the chunk is
/// to be read: its begin is another cache line.
/// @param end  byte state.bits / 8 of the chunk, with room for kXorMaxSampleBytes + 1 from there on
void xor_append_at(XorState& state, std::byte* end, Timestamp t, double v);
/// The bits of a sample that asks for no other distance and no other window: what nearly all do.
struct XorUsualSample {
  static constexpr unsigned kMostBits = 57;  ///< so that with the used bits of a byte they fit a word

  std::uint64_t bits = 0;
  unsigned count = 0;  ///< 0: the sample is not such a one, xor_append_at() can write it
};
inline XorUsualSample xor_usual_sample(const XorState& state, Timestamp t, double v) {
  const std::uint64_t delta = static_cast<std::uint64_t>(t) - static_cast<std::uint64_t>(state.t);
  if (state.count < 2 || delta != static_cast<std::uint64_t>(state.delta)) return {};
  const std::uint64_t diff = std::bit_cast<std::uint64_t>(v) ^ std::bit_cast<std::uint64_t>(state.v);
  if (diff == 0) return {0, 2};
  // Without a window no number of leading zeros is enough.
  if (std::countl_zero(diff) < state.leading || std::countr_zero(diff) < state.trailing) return {};
  const unsigned width = 64U - state.leading - state.trailing;
  if (3 + width > XorUsualSample::kMostBits) return {};
  return {std::uint64_t{0b010} << width | diff >> state.trailing, 3 + width};
}
/// Writes a chunk's count.
void xor_set_count(std::byte* bytes, std::uint16_t count);

/// Appends all samples of `chunk` that lie in `range` to t and v.
/// Errors: corruption (ends in mid-sample).
Result<void> xor_decode(io::Bytes chunk, TimeRange range, std::vector<Timestamp>& t, std::vector<double>& v);

/// Number of samples, from the header; 0 if too short.
std::uint16_t xor_count(io::Bytes chunk);

/// Rebuilds the encoder's state from a chunk, to go on appending. Errors: corruption.
Result<XorState> xor_resume(io::Bytes chunk);

}  // namespace narthex::tsdb

// Reading bit streams, most significant bit first, as chunks are.
//
// BitCursor is for inner loops: its caller sees to it that it stays inside. BitReader checks
// each read: after the first one beyond the end it yields zeros and says so in ok().
// Threads: one at a time; the bytes are borrowed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "io/file_system.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {

/// Reads bits at any position of `base`; nine bytes from there on must be readable.
class BitCursor {
 public:
  BitCursor(const std::byte* base, std::size_t bit) : base_(base), bit_(bit) {}

  /// The next bits from the top down; at least the upper 57 are valid.
  [[nodiscard]] std::uint64_t peek() const { return load_be<std::uint64_t>(base_ + bit_ / 8) << (bit_ % 8); }
  void skip(std::size_t bits) { bit_ += bits; }
  /// @param width  1..64
  std::uint64_t take(unsigned width) {
    const std::byte* at = base_ + bit_ / 8;
    const unsigned used = bit_ % 8;
    const std::uint64_t word =
        load_be<std::uint64_t>(at) << used | (static_cast<std::uint64_t>(at[8]) << used) >> 8;
    bit_ += width;
    return word >> (64 - width);
  }
  [[nodiscard]] std::size_t bit() const { return bit_; }

 private:
  const std::byte* base_;
  std::size_t bit_;
};

class BitReader {
 public:
  /// @param bit  where to begin
  BitReader(io::Bytes bytes, std::size_t bit) : bytes_(bytes), bit_(bit) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t bit() const { return bit_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size() * 8 - bit_; }

  /// The next bits from the top down, zeros beyond the end; at least the upper 57 are valid.
  [[nodiscard]] std::uint64_t peek() const {
    const std::size_t at = bit_ / 8;
    if (at + 8 <= bytes_.size()) [[likely]]
      return load_be<std::uint64_t>(bytes_.data() + at) << (bit_ % 8);
    std::uint64_t word = 0;
    for (std::size_t i = at; i < bytes_.size(); ++i)
      word |= static_cast<std::uint64_t>(bytes_[i]) << (56 - 8 * (i - at));
    return word << (bit_ % 8);
  }
  /// @return false if so many bits are not there
  bool skip(std::size_t bits) {
    if (bits > left()) {
      fault();
      return false;
    }
    bit_ += bits;
    return true;
  }
  /// @param width  1..64
  std::uint64_t take(unsigned width) {
    if (width > 57) {
      const std::uint64_t upper = take(32);
      return upper << (width - 32) | take(width - 32);
    }
    const std::uint64_t word = peek();
    return skip(width) ? word >> (64 - width) : 0;
  }
  /// What was read cannot be: from here on as beyond the end.
  void fault() {
    ok_ = false;
    bit_ = bytes_.size() * 8;
  }
  /// LEB128, at any bit.
  std::uint64_t uvarint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint64_t byte = take(8);
      // The tenth byte has room for one bit only.
      if (!ok_ || (shift == 63 && byte > 1)) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    fault();
    return 0;
  }
  std::int64_t varint() { return unzigzag(uvarint()); }

 private:
  io::Bytes bytes_;
  std::size_t bit_;
  bool ok_ = true;
};

}  // namespace narthex::tsdb

// Writing bit streams, most significant bit first, as chunks are.
//
// BitWriter writes into memory that the caller has sized; BitBuffer owns its bytes and grows.
// Threads: one at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "io/file_system.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {

/// Bits are gathered at the end of `bytes`, whose last byte may be partly used. Each put()
/// merges that byte with the new bits and stores eight bytes, so nothing waits in a register
/// between samples and the chunk is whole after each.
class BitWriter {
 public:
  /// @param bytes  eight bytes behind the last bit that will be written must be writable
  BitWriter(std::byte* bytes, std::uint32_t bits) : bytes_(bytes), bits_(bits) {}

  /// @param width  1..57; higher bits of `value` must be zero
  void put(std::uint64_t value, unsigned width) {
    std::byte* at = bytes_ + bits_ / 8;
    const unsigned used = bits_ % 8;
    // With used == 0 the byte at `at` is not ours yet and is masked away.
    const auto kept = static_cast<std::uint64_t>(*at) & (0xff00u >> used) & 0xff;
    store_be<std::uint64_t>(at, kept << 56 | value << (64 - used - width));
    bits_ += width;
  }
  /// @param width  1..64
  void put_wide(std::uint64_t value, unsigned width) {
    if (width > 57) {
      put(value >> 32, width - 32);
      value &= 0xffffffff;
      width = 32;
    }
    put(value, width);
  }
  void put_byte_aligned_uvarint(std::uint64_t value) {
    std::byte* at = bytes_ + bits_ / 8;
    bits_ += static_cast<std::uint32_t>(write_uvarint(at, value) - at) * 8;
  }
  [[nodiscard]] std::uint32_t bits() const { return bits_; }

 private:
  std::byte* bytes_;
  std::uint32_t bits_;
};

class BitBuffer {
 public:
  /// Begins with `header_bytes` zero bytes.
  explicit BitBuffer(std::size_t header_bytes) : bits_(static_cast<std::uint32_t>(header_bytes * 8)) {
    store_.resize(header_bytes + kSlack);
  }
  /// Goes on behind the first `bits` bits of `chunk`.
  BitBuffer(io::Bytes chunk, std::size_t bits) : bits_(static_cast<std::uint32_t>(bits)) {
    store_.assign(chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(size()));
    store_.resize(size() + kSlack);
  }

  /// @param width  1..64; higher bits of `value` are left out
  void put(std::uint64_t value, unsigned width) {
    if (size() + kSlack > store_.size()) grow();
    BitWriter out(store_.data(), bits_);
    out.put_wide(width == 64 ? value : value & ((std::uint64_t{1} << width) - 1), width);
    bits_ = out.bits();
  }
  /// LEB128, at any bit.
  void put_uvarint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) put((value & 0x7f) | 0x80, 8);
    put(value, 8);
  }
  void put_varint(std::int64_t value) { put_uvarint(zigzag(value)); }

  /// The header's bytes, to be set in place.
  [[nodiscard]] std::byte* data() { return store_.data(); }
  [[nodiscard]] const std::byte* data() const { return store_.data(); }
  [[nodiscard]] std::size_t size() const { return (std::size_t{bits_} + 7) / 8; }
  /// Valid until the next put().
  [[nodiscard]] io::Bytes bytes() const { return {store_.data(), size()}; }
  [[nodiscard]] std::size_t capacity() const { return store_.capacity(); }

 private:
  /// put_wide() stores at most two words of eight bytes, the second four bytes on.
  static constexpr std::size_t kSlack = 16;

  void grow() { store_.resize(std::max(store_.capacity(), size() + size() / 2 + 3 * kSlack)); }

  std::vector<std::byte> store_;
  std::uint32_t bits_;
};

}  // namespace narthex::tsdb

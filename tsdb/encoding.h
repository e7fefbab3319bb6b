// Integers as the files of a data directory carry them: big-endian words, and LEB128
// varints (signed ones zigzagged), in Go's encoding/binary layout.
//
// ByteReader walks bytes from outside: it never reads past the end, and after the first
// fault it yields zeros and says so in ok(), so that a decoder checks once per item.
// Threads: any; a ByteReader belongs to one thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "io/file_system.h"

namespace narthex::tsdb {

inline constexpr std::size_t kMaxVarintBytes = 10;

template <class Word>
[[nodiscard]] inline Word load_be(const std::byte* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  if constexpr (std::endian::native == std::endian::little) {
    if constexpr (sizeof(Word) == 8) return __builtin_bswap64(word);
    if constexpr (sizeof(Word) == 4) return __builtin_bswap32(word);
    if constexpr (sizeof(Word) == 2) return __builtin_bswap16(word);
  }
  return word;
}

template <class Word>
inline void store_be(std::byte* at, Word word) {
  if constexpr (std::endian::native == std::endian::little) {
    if constexpr (sizeof(Word) == 8) word = __builtin_bswap64(word);
    if constexpr (sizeof(Word) == 4) word = __builtin_bswap32(word);
    if constexpr (sizeof(Word) == 2) word = __builtin_bswap16(word);
  }
  std::memcpy(at, &word, sizeof word);
}

[[nodiscard]] inline std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
[[nodiscard]] inline std::int64_t unzigzag(std::uint64_t raw) {
  return static_cast<std::int64_t>((raw >> 1) ^ (0 - (raw & 1)));
}

/// Writes at most kMaxVarintBytes. @return behind the last byte
inline std::byte* write_uvarint(std::byte* at, std::uint64_t value) {
  while (value >= 0x80) {
    *at++ = static_cast<std::byte>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<std::byte>(value);
  return at;
}
inline std::byte* write_varint(std::byte* at, std::int64_t value) {
  return write_uvarint(at, zigzag(value));
}

template <class Word>
inline void put_be(std::vector<std::byte>& out, Word word) {
  const std::size_t at = out.size();
  out.resize(at + sizeof word);
  store_be<Word>(out.data() + at, word);
}
inline void put_u8(std::vector<std::byte>& out, std::uint8_t byte) {
  out.push_back(static_cast<std::byte>(byte));
}
inline void put_uvarint(std::vector<std::byte>& out, std::uint64_t value) {
  std::byte buffer[kMaxVarintBytes];
  out.insert(out.end(), buffer, write_uvarint(buffer, value));
}
inline void put_varint(std::vector<std::byte>& out, std::int64_t value) {
  put_uvarint(out, zigzag(value));
}
inline void put_bytes(std::vector<std::byte>& out, io::Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}
/// Length as uvarint, then the text.
inline void put_text(std::vector<std::byte>& out, std::string_view text) {
  put_uvarint(out, text.size());
  put_bytes(out, io::as_bytes(text));
}

class ByteReader {
 public:
  explicit ByteReader(io::Bytes bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] io::Bytes rest() const { return {at_, end_}; }

  std::uint8_t u8() { return read<std::uint8_t>(); }
  std::uint32_t be32() { return read<std::uint32_t>(); }
  std::uint64_t be64() { return read<std::uint64_t>(); }

  std::uint64_t uvarint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) break;
      const auto byte = static_cast<std::uint64_t>(*at_++);
      // The tenth byte has room for one bit only.
      if (shift == 63 && byte > 1) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return fault();
  }
  std::int64_t varint() { return unzigzag(uvarint()); }

  /// Valid while the bytes given to the constructor are.
  io::Bytes bytes(std::uint64_t size) {
    if (size > left()) {
      fault();
      return {};
    }
    const io::Bytes taken(at_, static_cast<std::size_t>(size));
    at_ += size;
    return taken;
  }
  /// Length as uvarint, then the text. Valid while the bytes given to the constructor are.
  std::string_view text() { return io::as_text(bytes(uvarint())); }
  void skip(std::uint64_t size) { bytes(size); }

 private:
  template <class Word>
  Word read() {
    if (left() < sizeof(Word)) return static_cast<Word>(fault());
    const Word word = load_be<Word>(at_);
    at_ += sizeof(Word);
    return word;
  }
  std::uint64_t fault() {
    ok_ = false;
    at_ = end_;
    return 0;
  }

  const std::byte* at_;
  const std::byte* end_;
  bool ok_ = true;
};

}  // namespace narthex::tsdb

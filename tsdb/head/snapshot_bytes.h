// Little-endian words of fixed width, as the head's snapshots hold them: they are read by the
// hundred megabytes, on machines of the same kind as wrote them.
//
// WordReader never reads past the end; after the first fault it yields zeros and says so in ok().
// Threads: any; a WordReader belongs to one thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <vector>

#include "io/file_system.h"

namespace narthex::tsdb {

static_assert(std::endian::native == std::endian::little, "snapshots of the head are little-endian");

template <class Word>
inline void put_word(std::vector<std::byte>& out, Word word) {
  static_assert(std::is_arithmetic_v<Word>);
  const std::size_t at = out.size();
  out.resize(at + sizeof(Word));
  std::memcpy(out.data() + at, &word, sizeof(Word));
}
inline void put_span(std::vector<std::byte>& out, io::Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}
/// Its length in 32 bits, then the text.
inline void put_string(std::vector<std::byte>& out, std::string_view text) {
  put_word(out, static_cast<std::uint32_t>(text.size()));
  put_span(out, io::as_bytes(text));
}

class WordReader {
 public:
  explicit WordReader(io::Bytes bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  /// What was read does not make sense.
  void reject() {
    ok_ = false;
    at_ = end_;
  }

  template <class Word>
  Word word() {
    static_assert(std::is_arithmetic_v<Word>);
    if (left() < sizeof(Word)) {
      reject();
      return Word{};
    }
    Word word;
    std::memcpy(&word, at_, sizeof(Word));
    at_ += sizeof(Word);
    return word;
  }
  std::uint8_t u8() { return word<std::uint8_t>(); }
  std::uint16_t u16() { return word<std::uint16_t>(); }
  std::uint32_t u32() { return word<std::uint32_t>(); }
  std::uint64_t u64() { return word<std::uint64_t>(); }
  std::int64_t i64() { return word<std::int64_t>(); }
  double f64() { return word<double>(); }

  /// Valid while the bytes given to the constructor are.
  io::Bytes bytes(std::uint64_t size) {
    if (size > left()) {
      reject();
      return {};
    }
    const io::Bytes taken(at_, static_cast<std::size_t>(size));
    at_ += size;
    return taken;
  }
  /// The same.
  std::string_view string() { return io::as_text(bytes(u32())); }

 private:
  const std::byte* at_;
  const std::byte* end_;
  bool ok_ = true;
};

}  // namespace narthex::tsdb

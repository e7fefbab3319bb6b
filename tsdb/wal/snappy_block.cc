#include "tsdb/wal/snappy_block.h"

#include <snappy.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "model/check.h"

#if defined(__x86_64__)
#include <tmmintrin.h>
#endif

namespace narthex::tsdb {
namespace {

struct Header {
  std::uint32_t content_bytes;
  std::size_t bytes;
};

std::optional<Header> read_header(io::Bytes block) {
  constexpr std::size_t kMostBytes = 5;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < std::min(block.size(), kMostBytes); ++i) {
    const auto byte = std::to_integer<std::uint64_t>(block[i]);
    value |= (byte & 0x7f) << (7 * i);
    if (byte >= 0x80) continue;
    if (value > ~std::uint32_t{0}) break;
    return Header{static_cast<std::uint32_t>(value), i + 1};
  }
  return std::nullopt;
}

#if defined(__x86_64__)

// In functions that are compiled for more than every x86-64 has.
#define NARTHEX_SSSE3 __attribute__((target("ssse3")))
#define NARTHEX_SSSE3_INLINE __attribute__((target("ssse3"), always_inline)) inline

constexpr std::size_t kWindow = 16;
/// In a shuffle: the byte becomes zero.
constexpr std::uint8_t kZero = 0x80;

/// [back]: from the newest 16 bytes to the 16 that follow if what lies `back` bytes back is repeated;
/// [0] is zeros, [kFar] makes zeros.
constexpr std::size_t kFar = kWindow + 1;
constexpr auto kRepeats = [] {
  std::array<std::array<std::uint8_t, kWindow>, kFar + 1> rows{};
  rows[kFar].fill(kZero);
  for (std::size_t back = 1; back <= kWindow; ++back)
    for (std::size_t i = 0; i < kWindow; ++i)
      rows[back][i] = static_cast<std::uint8_t>(kWindow - back + i % back);
  return rows;
}();

/// From place n on a shuffle that moves the first n bytes to the end; from place 16 + n on one that moves
/// the others to the front.
constexpr auto kSlide = [] {
  std::array<std::uint8_t, 3 * kWindow> row{};
  row.fill(kZero);
  for (std::size_t i = 0; i < kWindow; ++i) row[kWindow + i] = static_cast<std::uint8_t>(i);
  return row;
}();

NARTHEX_SSSE3_INLINE __m128i load16(const void* at) {
  return _mm_loadu_si128(static_cast<const __m128i*>(at));
}
NARTHEX_SSSE3_INLINE void store16(std::byte* at, __m128i bytes) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(at), bytes);
}
/// The value, of which compilers know nothing more: of what they know of a condition they make a branch.
NARTHEX_SSSE3_INLINE std::uintptr_t hidden(std::uintptr_t value) {
  asm("" : "+r"(value));
  return value;
}
/// The newest 16 bytes once the first `size` of `piece` follow.
NARTHEX_SSSE3_INLINE __m128i slide(__m128i newest, __m128i piece, std::size_t size) {
  return _mm_or_si128(_mm_shuffle_epi8(newest, load16(kSlide.data() + kWindow + size)),
                      _mm_shuffle_epi8(piece, load16(kSlide.data() + size)));
}

/// Copies that overlap what they write repeat it.
void copy_forward(std::byte* to, std::size_t back, std::size_t size) {
  const std::byte* from = to - back;
  if (back >= size) {
    std::memcpy(to, from, size);
    return;
  }
  for (std::size_t i = 0; i < size; ++i) to[i] = from[i];
}

class Unpacker {
 public:
  Unpacker(std::byte* to, std::size_t content_bytes) : begin_(to), at_(to), end_(to + content_bytes) {}

  /// All of the block behind its header.
  NARTHEX_SSSE3 bool unpack(const std::byte* in, const std::byte* end) {
    if (end - in > kAhead && !unpack_until(in, end - kAhead, end)) return false;
    // The rest stands beside, with zeros behind it: looking ahead is safe there, too.
    std::array<std::byte, kAhead + kPadding> rest{};
    const auto left = static_cast<std::size_t>(end - in);
    std::memcpy(rest.data(), in, left);
    in = rest.data();
    end = in + left;
    return unpack_until(in, end, end) && in == end && at_ == end_;
  }

 private:
  /// A literal with its tag and the copy behind it take no more.
  static constexpr std::ptrdiff_t kAhead = 32;
  static constexpr std::ptrdiff_t kPadding = 32;

  /// @param until  an element that begins before it is unpacked; `in` is then behind the last one
  NARTHEX_SSSE3 bool unpack_until(const std::byte*& in, const std::byte* until, const std::byte* end) {
    // In registers, all of them: stores of bytes may be to members, for all that a compiler knows.
    const std::byte* from = in;
    std::byte* at = at_;
    const std::byte* const begin = begin_;
    std::byte* const content_end = end_;
    __m128i newest = newest_;
    while (from < until) {
      auto tag = std::to_integer<std::uint32_t>(*from);
      if ((tag & 3) == 0) {
        const std::size_t size = (tag >> 2) + 1;
        if (size > kWindow) {
          const Position next = copy_literal({from, at}, end, content_end);
          if (next.from == nullptr) return false;
          from = next.from;
          at = next.at;
          newest = reload(at);
          continue;
        }
        if (size > static_cast<std::size_t>(content_end - at)) return false;
        const __m128i piece = load16(from + 1);
        store16(at, piece);
        newest = slide(newest, piece, size);
        at += size;
        from += 1 + size;
        // Nearly always a copy follows.
        tag = std::to_integer<std::uint32_t>(*from);
        if ((tag & 3) == 0) continue;
      }
      std::size_t size = (tag >> 2) + 1;
      std::size_t back;
      if ((tag & 3) == 1) {
        size = (tag >> 2 & 7) + 4;
        back = (tag >> 5) << 8 | std::to_integer<std::uint32_t>(from[1]);
        from += 2;
      } else if ((tag & 3) == 2) {
        back = load<std::uint16_t>(from + 1);
        from += 3;
      } else {
        back = load<std::uint32_t>(from + 1);
        from += 5;
      }
      // A distance of zero is too far as well.
      if (back - 1 >= static_cast<std::size_t>(at - begin)) return false;
      if (size > static_cast<std::size_t>(content_end - at)) return false;
      if (size > kWindow) {
        copy_forward(at, back, size);
        at += size;
        newest = reload(at);
        continue;
      }
      // Near and far copies follow each other as the values have it: no branch could be predicted.
      const std::uintptr_t is_far = hidden(std::uintptr_t{0} - (back > kWindow ? 1U : 0U));
      const auto* const shuffle = kRepeats[(back & ~is_far) | (kFar & is_far)].data();
      const auto nothing = reinterpret_cast<std::uintptr_t>(kRepeats[0].data());
      const auto source = reinterpret_cast<std::uintptr_t>(at - back);
      const auto* const far = reinterpret_cast<const std::byte*>((nothing & ~is_far) | (source & is_far));
      const __m128i piece = _mm_or_si128(_mm_shuffle_epi8(newest, load16(shuffle)), load16(far));
      store16(at, piece);
      newest = slide(newest, piece, size);
      at += size;
    }
    in = from;
    at_ = at;
    newest_ = newest;
    return true;
  }

  template <class Word>
  static Word load(const std::byte* at) {
    static_assert(std::endian::native == std::endian::little);
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
  }

  struct Position {
    const std::byte* from;
    std::byte* at;
  };
  /// One of more than 16 bytes. @return  from nowhere: there is not as much, or no room for it
  static Position copy_literal(Position p, const std::byte* end, const std::byte* content_end) {
    auto& [from, at] = p;
    std::size_t size = std::to_integer<std::size_t>(*from++) >> 2;
    constexpr std::size_t kMostInTag = 59;
    if (size > kMostInTag) {
      const std::size_t bytes = size - kMostInTag;
      if (bytes > static_cast<std::size_t>(end - from)) return {};
      std::uint32_t word = 0;
      std::memcpy(&word, from, bytes);
      size = word;
      from += bytes;
    }
    ++size;
    if (size > static_cast<std::size_t>(end - from) || size > static_cast<std::size_t>(content_end - at))
      return {};
    std::memcpy(at, from, size);
    return {from + size, at + size};
  }

  NARTHEX_SSSE3_INLINE __m128i reload(const std::byte* at) const {
    if (at - begin_ >= static_cast<std::ptrdiff_t>(kWindow)) return load16(at - kWindow);
    std::array<std::byte, kWindow> bytes{};
    const auto there = static_cast<std::size_t>(at - begin_);
    std::memcpy(bytes.data() + kWindow - there, at - there, there);
    return load16(bytes.data());
  }

  std::byte* const begin_;
  std::byte* at_;
  std::byte* const end_;
  __m128i newest_{};
};

bool unpack_here(io::Bytes elements, std::byte* to, std::size_t content_bytes) {
  return Unpacker(to, content_bytes).unpack(elements.data(), elements.data() + elements.size());
}

#endif

bool can_unpack_here() {
#if defined(__x86_64__)
  static const bool can = __builtin_cpu_supports("ssse3") != 0;
  return can;
#else
  return false;
#endif
}

}  // namespace

std::optional<std::uint32_t> snappy_content_size(io::Bytes block) {
  const auto header = read_header(block);
  if (!header) return std::nullopt;
  return header->content_bytes;
}

// hot: bench/wal_bench
bool unpack_snappy(io::Bytes block, std::span<std::byte> to) {
  const auto header = read_header(block);
  if (!header) return false;
  check(to.size() >= header->content_bytes + kUnpackSlack, "no room for what a snappy block holds");
#if defined(__x86_64__)
  if (can_unpack_here()) return unpack_here(block.subspan(header->bytes), to.data(), header->content_bytes);
#endif
  return snappy::RawUncompress(reinterpret_cast<const char*>(block.data()), block.size(),
                               reinterpret_cast<char*>(to.data()));
}

}  // namespace narthex::tsdb

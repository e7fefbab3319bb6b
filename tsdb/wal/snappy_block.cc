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
/// What a shuffle makes of 16 bytes: each is the one with that number, or zero.
using Shuffle = std::array<std::uint8_t, kWindow>;
constexpr std::uint8_t kZero = 0x80;
constexpr std::size_t kFar = kWindow + 1;

/// [tag] of a literal in one load. Another element has no bytes, one of more than 16 kLong.
struct Literal {
  std::uint8_t size;
  std::uint16_t slide;  ///< where kTables' rows of its size begin, in bytes
};
constexpr std::uint8_t kLong = 0xff;

/// [tag] of a copy of two bytes. Another element has none.
struct ShortCopy {
  std::uint8_t size;
  std::uint8_t slide;  ///< as above
  std::uint16_t back;  ///< what of the distance the tag has
};
constexpr std::ptrdiff_t kShortCopyBytes = 2;
constexpr std::size_t kMostShortCopy = 11;

/// Side by side, so that one register finds them all.
struct alignas(64) Tables {
  /// [back]: from the newest 16 bytes to the 16 that follow if what lies `back` bytes back is repeated;
  /// [0] is zeros, [kFar] makes zeros.
  std::array<Shuffle, kFar + 1> repeat{};
  /// [n] moves all but the first n bytes to the front.
  std::array<Shuffle, kWindow + 1> forward{};
  /// [n] moves the first n bytes to the end.
  std::array<Shuffle, kWindow + 1> backward{};
  std::array<Literal, 256> literals{};
  std::array<ShortCopy, 256> short_copies{};
};
constexpr auto kTables = [] {
  Tables t;
  t.repeat[kFar].fill(kZero);
  for (std::size_t back = 1; back <= kWindow; ++back)
    for (std::size_t i = 0; i < kWindow; ++i)
      t.repeat[back][i] = static_cast<std::uint8_t>(kWindow - back + i % back);
  for (std::size_t n = 0; n <= kWindow; ++n) {
    t.forward[n].fill(kZero);
    t.backward[n].fill(kZero);
    for (std::size_t i = 0; i + n < kWindow; ++i) t.forward[n][i] = static_cast<std::uint8_t>(i + n);
    for (std::size_t i = 0; i < n; ++i) t.backward[n][kWindow - n + i] = static_cast<std::uint8_t>(i);
  }
  for (std::size_t tag = 0; tag < t.literals.size(); tag += 4) {
    const std::size_t size = (tag >> 2) + 1;
    t.literals[tag] = {size <= kWindow ? static_cast<std::uint8_t>(size) : kLong,
                       static_cast<std::uint16_t>(size * kWindow)};
  }
  for (std::size_t tag = 1; tag < t.short_copies.size(); tag += 4) {
    const std::size_t size = (tag >> 2 & 7) + 4;
    t.short_copies[tag] = {static_cast<std::uint8_t>(size), static_cast<std::uint8_t>(size * kWindow),
                           static_cast<std::uint16_t>(tag >> 5 << 8)};
  }
  return t;
}();

NARTHEX_SSSE3_INLINE __m128i load16(const void* at) {
  return _mm_loadu_si128(static_cast<const __m128i*>(at));
}
NARTHEX_SSSE3_INLINE void store16(std::byte* at, __m128i bytes) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(at), bytes);
}
/// @param offset  in `rows`, in bytes
template <std::size_t kRows>
NARTHEX_SSSE3_INLINE __m128i shuffled(__m128i bytes, const std::array<Shuffle, kRows>& rows,
                                      std::size_t offset) {
  const std::uint8_t* const row = rows[0].data() + offset;
  return _mm_shuffle_epi8(bytes, *reinterpret_cast<const __m128i*>(row));
}
/// The 16 bytes that a copy from `back` bytes back, one at least, begins with. @param far  `back` before the
/// end
NARTHEX_SSSE3_INLINE __m128i repeated(__m128i newest, std::size_t back, const std::byte* far) {
  std::size_t row = back;
  const void* source = kTables.repeat[0].data();
  // Near and far copies follow each other as the values have it: no branch could be predicted, and of
  // conditions compilers make one.
  asm("cmp %[kFar], %[row]\n\t"
      "cmovae %[far_row], %[row]\n\t"
      "cmovae %[far], %[source]"
      : [row] "+&r"(row), [source] "+&r"(source)
      : [far] "r"(far), [far_row] "r"(kFar), [kFar] "i"(kFar)
      : "cc");
  return _mm_or_si128(shuffled(newest, kTables.repeat, row * kWindow), load16(source));
}
/// Behind the literal that begins at `from`, if one does, and a short copy behind that.
inline const std::byte* behind_both(const std::byte* from, std::size_t tag) {
  // Each step waits for this: a table would be slower, a branch cannot be predicted, and of sums compilers
  // make one of three addends, which takes three times as long.
  const std::byte* behind_copy = from + kShortCopyBytes;
  const std::byte* behind_literal = behind_copy + 2;
  asm("add %[rest], %[behind_literal]\n\t"
      "test $3, %b[tag]\n\t"
      "cmovz %[behind_literal], %[behind_copy]"
      : [behind_copy] "+r"(behind_copy), [behind_literal] "+&r"(behind_literal)
      : [rest] "r"(tag >> 2), [tag] "q"(tag)
      : "cc");
  return behind_copy;
}
/// The newest 16 bytes once the first n of `piece` follow. @param offset  of n, in the tables' rows
NARTHEX_SSSE3_INLINE __m128i slide(__m128i newest, __m128i piece, std::size_t offset) {
  return _mm_or_si128(shuffled(newest, kTables.forward, offset), shuffled(piece, kTables.backward, offset));
}
NARTHEX_SSSE3_INLINE __m128i slide_by(__m128i newest, __m128i piece, std::size_t n) {
  return slide(newest, piece, n * kWindow);
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
    if (end - in > kAhead) {
      if (!unpack_until(in, end - kAhead, end)) return false;
      // More than what it was to hold.
      if (end - in > kAhead) return false;
    }
    // The rest stands beside, with zeros behind it: looking ahead is safe there, too.
    std::array<std::byte, kAhead + kPadding> rest{};
    const auto left = static_cast<std::size_t>(end - in);
    std::memcpy(rest.data(), in, left);
    in = rest.data();
    end = in + left;
    return unpack_until(in, end, end) && in == end && at_ == end_;
  }

 private:
  struct Position {
    const std::byte* from;
    std::byte* at;
  };

  /// A literal with its tag and the copy behind it take no more.
  static constexpr std::ptrdiff_t kAhead = 32;
  static constexpr std::ptrdiff_t kPadding = 32;
  /// A literal and a copy may begin just in front of the content's end.
  static_assert(kUnpackSlack >= 3 * kWindow);

  /// Until the content is full, too: what is written behind its end is found by unpack().
  /// @param until  an element that begins before it is unpacked; `in` is then behind the last one
  NARTHEX_SSSE3 bool unpack_until(const std::byte*& in, const std::byte* until, const std::byte* end) {
    Position p{in, at_};
    while (p.from < until && p.at < end_) {
      // So many can pass neither end; one may.
      const std::ptrdiff_t steps = std::max(
          std::ptrdiff_t{1}, std::min((until - p.from) / kMostPacked, (end_ - p.at) / kMostUnpacked));
      if (!take_steps(p, steps, until, end)) return false;
    }
    in = p.from;
    at_ = p.at;
    return true;
  }

  /// What a step takes and makes at most, but for elements that end take_steps().
  static constexpr std::ptrdiff_t kMostPacked = 1 + kWindow + kShortCopyBytes;
  static constexpr std::ptrdiff_t kMostUnpacked = kWindow + kMostShortCopy;

  /// A step is a literal, or none, and the copy behind it, or none.
  NARTHEX_SSSE3_INLINE bool take_steps(Position& position, std::ptrdiff_t steps, const std::byte* until,
                                       const std::byte* end) {
    // In registers, all of them: stores of bytes may be to members, for all that a compiler knows.
    Position p = position;
    const std::byte* const begin = begin_;
    __m128i newest = newest_;
    for (; steps > 0; --steps) {
      // Whether a literal comes next is as the values have it. One of no bytes changes nothing; a short copy
      // nearly always follows.
      const auto first_tag = std::to_integer<std::size_t>(*p.from);
      const Literal& literal = kTables.literals[first_tag];
      if (literal.size == kLong) [[unlikely]] {
        p = copy_literal(p, end, end_);
        if (p.from == nullptr) return false;
        newest = reload(p.at);
        break;
      }
      const __m128i text = load16(p.from + 1);
      store16(p.at, text);
      newest = slide(newest, text, literal.slide);
      p.at += literal.size;
      p.from = behind_both(p.from, first_tag);

      const auto tag = std::to_integer<std::size_t>(p.from[-kShortCopyBytes]);
      const ShortCopy& copy = kTables.short_copies[tag];
      if (copy.size == 0) [[unlikely]] {
        p.from -= kShortCopyBytes;
        if ((tag & 3) == 0 || p.from >= until) continue;
        if (!copy_far(p, begin, end_, newest)) return false;
        break;
      }
      const std::size_t back = copy.back + std::to_integer<std::size_t>(p.from[-1]);
      // Not as a pointer while it may point to in front of the content.
      const std::uintptr_t far = reinterpret_cast<std::uintptr_t>(p.at) - back;
      if (back == 0 || far < reinterpret_cast<std::uintptr_t>(begin)) return false;
      const __m128i piece = repeated(newest, back, reinterpret_cast<const std::byte*>(far));
      store16(p.at, piece);
      newest = slide(newest, piece, copy.slide);
      p.at += copy.size;
    }
    position = p;
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

  /// A copy whose distance takes two or four bytes. @return  false: there is nothing so far back, or no room
  NARTHEX_SSSE3_INLINE bool copy_far(Position& p, const std::byte* begin, const std::byte* content_end,
                                     __m128i& newest) const {
    const auto tag = std::to_integer<std::uint32_t>(*p.from);
    const bool is_word = (tag & 3) == 3;
    const std::size_t size = (tag >> 2) + 1;
    const std::size_t back = is_word ? load<std::uint32_t>(p.from + 1) : load<std::uint16_t>(p.from + 1);
    // A distance of zero is too far as well.
    if (back - 1 >= static_cast<std::size_t>(p.at - begin)) return false;
    // A literal may have gone beyond the end already.
    if (static_cast<std::ptrdiff_t>(size) > content_end - p.at) return false;
    if (size <= kWindow && back > kWindow) {
      const __m128i piece = load16(p.at - back);
      store16(p.at, piece);
      newest = slide_by(newest, piece, size);
    } else {
      copy_forward(p.at, back, size);
      newest = reload(p.at + size);
    }
    p.at += size;
    p.from += is_word ? 5 : 3;
    return true;
  }
  /// A literal of more than 16 bytes. @return  from nowhere: there is not as much, or no room for it
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

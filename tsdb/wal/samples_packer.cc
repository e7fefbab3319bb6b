#include "tsdb/wal/samples_packer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace narthex::tsdb {
namespace {

/// Type, first reference and first time.
constexpr std::size_t kRecordHeaderBytes = 17;
/// A copy of so many takes two bytes, if it is from less than 2 KiB back.
constexpr std::ptrdiff_t kLeastCopy = 4;
constexpr std::ptrdiff_t kMostCopy = 11;

std::byte* put_length(std::byte* to, std::size_t length) {
  for (; length >= 0x80; length >>= 7) *to++ = static_cast<std::byte>(length | 0x80);
  *to++ = static_cast<std::byte>(length);
  return to;
}

/// @param end  of what may be read behind the literal
std::byte* put_literal(std::byte* to, const std::byte* from, const std::byte* until, const std::byte* end) {
  const auto size = static_cast<std::size_t>(until - from);
  if (size == 0) return to;
  constexpr std::size_t kShort = 16;
  if (size <= kShort && static_cast<std::size_t>(end - from) >= kShort) [[likely]] {
    *to++ = static_cast<std::byte>((size - 1) << 2);
    std::memcpy(to, from, kShort);
    return to + size;
  }
  // 60 to 63 in the tag: the length follows in 1 to 4 bytes.
  constexpr std::size_t kMostInTag = 60;
  if (size <= kMostInTag) {
    *to++ = static_cast<std::byte>((size - 1) << 2);
  } else {
    std::byte* const tag = to++;
    std::size_t bytes = 0;
    for (std::size_t rest = size - 1; rest > 0; rest >>= 8, ++bytes) *to++ = static_cast<std::byte>(rest);
    *tag = static_cast<std::byte>((kMostInTag - 1 + bytes) << 2);
  }
  std::memcpy(to, from, size);
  return to + size;
}

std::byte* put_copy(std::byte* to, std::size_t back, std::size_t size) {
  *to++ = static_cast<std::byte>(1U | (size - std::size_t{kLeastCopy}) << 2 | back >> 8 << 5);
  *to++ = static_cast<std::byte>(back);
  return to;
}

/// Behind the varint at `at`, which is ten bytes at most.
const std::byte* skip_varint(const std::byte* at) {
  for (int i = 0; i < 9 && (*at & std::byte{0x80}) != std::byte{0}; ++i) ++at;
  return at + 1;
}

std::uint32_t load32(const std::byte* at) {
  std::uint32_t bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  return bytes;
}

class Packer {
 public:
  Packer(io::Bytes record, std::byte* to)
      : begin_(record.data()), end_(begin_ + record.size()), literal_(begin_), to_(to) {}

  void copy(const std::byte* at, std::size_t back, std::size_t size) {
    to_ = put_copy(put_literal(to_, literal_, at, end_), back, size);
    literal_ = at + size;
  }
  std::byte* finish() { return put_literal(to_, literal_, end_, end_); }

  /// The last byte of the reference, the time and the first two of the value, where they stood
  /// like this not long ago, and what follows as far as it is the same.
  void copy_front(const std::byte* at, const std::byte* next) {
    const std::uint32_t front = load32(at);
    std::uint32_t& slot = fronts_[front * 0x9e37'79b1U >> (32 - kFrontBits)];
    const std::byte* const found = begin_ + slot;
    slot = static_cast<std::uint32_t>(at - begin_);
    if (found == begin_ || at - found >= kFarthest || load32(found) != front) return;
    const auto most = std::min<std::ptrdiff_t>({kMostCopy, next - at, at - found});
    std::ptrdiff_t size = sizeof front;
    while (size < most && at[size] == found[size]) ++size;
    copy(at, static_cast<std::size_t>(at - found), static_cast<std::size_t>(size));
  }

  /// The last `same` bytes of a value, which are those of the value `back` bytes before, and what is
  /// in front of them as far as it is the same.
  void copy_end(const std::byte* next, std::size_t same, std::size_t back) {
    const std::byte* from = std::max(next - same, literal_);
    const std::byte* const first =
        std::max(literal_, next - std::min(kMostCopy, static_cast<std::ptrdiff_t>(back)));
    if (next - from < kLeastCopy) return;
    if (same == sizeof(double))
      while (from > first && from[-1] == *(from - 1 - back)) --from;
    copy(from, back, static_cast<std::size_t>(next - from));
  }

 private:
  static constexpr int kFrontBits = 8;
  static constexpr std::ptrdiff_t kFarthest = 2048;

  const std::byte* const begin_;
  const std::byte* const end_;
  const std::byte* literal_;  ///< from here on nothing was written
  std::byte* to_;
  std::array<std::uint32_t, 1U << kFrontBits> fronts_{};  ///< where a front was last, by its hash
};

}  // namespace

// hot: bench/wal_bench
std::size_t pack_samples(io::Bytes record, std::byte* to) {
  Packer packer(record, put_length(to, record.size()));
  // Two varints and a value: nothing is read behind the end.
  constexpr std::ptrdiff_t kMostSampleBytes = 28;
  const std::byte* const end = record.data() + record.size();
  const std::byte* at = record.data() + std::min(kRecordHeaderBytes, record.size());
  std::uint64_t before = 0;
  for (bool first = true; end - at >= kMostSampleBytes; first = false) {
    const std::byte* const value = skip_varint(skip_varint(at));
    const std::byte* const next = value + sizeof(double);
    std::uint64_t bytes;
    std::memcpy(&bytes, value, sizeof bytes);
    static_assert(std::endian::native == std::endian::little);
    const auto same = static_cast<std::size_t>(std::countl_zero(bytes ^ before)) / 8;
    before = bytes;
    if (same < sizeof(double)) packer.copy_front(value - 2, next);
    if (same >= std::size_t{kLeastCopy} && !first)
      packer.copy_end(next, same, static_cast<std::size_t>(next - at));
    at = next;
  }
  return static_cast<std::size_t>(packer.finish() - to);
}

}  // namespace narthex::tsdb

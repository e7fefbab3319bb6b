#include "tsdb/head/mapped_chunks.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "model/check.h"

namespace narthex::tsdb {
namespace {

constexpr std::int64_t kFarthest = std::int64_t{1} << 47;
constexpr std::uint64_t kSpanMask = 0x7f'ffff;
/// Set: the span is in units of 256 ms.
constexpr std::uint64_t kCoarse = 0x80'0000;
constexpr unsigned kCoarseShift = 8;
constexpr unsigned kOffsetBits = 27;
constexpr std::uint64_t kOffsetMask = (std::uint64_t{1} << kOffsetBits) - 1;
static_assert(HeadChunkFiles::kMostFileBytes == kOffsetMask + 1);

std::uint64_t span_of(TimeRange range) {
  return static_cast<std::uint64_t>(range.maxt) - static_cast<std::uint64_t>(range.mint);
}

/// Low 6 bytes: mint; 3: span; 5: place.
std::array<std::byte, 14> pack(const MappedChunk& chunk) {
  std::uint64_t span = span_of(chunk.range);
  if (span > kSpanMask) span = kCoarse | (span + (1U << kCoarseShift) - 1) >> kCoarseShift;
  const std::uint64_t mint = static_cast<std::uint64_t>(chunk.range.mint);
  const std::uint64_t place =
      (chunk.place.file & (HeadChunkFiles::kMostFiles - 1)) * (kOffsetMask + 1) | chunk.place.offset;
  std::array<std::byte, 14> out;
  std::memcpy(out.data(), &mint, 6);
  std::memcpy(out.data() + 6, &span, 3);
  std::memcpy(out.data() + 9, &place, 5);
  return out;
}

MappedChunk unpack(const std::byte* at) {
  std::uint64_t mint = 0;
  std::uint64_t span = 0;
  std::uint64_t place = 0;
  std::memcpy(&mint, at, 6);
  std::memcpy(&span, at + 6, 3);
  std::memcpy(&place, at + 9, 5);
  MappedChunk chunk;
  // The sign from bit 47 up.
  chunk.range.mint = static_cast<Timestamp>(mint << 16) >> 16;
  if ((span & kCoarse) != 0) span = (span & kSpanMask) << kCoarseShift;
  chunk.range.maxt = chunk.range.mint + static_cast<std::int64_t>(span);
  chunk.place = {static_cast<std::uint32_t>(place >> kOffsetBits),
                 static_cast<std::uint32_t>(place & kOffsetMask)};
  return chunk;
}

}  // namespace

bool MappedChunks::fits(const MappedChunk& chunk) {
  return chunk.range.mint >= -kFarthest && chunk.range.mint < kFarthest &&
         chunk.range.maxt >= chunk.range.mint &&
         span_of(chunk.range) < (kSpanMask << kCoarseShift) - (1U << kCoarseShift) &&
         chunk.place.offset <= kOffsetMask;
}

std::size_t MappedChunks::count(SlotRef list) const {
  if (list == kNoSlot) return 0;
  std::uint16_t n;
  std::memcpy(&n, slab_.data(list), sizeof(n));
  return n;
}

void MappedChunks::set_count(SlotRef list, std::size_t n) {
  const auto small = static_cast<std::uint16_t>(n);
  std::memcpy(slab_.data(list), &small, sizeof(small));
}

MappedChunk MappedChunks::at(SlotRef list, std::size_t i) const {
  return unpack(slab_.data(list) + kCountBytes + i * kChunkBytes);
}

io::Bytes MappedChunks::packed(SlotRef list) const {
  if (list == kNoSlot) return {};
  return {slab_.data(list) + kCountBytes, count(list) * kChunkBytes};
}

MappedChunk MappedChunks::unpack_one(io::Bytes bytes, std::size_t i) {
  return unpack(bytes.data() + i * kChunkBytes);
}

SlotRef MappedChunks::make(io::Bytes bytes) {
  if (bytes.empty()) return kNoSlot;
  const SlotRef list = slab_.allocate(kCountBytes + bytes.size());
  std::memcpy(slab_.data(list) + kCountBytes, bytes.data(), bytes.size());
  set_count(list, bytes.size() / kChunkBytes);
  return list;
}

void MappedChunks::add(SlotRef& list, const MappedChunk& chunk, std::size_t more) {
  const std::size_t n = count(list);
  check(n < kMost, "a series has more mapped chunks than a list holds");
  if (list == kNoSlot || kCountBytes + (n + 1) * kChunkBytes > slab_.capacity(list)) {
    resize(list, 0, n, std::min(n + 1 + more, kMost));
  }
  const auto packed = pack(chunk);
  std::memcpy(slab_.data(list) + kCountBytes + n * kChunkBytes, packed.data(), packed.size());
  set_count(list, n + 1);
}

void MappedChunks::drop_front(SlotRef& list, std::size_t n) {
  const std::size_t all = count(list);
  if (n == 0) return;
  if (n >= all) {
    if (list != kNoSlot) slab_.free(list);
    list = kNoSlot;
    return;
  }
  resize(list, n, all - n, all - n);
}

void MappedChunks::drop_back(SlotRef& list, std::size_t n) {
  if (n >= count(list)) return;
  if (n == 0) {
    drop_front(list, count(list));
    return;
  }
  resize(list, 0, n, n);
}

void MappedChunks::resize(SlotRef& list, std::size_t drop, std::size_t keep, std::size_t room) {
  const std::size_t bytes = kCountBytes + room * kChunkBytes;
  const bool stays = list != kNoSlot && Slab::slot_bytes_for(bytes) == slab_.capacity(list);
  const SlotRef to = stays ? list : slab_.allocate(bytes);
  if (list != kNoSlot) {
    std::memmove(slab_.data(to) + kCountBytes, slab_.data(list) + kCountBytes + drop * kChunkBytes,
                 keep * kChunkBytes);
    if (!stays) slab_.free(list);
  }
  list = to;
  set_count(list, keep);
}

}  // namespace narthex::tsdb

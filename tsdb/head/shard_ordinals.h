// Which shard a series belongs to, and arrays of what a shard holds by ordinal.
//
// Pages of 1,024 ordinals go round the shards, so a series' number alone says whose it is, and the
// series of one target, which are made one after the other, lie together:
//
//   ordinal:  page >> 3 | shard (3 bits) | place in the page (10 bits)
//
// Threads: values; a ShardArray has its owner's mutex.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "tsdb/head/page_arena.h"

namespace narthex::tsdb {

/// A series of the head: a dense number, given out anew when the series is gone.
using Ordinal = std::uint32_t;

inline constexpr std::uint32_t kShardBits = 3;
inline constexpr std::size_t kShards = std::size_t{1} << kShardBits;
inline constexpr std::uint32_t kPlaceBits = 10;
/// Ordinals of one page: what loops over a shard do under its mutex at a time.
inline constexpr Ordinal kPageOrdinals = Ordinal{1} << kPlaceBits;

constexpr std::size_t shard_of(Ordinal o) {
  return o >> kPlaceBits & (kShards - 1);
}
/// The first ordinal of the shard's page number `page`.
constexpr Ordinal page_begin(std::size_t shard, std::size_t page) {
  return static_cast<Ordinal>((page << kShardBits | shard) << kPlaceBits);
}
/// The shard's ordinal behind `o`.
constexpr Ordinal next_in_shard(Ordinal o) {
  return (o + 1) % kPageOrdinals != 0 ? o + 1 : o + 1 + (kShards - 1) * kPageOrdinals;
}

/// One value per ordinal of one shard, in pages that never move.
template <class T>
class ShardArray {
  static_assert(std::is_trivially_destructible_v<T> && std::is_trivially_copyable_v<T>);

 public:
  explicit ShardArray(PageArena& arena) : arena_(arena) {}

  T& operator[](Ordinal o) { return pages_[o >> kPageShift][o % kPageOrdinals]; }
  const T& operator[](Ordinal o) const { return pages_[o >> kPageShift][o % kPageOrdinals]; }
  [[nodiscard]] bool has(Ordinal o) const { return o >> kPageShift < pages_.size(); }
  [[nodiscard]] std::size_t count_pages() const { return pages_.size(); }
  [[nodiscard]] std::size_t size_bytes() const { return pages_.size() * kPageOrdinals * sizeof(T); }

  /// Growing up to so many series in all shards will not move the directory of pages: others may
  /// read what was there.
  void reserve(std::uint32_t series) { pages_.reserve((std::size_t{series} >> kPageShift) + 1); }
  /// Makes room for `o`; new values are all zero bytes until set.
  void grow_to(Ordinal o) {
    while (!has(o)) {
      // All-zero bytes are a value of T: everything stored here is plain data.
      pages_.push_back(reinterpret_cast<T*>(arena_.take(kPageOrdinals * sizeof(T))));
    }
  }

 private:
  static constexpr std::uint32_t kPageShift = kPlaceBits + kShardBits;

  PageArena& arena_;
  std::vector<T*> pages_;
};

}  // namespace narthex::tsdb

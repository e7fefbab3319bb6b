// Slab: small pieces of memory of a few sizes, named by 32-bit refs.
//
//   region: 4 KiB of slots of one size; ref = region number << 8 | slot
//
// A slot that outgrows its size moves up a class. A region whose last slot was given back can
// serve any class again: all open chunks of a head grow through the classes in step, and
// without this every class would keep the memory of its own peak. Small regions and one slab
// per lifetime (open chunks, full chunks, labels) make that happen: with 16 KiB and one slab
// for both kinds of chunks, regions held twice what their slots did (bench/append_bench --memory).
//
// Threads: its owner's mutex. Slots never move.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tsdb/head/page_arena.h"

namespace narthex::tsdb {

using SlotRef = std::uint32_t;
inline constexpr SlotRef kNoSlot = 0xffff'ffff;

class Slab {
 public:
  static constexpr std::size_t kRegionBytes = 4 * 1024;
  static constexpr std::size_t kLargestSlot = kRegionBytes;

  explicit Slab(PageArena& arena) : arena_(arena) {}
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  /// A slot of at least `bytes` (at most kLargestSlot) with arbitrary content.
  SlotRef allocate(std::size_t bytes);
  void free(SlotRef ref);

  [[nodiscard]] std::byte* data(SlotRef ref) const {
    const Place place = places_[ref >> kSlotBits];
    return place.base() + static_cast<std::size_t>(ref & kSlotMask) * place.slot_bytes();
  }
  [[nodiscard]] std::size_t capacity(SlotRef ref) const { return places_[ref >> kSlotBits].slot_bytes(); }
  /// Size of the slot that allocate(bytes) would give.
  static std::size_t slot_bytes_for(std::size_t bytes);

  /// Bytes in slots that are in use.
  [[nodiscard]] std::size_t used_bytes() const { return used_bytes_; }
  /// Bytes of all regions, empty ones included.
  [[nodiscard]] std::size_t size_bytes() const { return regions_.size() * kRegionBytes; }

 private:
  static constexpr std::uint32_t kSlotBits = 8;
  static constexpr std::uint32_t kSlotMask = (1U << kSlotBits) - 1;
  static constexpr std::uint32_t kNone = 0xffff'ffff;
  static constexpr std::uint16_t kNoFree = 0xffff;
  static constexpr std::size_t kClasses = 18;

  // Whole parts of a region, so that little of it is left over. Steps of a quarter and more: a chunk that
  // moves up is read as a whole, and mostly from beyond the caches.
  static constexpr std::array<std::uint16_t, kClasses> kSizes = {
      24, 32, 48, 64, 96, 128, 160, 208, 256, 336, 408, 512, 584, 680, 816, 1024, 2048, 4096};

  /// Where a region is and what size its slots have: all that an append needs, in so few bytes that the
  /// places of a large head stay in a core's cache.
  class Place {
   public:
    Place(std::byte* base, std::size_t size_class)
        : bits_(reinterpret_cast<std::uintptr_t>(base) | size_class) {}
    [[nodiscard]] std::byte* base() const { return reinterpret_cast<std::byte*>(bits_ & ~kClassMask); }
    [[nodiscard]] std::size_t slot_bytes() const { return kSizes[bits_ & kClassMask]; }

   private:
    /// The arena's memory is aligned to cache lines.
    static constexpr std::uintptr_t kClassMask = 63;
    static_assert(kClasses <= kClassMask + 1);

    std::uintptr_t bits_;
  };
  static_assert(sizeof(Place) == 8);

  struct Region {
    std::uint16_t slots = 0;
    std::uint16_t used = 0;
    std::uint16_t fresh = 0;       // slots from here on were never given out
    std::uint16_t free = kNoFree;  // first of the slots given back, chained through their bytes
    std::uint8_t size_class = 0;
    bool listed = false;  // in partial_[size_class]
    std::uint32_t prev = kNone;
    std::uint32_t next = kNone;
  };

  std::uint32_t region_with_room(std::size_t size_class);
  void list(std::uint32_t number);
  void unlist(std::uint32_t number);

  static std::size_t class_for(std::size_t bytes);

  PageArena& arena_;
  std::vector<Place> places_;  ///< of regions_
  std::vector<Region> regions_;
  std::vector<std::uint32_t> empty_;
  std::array<std::uint32_t, kClasses> partial_ = [] {
    std::array<std::uint32_t, kClasses> none{};
    none.fill(kNone);
    return none;
  }();
  std::size_t used_bytes_ = 0;
};

}  // namespace narthex::tsdb

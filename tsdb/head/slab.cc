#include "tsdb/head/slab.h"

#include <algorithm>
#include <cstring>

#include "model/check.h"

namespace narthex::tsdb {

std::size_t Slab::class_for(std::size_t bytes) {
  // Sizes up to 1,024 are asked for per chunk and looked up in eighths; the rest are rare.
  static constexpr std::size_t kTabled = 1024;
  static constexpr auto kTable = [] {
    std::array<std::uint8_t, kTabled / 8 + 1> table{};
    std::size_t c = 0;
    for (std::size_t eighth = 0; eighth < table.size(); ++eighth) {
      while (kSizes[c] < eighth * 8) ++c;
      table[eighth] = static_cast<std::uint8_t>(c);
    }
    return table;
  }();
  if (bytes <= kTabled) return kTable[(bytes + 7) / 8];
  const auto* at = std::lower_bound(kSizes.begin(), kSizes.end(), bytes);
  check(at != kSizes.end(), "a slot larger than a region was asked for");
  return static_cast<std::size_t>(at - kSizes.begin());
}

std::size_t Slab::slot_bytes_for(std::size_t bytes) {
  return kSizes[class_for(bytes)];
}

SlotRef Slab::allocate(std::size_t bytes) {
  const std::uint32_t number = region_with_room(class_for(bytes));
  Region& r = regions_[number];
  std::uint32_t slot;
  if (r.free != kNoFree) {
    slot = r.free;
    std::memcpy(&r.free, data(number << kSlotBits | slot), sizeof(r.free));
  } else {
    slot = r.fresh++;
  }
  if (++r.used == r.slots) unlist(number);
  used_bytes_ += kSizes[r.size_class];
  return number << kSlotBits | slot;
}

void Slab::free(SlotRef ref) {
  const std::uint32_t number = ref >> kSlotBits;
  const auto slot = static_cast<std::uint16_t>(ref & kSlotMask);
  Region& r = regions_[number];
  debug_check(r.used > 0 && slot < r.fresh, "a slot was given back twice");
  used_bytes_ -= kSizes[r.size_class];
  if (--r.used == 0) {
    if (r.listed) unlist(number);
    r.free = kNoFree;
    r.fresh = 0;
    empty_.push_back(number);
    return;
  }
  std::memcpy(data(ref), &r.free, sizeof(r.free));
  r.free = slot;
  if (!r.listed) list(number);
}

std::uint32_t Slab::region_with_room(std::size_t size_class) {
  if (partial_[size_class] != kNone) return partial_[size_class];
  std::uint32_t number;
  if (!empty_.empty()) {
    number = empty_.back();
    empty_.pop_back();
    places_[number] = Place(places_[number].base(), size_class);
  } else {
    number = static_cast<std::uint32_t>(regions_.size());
    check(number < (kNone >> kSlotBits), "a slab is full: 64 GiB");
    regions_.emplace_back();
    places_.emplace_back(arena_.take(kRegionBytes), size_class);
  }
  Region& r = regions_[number];
  r.size_class = static_cast<std::uint8_t>(size_class);
  r.slots = static_cast<std::uint16_t>(kRegionBytes / kSizes[size_class]);
  list(number);
  return number;
}

void Slab::list(std::uint32_t number) {
  Region& r = regions_[number];
  r.prev = kNone;
  r.next = partial_[r.size_class];
  if (r.next != kNone) regions_[r.next].prev = number;
  partial_[r.size_class] = number;
  r.listed = true;
}

void Slab::unlist(std::uint32_t number) {
  Region& r = regions_[number];
  if (r.prev == kNone) {
    partial_[r.size_class] = r.next;
  } else {
    regions_[r.prev].next = r.next;
  }
  if (r.next != kNone) regions_[r.next].prev = r.prev;
  r.listed = false;
}

}  // namespace narthex::tsdb

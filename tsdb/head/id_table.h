// IdTable: open addressing from a 64-bit hash to a 32-bit id; the keys live with the ids.
//
// A slot is {upper half of the hash, id}: 8 bytes, linear probing, at most 7/8 full, removal
// by shifting back. Growing needs no look at the keys.
//
// Threads: its owner's mutex.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace narthex::tsdb {

class IdTable {
 public:
  static constexpr std::uint32_t kNone = 0xffff'ffff;

  IdTable() : slots_(kSmallest) {}

  /// @param is_it  called with an id whose hash agrees in its upper half
  template <class Same>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, Same&& is_it) const {
    const std::uint32_t tag = tag_of(hash);
    for (std::size_t i = home(tag);; i = next(i)) {
      const Slot& s = slots_[i];
      if (s.id == kNone) return kNone;
      if (s.tag == tag && is_it(s.id)) return s.id;
    }
  }

  /// The id must not be in the table.
  void insert(std::uint64_t hash, std::uint32_t id) {
    if ((size_ + 1) * 8 > slots_.size() * 7) grow();
    place({tag_of(hash), id});
    ++size_;
  }

  /// Room for so many in all.
  void reserve(std::size_t size) {
    while (size * 8 > slots_.size() * 7) grow();
  }

  void erase(std::uint64_t hash, std::uint32_t id) {
    std::size_t hole = home(tag_of(hash));
    while (slots_[hole].id != id) {
      if (slots_[hole].id == kNone) return;
      hole = next(hole);
    }
    // Whatever stands behind the hole and may stand in it moves up.
    for (std::size_t i = next(hole); slots_[i].id != kNone; i = next(i)) {
      const std::size_t wanted = home(slots_[i].tag);
      if (((i - wanted) & (slots_.size() - 1)) >= ((i - hole) & (slots_.size() - 1))) {
        slots_[hole] = slots_[i];
        hole = i;
      }
    }
    slots_[hole].id = kNone;
    --size_;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t size_bytes() const { return slots_.size() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t id = kNone;
  };
  static constexpr std::size_t kSmallest = 64;

  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
  [[nodiscard]] std::size_t home(std::uint32_t tag) const { return tag & (slots_.size() - 1); }
  [[nodiscard]] std::size_t next(std::size_t i) const { return (i + 1) & (slots_.size() - 1); }

  void place(Slot s) {
    std::size_t i = home(s.tag);
    while (slots_[i].id != kNone) i = next(i);
    slots_[i] = s;
  }

  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    std::swap(old, slots_);
    for (const Slot& s : old) {
      if (s.id != kNone) place(s);
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace narthex::tsdb

// OrdinalArray: one value per 32-bit number, in pages that never move.
//
// Growing adds a page and leaves the others where they are: no copy of a hundred megabytes
// in the middle of a scrape, and a reference stays valid.
//
// Threads: its owner's mutex.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "model/check.h"
#include "tsdb/head/page_arena.h"

namespace narthex::tsdb {

template <class T>
class OrdinalArray {
  static_assert(std::is_trivially_destructible_v<T> && std::is_trivially_copyable_v<T>);

 public:
  explicit OrdinalArray(PageArena& arena) : arena_(arena) {}

  T& operator[](std::uint32_t i) { return pages_[i >> kShift][i & kMask]; }
  const T& operator[](std::uint32_t i) const { return pages_[i >> kShift][i & kMask]; }
  [[nodiscard]] std::uint32_t size() const { return size_; }
  [[nodiscard]] std::size_t size_bytes() const { return pages_.size() * kPerPage * sizeof(T); }

  /// Makes room for numbers below `size`; new values are all zero bytes until set.
  void grow_to(std::uint32_t size) {
    while (pages_.size() * kPerPage < size) {
      // All-zero bytes are a value of T: everything stored here is plain data.
      pages_.push_back(reinterpret_cast<T*>(arena_.take(kPerPage * sizeof(T))));
    }
    if (size > size_) size_ = size;
  }

 private:
  static constexpr std::uint32_t kShift = 10;
  static constexpr std::uint32_t kPerPage = 1U << kShift;
  static constexpr std::uint32_t kMask = kPerPage - 1;

  PageArena& arena_;
  std::vector<T*> pages_;
  std::uint32_t size_ = 0;
};

}  // namespace narthex::tsdb

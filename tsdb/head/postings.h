// Postings: the ordinals of the series that carry one label pair.
//
// Most pairs stand on one or two series, few on nearly all, so there are three forms:
//   up to 3 ordinals in the object itself | up to 64 in a sorted array | a roaring bitmap
// 16 bytes each; a form is never left downwards, but for empty.
//
// Threads: its owner's mutex.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

class Roaring;

namespace narthex::tsdb {

class Postings {
 public:
  Postings() = default;
  ~Postings() { clear(); }
  Postings(Postings&& other) noexcept;
  Postings& operator=(Postings&& other) noexcept;

  /// An ordinal that is there already is no error.
  void add(std::uint32_t ordinal);
  void add(std::span<const std::uint32_t> ordinals);
  void remove(std::uint32_t ordinal);
  void clear();
  /// Exactly these, which ascend.
  void assign(std::span<const std::uint32_t> ordinals);

  [[nodiscard]] std::size_t count() const;
  [[nodiscard]] bool empty() const { return count() == 0; }
  [[nodiscard]] bool contains(std::uint32_t ordinal) const;
  /// Appends all ordinals, ascending.
  void append_to(std::vector<std::uint32_t>& out) const;
  /// The bitmap, if this is in that form; valid until the next change.
  [[nodiscard]] const Roaring* bitmap() const;
  /// Bytes beside the object itself.
  [[nodiscard]] std::size_t heap_bytes() const;
  /// Packs bitmaps that have grown by runs.
  void optimize();

 private:
  static constexpr std::uint32_t kInline = 3;
  static constexpr std::uint32_t kArrayMax = 64;
  static constexpr std::uint32_t kArrayForm = 0x8000'0000;
  static constexpr std::uint32_t kBitmapForm = 0xffff'ffff;

  [[nodiscard]] bool is_bitmap() const { return form_ == kBitmapForm; }
  [[nodiscard]] bool is_array() const { return !is_bitmap() && (form_ & kArrayForm) != 0; }
  [[nodiscard]] std::uint32_t small_count() const { return form_ & ~kArrayForm; }
  [[nodiscard]] const std::uint32_t* begin() const {
    return is_array() ? pointer<std::uint32_t>() : words_.data();
  }
  template <class T>
  [[nodiscard]] T* pointer() const {
    T* p;
    std::memcpy(&p, &words_[1], sizeof(p));
    return p;
  }
  template <class T>
  void set_pointer(T* p) {
    std::memcpy(&words_[1], &p, sizeof(p));
  }
  [[nodiscard]] Roaring* roaring() const { return pointer<Roaring>(); }
  void insert_small(std::uint32_t ordinal);

  // Inline: the ordinals. Array: capacity, then the pointer. Bitmap: the pointer in the same place.
  std::uint32_t form_ = 0;
  std::array<std::uint32_t, kInline> words_{};
};

static_assert(sizeof(Postings) == 16);

}  // namespace narthex::tsdb

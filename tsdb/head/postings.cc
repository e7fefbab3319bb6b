#include "tsdb/head/postings.h"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <roaring/roaring.hh>
#include <utility>

namespace narthex::tsdb {

Postings::Postings(Postings&& other) noexcept : form_(std::exchange(other.form_, 0)), words_(other.words_) {}

Postings& Postings::operator=(Postings&& other) noexcept {
  if (this == &other) return *this;
  clear();
  form_ = std::exchange(other.form_, 0);
  words_ = other.words_;
  return *this;
}

void Postings::clear() {
  if (is_bitmap()) {
    std::unique_ptr<Roaring>{roaring()}.reset();
  } else if (is_array()) {
    std::allocator<std::uint32_t>{}.deallocate(pointer<std::uint32_t>(), words_[0]);
  }
  form_ = 0;
}

void Postings::add(std::uint32_t ordinal) {
  if (is_bitmap()) {
    roaring()->add(ordinal);
  } else if (!contains(ordinal)) {
    insert_small(ordinal);
  }
}

void Postings::add(std::span<const std::uint32_t> ordinals) {
  if (is_bitmap()) {
    roaring()->addMany(ordinals.size(), ordinals.data());
    return;
  }
  if (ordinals.size() <= kInline) {
    for (const std::uint32_t ordinal : ordinals) add(ordinal);
    return;
  }
  std::vector<std::uint32_t> all;
  append_to(all);
  all.insert(all.end(), ordinals.begin(), ordinals.end());
  std::ranges::sort(all);
  const auto twice = std::ranges::unique(all);
  all.erase(twice.begin(), twice.end());
  assign(all);
}

void Postings::assign(std::span<const std::uint32_t> ordinals) {
  clear();
  const auto n = static_cast<std::uint32_t>(ordinals.size());
  if (n > kArrayMax) {
    set_pointer(std::make_unique<Roaring>(n, ordinals.data()).release());
    form_ = kBitmapForm;
    return;
  }
  std::uint32_t* to = words_.data();
  form_ = n;
  if (n > kInline) {
    const std::uint32_t capacity = std::max(8U, std::bit_ceil(n));
    to = std::allocator<std::uint32_t>{}.allocate(capacity);
    set_pointer(to);
    words_[0] = capacity;
    form_ |= kArrayForm;
  }
  std::ranges::copy(ordinals, to);
}

void Postings::insert_small(std::uint32_t ordinal) {
  const std::uint32_t n = small_count();
  std::array<std::uint32_t, kArrayMax + 1> all{};
  std::uint32_t* end = std::copy_n(begin(), n, all.begin());
  std::uint32_t* at = std::lower_bound(all.begin(), end, ordinal);
  std::move_backward(at, end, end + 1);
  *at = ordinal;

  if (n + 1 > kArrayMax) {
    auto bitmap = std::make_unique<Roaring>(n + 1, all.data());
    clear();
    set_pointer(bitmap.release());
    form_ = kBitmapForm;
    return;
  }
  if (n + 1 <= kInline && !is_array()) {
    std::copy_n(all.begin(), kInline, words_.begin());
    form_ = n + 1;
    return;
  }
  if (!is_array() || n + 1 > words_[0]) {
    const std::uint32_t capacity = std::min(kArrayMax, is_array() ? words_[0] * 2 : 8U);
    std::uint32_t* array = std::allocator<std::uint32_t>{}.allocate(capacity);
    clear();
    set_pointer(array);
    words_[0] = capacity;
  }
  std::copy_n(all.begin(), n + 1, pointer<std::uint32_t>());
  form_ = kArrayForm | (n + 1);
}

void Postings::remove(std::uint32_t ordinal) {
  if (is_bitmap()) {
    roaring()->remove(ordinal);
    if (roaring()->isEmpty()) clear();
    return;
  }
  std::uint32_t* first = is_array() ? pointer<std::uint32_t>() : words_.data();
  std::uint32_t* end = first + small_count();
  std::uint32_t* at = std::lower_bound(first, end, ordinal);
  if (at == end || *at != ordinal) return;
  std::move(at + 1, end, at);
  --form_;
  if (small_count() == 0) clear();
}

std::size_t Postings::count() const {
  return is_bitmap() ? static_cast<std::size_t>(roaring()->cardinality()) : small_count();
}

bool Postings::contains(std::uint32_t ordinal) const {
  if (is_bitmap()) return roaring()->contains(ordinal);
  return std::binary_search(begin(), begin() + small_count(), ordinal);
}

void Postings::append_to(std::vector<std::uint32_t>& out) const {
  const std::size_t old = out.size();
  out.resize(old + count());
  if (is_bitmap()) {
    roaring()->toUint32Array(out.data() + old);
  } else {
    std::copy_n(begin(), small_count(), out.begin() + static_cast<std::ptrdiff_t>(old));
  }
}

const Roaring* Postings::bitmap() const {
  return is_bitmap() ? roaring() : nullptr;
}

std::size_t Postings::heap_bytes() const {
  if (is_bitmap()) return sizeof(Roaring) + roaring()->getSizeInBytes(false);
  return is_array() ? words_[0] * sizeof(std::uint32_t) : 0;
}

void Postings::optimize() {
  if (!is_bitmap()) return;
  roaring()->runOptimize();
  roaring()->shrinkToFit();
}

}  // namespace narthex::tsdb

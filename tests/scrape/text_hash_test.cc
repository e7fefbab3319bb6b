#include "scrape/text_hash.h"

#include <doctest/doctest.h>

#include <random>
#include <set>
#include <string>
#include <utility>

using narthex::scrape::hash_text;
using narthex::scrape::TextHash;

namespace {

// Around all borders: blocks of 16 bytes, pairs of them, and where another hash takes over.
const std::size_t kSizes[] = {0,  1,  2,  7,  8,  9,  15,  16,  17,   31,   32,   33,   47,  48,
                              49, 63, 64, 65, 95, 96, 210, 240, 1008, 1023, 1024, 1025, 3000};

std::string some_text(std::size_t size) {
  std::minstd_rand random(static_cast<unsigned>(size) + 1);
  std::string text;
  while (text.size() < size) text += static_cast<char>('a' + random() % 26);
  return text;
}

}  // namespace

TEST_CASE("equal texts have equal hashes, wherever they lie") {
  for (const std::size_t size : kSizes) {
    CAPTURE(size);
    const std::string text = some_text(size);
    for (std::size_t shift = 0; shift < 17; ++shift) {
      const std::string moved = std::string(shift, '#') + text + "#";
      CHECK((hash_text(std::string_view(moved).substr(shift, size)) == hash_text(text)));
    }
  }
}

TEST_CASE("wide registers change nothing about a hash") {
  const narthex::scrape::HashText narrow = narthex::scrape::narrow_hash_text();
  constexpr std::size_t kLongest = 1100;
  for (std::size_t size = 0; size <= kLongest; ++size) {
    CAPTURE(size);
    const std::string text = some_text(size);
    CHECK((narrow(text) == hash_text(text)));
  }
}

TEST_CASE("a text with one bit changed has another hash") {
  for (const std::size_t size : kSizes) {
    const std::string text = some_text(size);
    const TextHash hash = hash_text(text);
    for (std::size_t i = 0; i < size; ++i) {
      CAPTURE(size);
      CAPTURE(i);
      std::string other = text;
      other[i] = static_cast<char>(other[i] ^ (1 << i % 7));
      CHECK_FALSE((hash_text(other) == hash));
    }
  }
}

TEST_CASE("texts that only go on longer have other hashes, as have those whose blocks change places") {
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  constexpr std::size_t kLongest = 1100;
  for (std::size_t size = 0; size <= kLongest; ++size) {
    const TextHash of_same = hash_text(std::string(size, 'a'));
    const TextHash of_zeros = hash_text(std::string(size, '\0'));
    seen.emplace(of_same.low, of_same.high);
    if (size > 0) seen.emplace(of_zeros.low, of_zeros.high);
  }
  CHECK(seen.size() == 2 * kLongest + 1);

  const std::string first = some_text(16);
  const std::string second = some_text(17).substr(1);
  CHECK_FALSE((hash_text(first + second) == hash_text(second + first)));
  CHECK_FALSE((hash_text(first + first) == hash_text(second + second)));
}

TEST_CASE("hashes of like texts are spread over a table") {
  constexpr std::size_t kSlots = 1024;
  std::set<std::uint64_t> slots;
  for (std::size_t i = 0; i < kSlots; ++i)
    slots.insert(hash_text("requests_total{pod=\"" + std::to_string(i) + "\"}").slot_bits() >> 54);
  // As many as a random function meets, 647, or nearly.
  CHECK(slots.size() > 500);
}

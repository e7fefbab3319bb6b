// hash_text: 128 bits that stand for a series text. With a secret of the process: nobody outside can
// make two texts that are taken for one.
//
// Texts of up to a kibibyte, on machines that multiply without carries: 16 bytes at a time, as two
// polynomials a and b over GF(2), become the sum of (a + k)(b + k'), each pair with keys of its own.
// For two texts the sums are equal with a probability of 2^-64 over the keys, whatever the texts are.
// All others: XXH3 with a secret.
//
// Threads: any.
// Source: Lemire and Kaser, Faster 64-bit universal hashing using carry-less multiplications (CLNH)
#pragma once

#include <cstdint>
#include <string_view>

namespace narthex::scrape {

/// Good for comparing; its bits are not spread evenly, see slot_bits().
struct TextHash {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const TextHash&) const = default;

  /// For a table: the upper bits are the best.
  [[nodiscard]] std::uint64_t slot_bits() const { return (low ^ high) * 0x9e37'79b9'7f4a'7c15U; }
};

TextHash hash_text(std::string_view text);

using HashText = TextHash (*)(std::string_view);
/// The same hash as a machine without wide registers computes it; for tests.
HashText narrow_hash_text();

}  // namespace narthex::scrape

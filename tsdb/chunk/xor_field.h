// A double that changes little from sample to sample: the XOR with its predecessor, without the
// zeros on both sides. Fields of histograms; XOR chunks have the same bits in a faster form.
//
//   0                                            unchanged
//   10 | bits                                    changed, inside the window used last
//   11 | leading zeros 5 | width 6 | bits        changed, new window; width 64 is written as 0
//
// Threads: one at a time.
#pragma once

#include <bit>
#include <cstdint>

#include "tsdb/chunk/bit_reader.h"
#include "tsdb/chunk/bit_writer.h"

namespace narthex::tsdb {

struct XorField {
  std::uint64_t bits = 0;
  std::uint8_t leading = 0xff;  ///< 0xff: no window yet
  std::uint8_t trailing = 0;

  [[nodiscard]] double value() const { return std::bit_cast<double>(bits); }
};

void put_xor(BitBuffer& out, XorField& field, double value);
/// Damage shows in ok() of the reader.
void take_xor(BitReader& in, XorField& field);

}  // namespace narthex::tsdb

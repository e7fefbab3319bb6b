#include "tsdb/chunk/varbit.h"

#include <array>
#include <bit>

namespace narthex::tsdb {
namespace {

/// Width of the value behind a prefix of so many ones.
constexpr std::array<std::uint8_t, 9> kWidths = {0, 3, 6, 9, 12, 18, 25, 56, 64};
constexpr unsigned kLastClass = 8;

/// @param ones  class: that many ones, and a zero except in the last
void put_class(BitBuffer& out, unsigned ones, std::uint64_t value) {
  if (ones == 0) {
    out.put(0, 1);
    return;
  }
  const unsigned width = kWidths[ones];
  if (ones == kLastClass) {
    out.put(0xff, 8);
    out.put(value, width);
    return;
  }
  const std::uint64_t prefix = (std::uint64_t{1} << (ones + 1)) - 2;
  const std::uint64_t mask = (std::uint64_t{1} << width) - 1;
  out.put(prefix << width | (value & mask), ones + 1 + width);
}

/// Takes prefix and value. @return the width
unsigned take_class(BitReader& in, std::uint64_t& raw) {
  const std::uint64_t word = in.peek();
  const auto ones = static_cast<unsigned>(std::countl_one(word | 0x00ffffffffffffffu));
  raw = 0;
  if (ones == 0) {
    in.skip(1);
    return 0;
  }
  // Beyond the eighth bit everything was set to one, so a full prefix counts as 64.
  if (ones >= kLastClass) {
    in.skip(8);
    raw = in.take(64);
    return 64;
  }
  const unsigned width = kWidths[ones];
  const unsigned prefix = ones + 1;
  if (prefix + width > 57) {
    in.skip(prefix);
    raw = in.take(width);
    return width;
  }
  if (in.skip(prefix + width)) raw = (word << prefix) >> (64 - width);
  return width;
}

}  // namespace

void put_varbit(BitBuffer& out, std::int64_t value) {
  unsigned ones = 0;
  if (value != 0) {
    ones = 1;
    for (; ones < kLastClass; ++ones) {
      const std::int64_t half = std::int64_t{1} << (kWidths[ones] - 1);
      if (-half < value && value <= half) break;
    }
  }
  put_class(out, ones, static_cast<std::uint64_t>(value));
}

void put_varbit_unsigned(BitBuffer& out, std::uint64_t value) {
  const auto width = static_cast<unsigned>(std::bit_width(value));
  unsigned ones = 0;
  while (kWidths[ones] < width) ++ones;
  put_class(out, ones, value);
}

std::int64_t take_varbit(BitReader& in) {
  std::uint64_t raw = 0;
  const unsigned width = take_class(in, raw);
  // The range of a class is shifted by one against two's complement.
  if (width != 0 && width < 64 && raw > std::uint64_t{1} << (width - 1)) raw -= std::uint64_t{1} << width;
  return static_cast<std::int64_t>(raw);
}

std::uint64_t take_varbit_unsigned(BitReader& in) {
  std::uint64_t raw = 0;
  take_class(in, raw);
  return raw;
}

}  // namespace narthex::tsdb

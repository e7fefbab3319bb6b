#include "model/shortest_decimal.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace narthex {

namespace {

using Wide = unsigned __int128;

constexpr int kFractionBits = 52;
constexpr int kExponentBias = 1075;  // of the fraction read as a whole number
constexpr std::uint64_t kHidden = std::uint64_t{1} << kFractionBits;

/// floor(log10(2^e)), for a number at its power of two floor(log10(3/4 x 2^e)). Good for |e| up to 1500.
constexpr int log10_of_power_of_two(int e, bool at_power) {
  return (e * 1262611 - (at_power ? 524031 : 0)) >> 22;
}
/// floor(log2(10^e)), for |e| up to 1233.
constexpr int log2_of_power_of_ten(int e) {
  return (e * 1741647) >> 19;
}

constexpr int kMostPower = 23;

/// [k]: 10^k, shifted so that its highest bit is the highest of 128. None has more bits than there is room
/// for.
constexpr auto kPowers = [] {
  std::array<Wide, kMostPower + 1> powers{};
  Wide power = 1;
  for (Wide& out : powers) {
    out = power;
    while ((out >> 127) == 0) out <<= 1;
    power *= 10;
  }
  return powers;
}();

/// The upper half of power x factor, its lowest bit set if anything lies below: as good as exact for
/// comparisons.
std::uint64_t product_rounded_to_odd(Wide power, std::uint64_t factor) {
  const auto low = static_cast<std::uint64_t>((Wide{static_cast<std::uint64_t>(power)} * factor) >> 64);
  const Wide high = Wide{static_cast<std::uint64_t>(power >> 64)} * factor + low;
  return static_cast<std::uint64_t>(high >> 64) |
         static_cast<std::uint64_t>(static_cast<std::uint64_t>(high) > 1);
}

/// `digits` x 10^`exponent`.
struct Decimal {
  std::uint64_t digits;  ///< 17 at most; they may end with zeros
  int exponent;
};

Decimal shortest_decimal(double v) {
  const auto bits = std::bit_cast<std::uint64_t>(v);
  const std::uint64_t fraction = bits & (kHidden - 1);
  const std::uint64_t number = fraction | kHidden;
  const int binary = static_cast<int>(bits >> kFractionBits) - kExponentBias;
  const bool is_even = number % 2 == 0;
  // Below a power of two the neighbours are half as far away.
  const bool at_power = fraction == 0;

  const int exponent = log10_of_power_of_two(binary, at_power);
  const int shift = binary + log2_of_power_of_ten(-exponent) + 1;
  const Wide power = kPowers[static_cast<std::size_t>(-exponent)];
  // In quarters of a unit: the number, and the middles to its neighbours.
  const std::uint64_t lower = product_rounded_to_odd(power, (4 * number - 2 + (at_power ? 1 : 0)) << shift);
  const std::uint64_t here = product_rounded_to_odd(power, (4 * number) << shift);
  const std::uint64_t upper = product_rounded_to_odd(power, (4 * number + 2) << shift);
  // The middles themselves round to the even neighbour.
  const std::uint64_t from = lower + (is_even ? 0 : 1);
  const std::uint64_t to = upper - (is_even ? 0 : 1);

  const std::uint64_t whole = here / 4;
  const std::uint64_t tens = whole / 10;
  const bool is_lower_ten_inside = from <= 40 * tens;
  const bool is_upper_ten_inside = 40 * tens + 40 <= to;
  if (is_lower_ten_inside != is_upper_ten_inside) return {tens + (is_upper_ten_inside ? 1 : 0), exponent + 1};
  const bool is_lower_inside = from <= 4 * whole;
  const bool is_upper_inside = 4 * whole + 4 <= to;
  if (is_lower_inside != is_upper_inside) return {whole + (is_upper_inside ? 1 : 0), exponent};
  const std::uint64_t middle = 4 * whole + 2;
  const bool is_above = here > middle || (here == middle && whole % 2 == 1);
  return {whole + (is_above ? 1 : 0), exponent};
}

constexpr std::uint64_t kEightDigits = 100'000'000;
constexpr std::uint64_t kZeros = 0x3030303030303030;

/// Eight digits as eight bytes, the first one lowest: by halves, quarters and eighths at once.
std::uint64_t split_digits(std::uint64_t below_hundred_million) {
  const std::uint64_t halves = below_hundred_million / 10'000 | (below_hundred_million % 10'000) << 32;
  const std::uint64_t hundreds = (halves * 10'486 >> 20) & 0x7f'0000'007f;
  const std::uint64_t quarters = hundreds | (halves - 100 * hundreds) << 16;
  const std::uint64_t tens = (quarters * 103 >> 10) & 0x000f'000f'000f'000f;
  return tens | (quarters - 10 * tens) << 8;
}

std::size_t count_leading_zeros(std::uint64_t split) {
  return static_cast<std::size_t>(std::countr_zero(split)) / 8;
}
std::size_t count_trailing_zeros(std::uint64_t split) {
  return static_cast<std::size_t>(std::countl_zero(split)) / 8;
}

}  // namespace

// hot: bench/query.py
char* write_shortest_fraction(char* out, double v) {
  const Decimal decimal = shortest_decimal(v);
  const std::uint64_t upper = decimal.digits / kEightDigits;
  const std::uint64_t last = split_digits(decimal.digits % kEightDigits);
  const std::uint64_t middle = split_digits(upper % kEightDigits);
  const std::uint64_t first = upper / kEightDigits;

  // Seventeen digits, of which zeros at both ends do not count. Copies are of one size, whatever is needed of
  // them, and so is what may be read behind the digits.
  constexpr std::size_t kAll = 17;
  std::array<char, 2 * kAll> text;
  text[0] = static_cast<char>('0' + first);
  const auto store = [&](std::size_t at, std::uint64_t split) {
    static_assert(std::endian::native == std::endian::little);
    const std::uint64_t digits = split | kZeros;
    std::memcpy(text.data() + at, &digits, sizeof digits);
  };
  store(1, middle);
  store(9, last);
  std::size_t begin = 0;
  if (first == 0) begin = middle != 0 ? 1 + count_leading_zeros(middle) : 9 + count_leading_zeros(last);
  std::size_t end = 1;
  if (last != 0)
    end = kAll - count_trailing_zeros(last);
  else if (middle != 0)
    end = 9 - count_trailing_zeros(middle);

  // Where the point stands: in front of the places that the exponent leaves.
  const int before_point = static_cast<int>(kAll - begin) + decimal.exponent;
  if (before_point <= 0) {
    constexpr std::array kBelowOne = {'0', '.', '0', '0', '0', '0', '0', '0'};
    std::memcpy(out, kBelowOne.data(), kBelowOne.size());
    out += 2 - before_point;
    std::memcpy(out, text.data() + begin, kAll);
    return out + (end - begin);
  }
  const std::size_t point = begin + static_cast<std::size_t>(before_point);
  std::memcpy(out, text.data() + begin, kAll);
  out += before_point;
  *out++ = '.';
  std::memcpy(out, text.data() + point, kAll);
  return out + (end - point);
}

}  // namespace narthex

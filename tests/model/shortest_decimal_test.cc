#include "model/shortest_decimal.h"

#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>

namespace narthex {

namespace {

std::string ours(double v) {
  std::array<char, kShortestFractionRoom> text;
  return {text.data(), write_shortest_fraction(text.data(), v)};
}

std::string expected(double v) {
  std::array<char, 64> text;
  return {text.data(),
          std::to_chars(text.data(), text.data() + text.size(), v, std::chars_format::fixed).ptr};
}

bool is_in_domain(double v) {
  return v >= 1e-6 && v < 0x1p53 && v != std::floor(v);
}

}  // namespace

TEST_CASE("fractions are written with the fewest digits that give them back") {
  struct Case {
    double v;
    const char* text;
  };
  for (const auto& [v, text] : {
           Case{0.1, "0.1"},
           {0.5, "0.5"},
           {0.1 + 0.2, "0.30000000000000004"},
           {1e-6, "0.000001"},
           {1.0000000000000002e-6, "0.0000010000000000000002"},
           {1.0000000000000002, "1.0000000000000002"},
           {12.5, "12.5"},
           {99.99, "99.99"},
           {1.0 / 3, "0.3333333333333333"},
           {2.0 / 3, "0.6666666666666666"},
           {1234567.000001, "1234567.000001"},
           {4503599627370495.5, "4503599627370495.5"},
           {0x1p-19, "0.0000019073486328125"},
       }) {
    CHECK(ours(v) == text);
  }
}

TEST_CASE("random fractions are written as the standard library writes them") {
  std::mt19937_64 random(1);
  int compared = 0;
  const auto compare = [&](double v) {
    if (!is_in_domain(v)) return;
    ++compared;
    if (ours(v) != expected(v)) CHECK_MESSAGE(ours(v) == expected(v), std::bit_cast<std::uint64_t>(v));
  };
  constexpr std::uint64_t kSmallestExponent = 1003;
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t exponent = kSmallestExponent + random() % 73;
    compare(std::bit_cast<double>(exponent << 52 | random() >> 12));
    // At a power of two the interval is lopsided.
    compare(std::bit_cast<double>((exponent << 52) + random() % 5 - 2));
    compare(static_cast<double>(random() % 1'000'000) / 1000);
    compare(static_cast<double>(random() % 100'000) / static_cast<double>(1 + random() % 977));
  }
  CHECK(compared > 700'000);
}

}  // namespace narthex

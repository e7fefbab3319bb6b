// Choices: random decisions, made by a seed or by the bytes of a fuzzer.
//
// Bytes run out: from there on every decision is the first one, so whoever decides lists the
// simplest thing first and comes to an end.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <random>
#include <span>

namespace narthex::tests {

class Choices {
 public:
  /// Never runs out. The same seed decides the same everywhere.
  explicit Choices(std::uint64_t seed) : random_(seed) {}
  /// @param bytes  must outlive this
  explicit Choices(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  /// One of 0 .. n - 1. @param n  above 0
  std::uint32_t below(std::uint32_t n) {
    if (random_) return static_cast<std::uint32_t>((*random_)() % n);
    std::uint32_t value = next_byte();
    if (n > 256) value = value << 8 | next_byte();
    return value % n;
  }
  /// Once in n times, on average.
  bool one_in(std::uint32_t n) { return below(n) == n - 1; }
  template <class List>
  decltype(auto) one_of(const List& list) {
    return list[below(static_cast<std::uint32_t>(std::size(list)))];
  }

 private:
  std::uint32_t next_byte() {
    if (bytes_.empty()) return 0;
    const std::uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }

  std::optional<std::mt19937_64> random_;
  std::span<const std::uint8_t> bytes_;
};

}  // namespace narthex::tests

#include "io/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace narthex::io {

namespace {

constexpr std::uint32_t kReversedPolynomial = 0x82F63B78;

/// [k][b]: what byte b does to the register when k more bytes follow it.
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? kReversedPolynomial : 0);
    tables[0][b] = crc;
  }
  for (std::size_t k = 1; k < tables.size(); ++k)
    for (std::size_t b = 0; b < 256; ++b)
      tables[k][b] = (tables[k - 1][b] >> 8U) ^ tables[0][tables[k - 1][b] & 0xFFU];
  return tables;
}

constexpr Tables kTables = make_tables();

std::uint32_t update_by_table(std::uint32_t crc, const unsigned char* at, std::size_t size) {
  for (; size >= 8; at += 8, size -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    word ^= crc;
    crc = 0;
    for (std::size_t k = 0; k < 8; ++k) crc ^= kTables[7 - k][word >> (8 * k) & 0xFFU];
  }
  for (; size > 0; ++at, --size) crc = (crc >> 8U) ^ kTables[0][(crc ^ *at) & 0xFFU];
  return crc;
}

#if defined(__x86_64__)
/// What `Bytes` zero bytes do to the register, by its four bytes: the register is linear in each of its bits.
template <std::size_t Bytes>
class ZerosBehind {
 public:
  constexpr ZerosBehind() {
    std::array<std::uint32_t, 32> of_bit{};
    for (std::size_t bit = 0; bit < of_bit.size(); ++bit) {
      std::uint32_t crc = std::uint32_t{1} << bit;
      for (std::size_t i = 0; i < Bytes; ++i) crc = (crc >> 8U) ^ kTables[0][crc & 0xFFU];
      of_bit[bit] = crc;
    }
    for (std::size_t byte = 0; byte < rows_.size(); ++byte)
      for (std::size_t value = 0; value < 256; ++value)
        for (std::size_t bit = 0; bit < 8; ++bit)
          if ((value >> bit & 1) != 0) rows_[byte][value] ^= of_bit[8 * byte + bit];
  }
  std::uint32_t operator()(std::uint32_t crc) const {
    return rows_[0][crc & 0xFFU] ^ rows_[1][crc >> 8U & 0xFFU] ^ rows_[2][crc >> 16U & 0xFFU] ^
           rows_[3][crc >> 24U];
  }

 private:
  std::array<std::array<std::uint32_t, 256>, 4> rows_{};
};

/// One instruction waits three cycles for the one before: three stretches of `Stretch` bytes at a time
/// keep it busy, and are then put together.
template <std::size_t Stretch>
__attribute__((target("sse4.2"))) std::uint32_t update_three_at_a_time(std::uint32_t crc,
                                                                       const unsigned char*& at,
                                                                       std::size_t& size) {
  static constexpr ZerosBehind<Stretch> kBehind;
  const auto word = [](const unsigned char* from) {
    std::uint64_t w = 0;
    std::memcpy(&w, from, sizeof w);
    return w;
  };
  for (; size >= 3 * Stretch; at += 3 * Stretch, size -= 3 * Stretch) {
    std::uint64_t first = crc;
    std::uint64_t second = 0;
    std::uint64_t third = 0;
    for (std::size_t i = 0; i < Stretch; i += 8) {
      first = _mm_crc32_u64(first, word(at + i));
      second = _mm_crc32_u64(second, word(at + Stretch + i));
      third = _mm_crc32_u64(third, word(at + 2 * Stretch + i));
    }
    crc = kBehind(static_cast<std::uint32_t>(first)) ^ static_cast<std::uint32_t>(second);
    crc = kBehind(crc) ^ static_cast<std::uint32_t>(third);
  }
  return crc;
}

__attribute__((target("sse4.2"))) std::uint32_t update_by_instruction(std::uint32_t crc,
                                                                      const unsigned char* at,
                                                                      std::size_t size) {
  // A fragment of the log has some KiB, a chunk some hundred bytes.
  crc = update_three_at_a_time<1024>(crc, at, size);
  crc = update_three_at_a_time<64>(crc, at, size);
  std::uint64_t wide = crc;
  for (; size >= 8; at += 8, size -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (; size > 0; ++at, --size) crc = _mm_crc32_u8(crc, *at);
  return crc;
}
#endif

using Update = std::uint32_t (*)(std::uint32_t, const unsigned char*, std::size_t);

Update choose_update() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return update_by_instruction;
#endif
  return update_by_table;
}

}  // namespace

std::uint32_t crc32c(Bytes data) {
  return crc32c_extend(0, data);
}

std::uint32_t crc32c_extend(std::uint32_t crc, Bytes data) {
  static const Update update = choose_update();
  return ~update(~crc, reinterpret_cast<const unsigned char*>(data.data()), data.size());
}

std::uint32_t crc32c_by_table(Bytes data) {
  return ~update_by_table(~std::uint32_t{0}, reinterpret_cast<const unsigned char*>(data.data()),
                          data.size());
}

}  // namespace narthex::io

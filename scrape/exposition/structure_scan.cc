#include "scrape/exposition/structure_scan.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace narthex::scrape {

namespace {

bool is_name_byte(char c) {
  return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') || c == '_' || c == ':';
}

#if defined(__x86_64__)

/// One bit per byte that equals `c`, for both halves of a block.
__attribute__((target("avx2"))) inline std::uint64_t equal_mask(__m256i low, __m256i high, char c) {
  const __m256i wanted = _mm256_set1_epi8(c);
  const auto low_bits = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted)));
  const auto high_bits = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted)));
  return low_bits | std::uint64_t{high_bits} << 32U;
}

/// Bytes of [first, first + count), by unsigned comparison after a shift to zero.
__attribute__((target("avx2"))) inline __m256i in_range(__m256i bytes, char first, char count) {
  const __m256i shifted = _mm256_sub_epi8(bytes, _mm256_set1_epi8(first));
  const __m256i last = _mm256_set1_epi8(static_cast<char>(count - 1));
  return _mm256_cmpeq_epi8(_mm256_min_epu8(shifted, last), shifted);
}

__attribute__((target("avx2"))) inline std::uint32_t name_mask(__m256i bytes) {
  // Setting bit 5 makes capitals small; of other bytes only @ [ \ ] ^ move, to ` { | } ~, which
  // are no letters, and _ to DEL, which is asked for by itself.
  const __m256i small = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
  const __m256i letter = in_range(small, 'a', 26);
  const __m256i digit_or_colon = in_range(bytes, '0', 11);
  const __m256i underscore = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('_'));
  return static_cast<std::uint32_t>(
      _mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(letter, digit_or_colon), underscore)));
}

__attribute__((target("avx2"))) void scan_block_avx2(const char* block, BlockMasks& masks) {
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block));
  const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 32));
  masks.name = name_mask(low) | std::uint64_t{name_mask(high)} << 32U;
  masks.blank = equal_mask(low, high, ' ') | equal_mask(low, high, '\t');
  masks.newline = equal_mask(low, high, '\n');
  masks.quote = equal_mask(low, high, '"');
  masks.escape = equal_mask(low, high, '\\');
  masks.close = equal_mask(low, high, '}');
}

#endif

}  // namespace

void scan_block_scalar(const char* block, BlockMasks& masks) {
  masks = {};
  for (std::size_t i = 0; i < kBlockSize; ++i) {
    const char c = block[i];
    const auto bit = [i](bool set) { return std::uint64_t{set} << i; };
    masks.name |= bit(is_name_byte(c));
    masks.blank |= bit(c == ' ' || c == '\t');
    masks.newline |= bit(c == '\n');
    masks.quote |= bit(c == '"');
    masks.escape |= bit(c == '\\');
    masks.close |= bit(c == '}');
  }
}

ScanBlock best_scan_block() {
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (has_avx2) return scan_block_avx2;
#endif
  return scan_block_scalar;
}

}  // namespace narthex::scrape

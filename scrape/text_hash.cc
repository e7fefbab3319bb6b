#define XXH_INLINE_ALL
#include "scrape/text_hash.h"

#include <xxhash.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <random>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace narthex::scrape {

namespace {

constexpr std::size_t kBlockBytes = 16;
/// Longer texts would need more keys; few are.
constexpr std::size_t kMostBytes = 1024;

struct Secret {
  /// One for each block, and one for the length.
  alignas(kBlockBytes) std::array<std::uint8_t, kMostBytes + kBlockBytes> keys;
  std::array<std::uint8_t, XXH3_SECRET_DEFAULT_SIZE> xxh3;
};

const Secret& process_secret() {
  static const Secret secret = [] {
    Secret bytes{};
    std::random_device random;
    for (auto& byte : bytes.keys) byte = static_cast<std::uint8_t>(random());
    for (auto& byte : bytes.xxh3) byte = static_cast<std::uint8_t>(random());
    return bytes;
  }();
  return secret;
}

#if defined(__x86_64__)

__attribute__((target("pclmul,sse4.1"))) inline __m128i multiply_block(const char* block,
                                                                       const std::uint8_t* key) {
  const __m128i sum = _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block)),
                                    _mm_load_si128(reinterpret_cast<const __m128i*>(key)));
  constexpr int kLowByHigh = 0x10;
  return _mm_clmulepi64_si128(sum, sum, kLowByHigh);
}

/// A text on its way into a hash: what lies from `at` on and in front of `last` is whole blocks that are
/// not added yet. The last block ends with the text, and may repeat some of the one before.
struct Blocks {
  const char* at;
  const char* last;
  const std::uint8_t* key;
  __m128i sum;
  std::array<char, kBlockBytes> padded;  ///< stands for a text shorter than a block

  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;
  __attribute__((target("pclmul,sse4.1"), always_inline)) explicit Blocks(std::string_view text)
      : at(text.data()) {
    static const Secret& secret = process_secret();
    std::size_t size = text.size();
    if (size < kBlockBytes) {
      padded = {};
      std::memcpy(padded.data(), at, size);
      at = padded.data();
      size = kBlockBytes;
    }
    last = at + size - kBlockBytes;
    key = secret.keys.data();
    // Texts that differ in nothing but their length must not be equal either.
    const __m128i length = _mm_cvtsi64_si128(static_cast<long long>(text.size()));
    sum = _mm_clmulepi64_si128(length, _mm_load_si128(reinterpret_cast<const __m128i*>(key + kMostBytes)), 0);
  }
  /// The last two blocks, or the only one.
  __attribute__((target("pclmul,sse4.1"), always_inline)) TextHash finish() {
    if (at < last) {
      sum = _mm_xor_si128(sum, multiply_block(at, key));
      key += kBlockBytes;
    }
    sum = _mm_xor_si128(sum, multiply_block(last, key));
    return {static_cast<std::uint64_t>(_mm_cvtsi128_si64(sum)),
            static_cast<std::uint64_t>(_mm_extract_epi64(sum, 1))};
  }
};

/// hot: bench/scrape
__attribute__((target("pclmul,sse4.1"))) TextHash hash_carryless(std::string_view text) {
  Blocks blocks(text);
  __m128i odd = _mm_setzero_si128();
  for (; blocks.at + kBlockBytes < blocks.last; blocks.at += 2 * kBlockBytes, blocks.key += 2 * kBlockBytes) {
    blocks.sum = _mm_xor_si128(blocks.sum, multiply_block(blocks.at, blocks.key));
    odd = _mm_xor_si128(odd, multiply_block(blocks.at + kBlockBytes, blocks.key + kBlockBytes));
  }
  blocks.sum = _mm_xor_si128(blocks.sum, odd);
  return blocks.finish();
}

/// The same hash: two blocks by one instruction, which takes no longer than for one.
/// hot: bench/scrape
__attribute__((target("pclmul,sse4.1,avx2,vpclmulqdq"))) TextHash hash_carryless_wide(std::string_view text) {
  Blocks blocks(text);
  constexpr int kLowByHigh = 0x10;
  __m256i sums = _mm256_setzero_si256();
  for (; blocks.at + kBlockBytes < blocks.last; blocks.at += 2 * kBlockBytes, blocks.key += 2 * kBlockBytes) {
    const __m256i pair = _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(blocks.at)),
                                          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(blocks.key)));
    sums = _mm256_xor_si256(sums, _mm256_clmulepi64_epi128(pair, pair, kLowByHigh));
  }
  blocks.sum = _mm_xor_si128(blocks.sum, _mm256_castsi256_si128(sums));
  blocks.sum = _mm_xor_si128(blocks.sum, _mm256_extracti128_si256(sums, 1));
  return blocks.finish();
}

bool has_carryless_product() {
  return __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0;
}

bool has_wide_carryless_product() {
  return has_carryless_product() && __builtin_cpu_supports("avx2") != 0 &&
         __builtin_cpu_supports("vpclmulqdq") != 0;
}

#endif

TextHash hash_by_xxh3(std::string_view text) {
  static const Secret& secret = process_secret();
  const XXH128_hash_t hash =
      XXH3_128bits_withSecret(text.data(), text.size(), secret.xxh3.data(), secret.xxh3.size());
  return {hash.low64, hash.high64};
}

/// For texts of up to kMostBytes.
HashText best_hash() {
#if defined(__x86_64__)
  if (has_wide_carryless_product()) return hash_carryless_wide;
  if (has_carryless_product()) return hash_carryless;
#endif
  return hash_by_xxh3;
}

}  // namespace

TextHash hash_text(std::string_view text) {
  static const HashText best = best_hash();
  if (text.size() > kMostBytes) [[unlikely]]
    return hash_by_xxh3(text);
  return best(text);
}

HashText narrow_hash_text() {
#if defined(__x86_64__)
  if (has_wide_carryless_product())
    return [](std::string_view text) {
      return text.size() > kMostBytes ? hash_by_xxh3(text) : hash_carryless(text);
    };
#endif
  return hash_text;
}

}  // namespace narthex::scrape

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

/// A text as blocks. The last one ends with the text, and may repeat some of the one before.
struct Blocks {
  const char* first;
  const char* last;
};

/// @param padded  stands for a text shorter than a block
inline Blocks blocks_of(std::string_view text, std::array<char, kBlockBytes>& padded) {
  if (text.size() >= kBlockBytes) [[likely]]
    return {text.data(), text.data() + text.size() - kBlockBytes};
  padded = {};
  std::memcpy(padded.data(), text.data(), text.size());
  return {padded.data(), padded.data()};
}

/// Texts that differ in nothing but their length must not be equal either.
__attribute__((target("pclmul,sse4.1"), always_inline)) inline __m128i multiply_length(
    std::size_t length, const std::uint8_t* keys) {
  return _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(length)),
                              _mm_load_si128(reinterpret_cast<const __m128i*>(keys + kMostBytes)), 0);
}

/// What is left of a text: the last two blocks, or the only one.
__attribute__((target("pclmul,sse4.1"), always_inline)) inline TextHash finish(__m128i sum, const char* at,
                                                                               const char* last,
                                                                               const std::uint8_t* key) {
  if (at < last) {
    sum = _mm_xor_si128(sum, multiply_block(at, key));
    key += kBlockBytes;
  }
  sum = _mm_xor_si128(sum, multiply_block(last, key));
  return {static_cast<std::uint64_t>(_mm_cvtsi128_si64(sum)),
          static_cast<std::uint64_t>(_mm_extract_epi64(sum, 1))};
}

/// hot: bench/scrape
__attribute__((target("pclmul,sse4.1"))) TextHash hash_carryless(std::string_view text) {
  static const Secret& secret = process_secret();
  std::array<char, kBlockBytes> padded;
  const auto [first, last] = blocks_of(text, padded);
  const char* at = first;
  const std::uint8_t* key = secret.keys.data();
  __m128i even = multiply_length(text.size(), key);
  __m128i odd = _mm_setzero_si128();
  for (; at + kBlockBytes < last; at += 2 * kBlockBytes, key += 2 * kBlockBytes) {
    even = _mm_xor_si128(even, multiply_block(at, key));
    odd = _mm_xor_si128(odd, multiply_block(at + kBlockBytes, key + kBlockBytes));
  }
  return finish(_mm_xor_si128(even, odd), at, last, key);
}

/// The same hash: two blocks by one instruction, which takes no longer than for one.
/// hot: bench/scrape
__attribute__((target("pclmul,sse4.1,avx2,vpclmulqdq"))) TextHash hash_carryless_wide(std::string_view text) {
  static const Secret& secret = process_secret();
  std::array<char, kBlockBytes> padded;
  const auto [first, last] = blocks_of(text, padded);
  const char* at = first;
  const std::uint8_t* key = secret.keys.data();
  constexpr int kLowByHigh = 0x10;
  __m256i sums = _mm256_setzero_si256();
  for (; at + kBlockBytes < last; at += 2 * kBlockBytes, key += 2 * kBlockBytes) {
    const __m256i pair = _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)),
                                          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(key)));
    sums = _mm256_xor_si256(sums, _mm256_clmulepi64_epi128(pair, pair, kLowByHigh));
  }
  __m128i sum = multiply_length(text.size(), secret.keys.data());
  sum = _mm_xor_si128(sum, _mm256_castsi256_si128(sums));
  sum = _mm_xor_si128(sum, _mm256_extracti128_si256(sums, 1));
  return finish(sum, at, last, key);
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

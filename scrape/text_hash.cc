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

/// hot: bench/scrape
__attribute__((target("pclmul,sse4.1"))) TextHash hash_carryless(std::string_view text) {
  static const Secret& secret = process_secret();
  const char* at = text.data();
  std::array<char, kBlockBytes> padded{};
  std::size_t size = text.size();
  if (size < kBlockBytes) {
    std::memcpy(padded.data(), at, size);
    at = padded.data();
    size = kBlockBytes;
  }
  // Texts that differ in nothing but their length must not be equal either.
  const std::uint8_t* key = secret.keys.data();
  const __m128i length = _mm_cvtsi64_si128(static_cast<long long>(text.size()));
  __m128i even =
      _mm_clmulepi64_si128(length, _mm_load_si128(reinterpret_cast<const __m128i*>(key + kMostBytes)), 0);
  __m128i odd = _mm_setzero_si128();
  // The last block ends with the text, and may repeat some of the one before.
  const char* const last = at + size - kBlockBytes;
  for (; at + kBlockBytes < last; at += 2 * kBlockBytes, key += 2 * kBlockBytes) {
    even = _mm_xor_si128(even, multiply_block(at, key));
    odd = _mm_xor_si128(odd, multiply_block(at + kBlockBytes, key + kBlockBytes));
  }
  if (at < last) {
    even = _mm_xor_si128(even, multiply_block(at, key));
    key += kBlockBytes;
  }
  const __m128i sum = _mm_xor_si128(_mm_xor_si128(even, odd), multiply_block(last, key));
  return {static_cast<std::uint64_t>(_mm_cvtsi128_si64(sum)),
          static_cast<std::uint64_t>(_mm_extract_epi64(sum, 1))};
}

bool has_carryless_product() {
  static const bool has = __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0;
  return has;
}

#endif

}  // namespace

TextHash hash_text(std::string_view text) {
#if defined(__x86_64__)
  if (text.size() <= kMostBytes && has_carryless_product()) [[likely]]
    return hash_carryless(text);
#endif
  static const Secret& secret = process_secret();
  const XXH128_hash_t hash =
      XXH3_128bits_withSecret(text.data(), text.size(), secret.xxh3.data(), secret.xxh3.size());
  return {hash.low64, hash.high64};
}

}  // namespace narthex::scrape

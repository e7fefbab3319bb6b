// Open chunks in their slots: after every sample the bytes are those of the plain encoder, and slots
// beside it keep theirs, however full a slot is and whichever way the sample was written.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <random>
#include <vector>

#include "tsdb/head/series_chunks.h"

namespace narthex::tsdb {
namespace {

constexpr Timestamp kStart = 1'700'000'000'000;
constexpr std::size_t kSeries = 6;
constexpr std::size_t kSamples = 100;

/// A series beside what the plain encoder makes of it.
struct Grown {
  HotSeries hot = HotSeries::make(0);
  FullChunks full;
  XorState plain;
  std::vector<std::byte> bytes = std::vector<std::byte>((kSamples + 1) * kXorMaxSampleBytes);
};

bool is_plain(const SeriesChunks& chunks, const Grown& series) {
  ChunkViews views;
  chunks.view(series.hot, series.full, {}, views);
  // What is not written as bits yet says the same as the series before.
  if (views.open_is_run || views.open.run > 0) return true;
  return std::ranges::equal(views.open_bytes, io::Bytes(series.bytes).first(series.plain.size_bytes()));
}

/// @param width    bits that differ between samples, next to each other
/// @param shift    of these from the lowest of a value
/// @param unusual  one sample of so many comes late, or has a value of its own
void grow_side_by_side(unsigned width, unsigned shift, unsigned unusual) {
  CAPTURE(width);
  CAPTURE(shift);
  CAPTURE(unusual);
  std::mt19937_64 random(width * 64 + shift);
  PageArena arena;
  SeriesChunks chunks(arena, DurationMs{1} << 40);
  std::array<Grown, kSeries> all;
  std::array<Timestamp, kSeries> next;
  next.fill(kStart);
  for (std::size_t i = 0; i < kSamples; ++i) {
    for (std::size_t k = 0; k < kSeries; ++k) {
      Grown& series = all[k];
      std::uint64_t value = random() >> (64 - width) << shift;
      // The highest and the lowest change first: then the window is as wide from the beginning.
      if (i < 2) value = i == 0 ? 0 : ((std::uint64_t{1} << (width - 1)) | 1) << shift;
      if (unusual != 0 && random() % unusual == 0) value = random();
      if (unusual != 0 && random() % unusual == 0) ++next[k];
      const auto v = std::bit_cast<double>(value);
      if (chunks.append(series.hot, series.full, next[k], v)) series.plain = XorState{};
      xor_append(series.plain, series.bytes.data(), next[k], v);
      next[k] += 15'000;
    }
    for (const Grown& series : all) REQUIRE(is_plain(chunks, series));
  }
}

}  // namespace

TEST_CASE(
    "open chunks that grow side by side are as the plain encoder makes them, at every width of values") {
  for (unsigned width = 1; width <= 64; ++width)
    for (const unsigned shift : {0U, (64 - width) / 2, 64 - width}) grow_side_by_side(width, shift, 0);
}

TEST_CASE("open chunks that grow side by side are as the plain encoder makes them, among unusual samples") {
  for (unsigned width = 1; width <= 64; width += 3)
    for (const unsigned unusual : {3U, 10U, 40U}) grow_side_by_side(width, (64 - width) / 2, unusual);
}

}  // namespace narthex::tsdb

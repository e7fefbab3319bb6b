// Where chunks begin and end; the recorded corpus of golden_test.cc says it in breadth.
#include "tsdb/chunk/chunk_builder.h"

#include <doctest/doctest.h>

#include <vector>

#include "model/value.h"
#include "tests/tsdb/why.h"

namespace narthex::tsdb {
namespace {

constexpr DurationMs kTwoHours = 7'200'000;

Histogram histogram(std::uint64_t count) {
  Histogram h;
  h.schema = 1;
  h.count = 2 * count;
  h.sum = static_cast<double>(count);
  h.positive_spans = {{0, 2}};
  h.positive_deltas = {static_cast<std::int64_t>(count), 0};
  return h;
}

std::vector<BuiltChunk> all_chunks(ChunkBuilder& builder) {
  builder.finish();
  return builder.take_finished();
}

TEST_CASE("chunk builder: an empty one has nothing") {
  ChunkBuilder builder({});
  CHECK_FALSE(builder.has_open());
  CHECK(builder.open_bytes().empty());
  CHECK(builder.open_count() == 0);
  CHECK(all_chunks(builder).empty());
}

TEST_CASE("chunk builder: the first append begins a chunk, and so does one of another kind") {
  ChunkBuilder builder({.block_range = kTwoHours});
  CHECK(builder.append(1000, 0, 1.0));
  CHECK_FALSE(builder.append(2000, 0, 2.0));
  CHECK(builder.append(3000, 0, histogram(1)));
  CHECK_FALSE(builder.append(4000, 0, histogram(2)));
  CHECK(builder.append(5000, 0, to_float(histogram(3))));
  CHECK(builder.append(6000, 0, 7.0));
  const std::vector<BuiltChunk> chunks = all_chunks(builder);
  REQUIRE(chunks.size() == 4);
  const int encodings[] = {1, 2, 3, 1};
  const TimeRange ranges[] = {{1000, 2000}, {3000, 4000}, {5000, 5000}, {6000, 6000}};
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(int{chunks[i].encoding} == encodings[i]);
    CHECK((chunks[i].range == ranges[i]));
  }
  CHECK_FALSE(builder.has_open());
}

TEST_CASE("chunk builder: no chunk crosses a multiple of the block range, before 1970 neither") {
  for (const Timestamp border : {kTwoHours * 100, Timestamp{0}, -kTwoHours * 3}) {
    CAPTURE(border);
    ChunkBuilder builder({.block_range = kTwoHours});
    builder.append(border - 10, 0, 1.0);
    CHECK_FALSE(builder.append(border - 1, 0, 1.0));
    CHECK(builder.append(border, 0, 1.0));
    ChunkBuilder histograms({.block_range = kTwoHours});
    histograms.append(border - 10, 0, histogram(1));
    CHECK_FALSE(histograms.append(border - 1, 0, histogram(1)));
    CHECK(histograms.append(border, 0, histogram(1)));
  }
}

TEST_CASE("chunk builder: extreme times are kept") {
  ChunkBuilder builder({.block_range = kTwoHours});
  builder.append(kMinTime, 0, 1.0);
  builder.append(kMaxTime, 0, 2.0);
  ChunkSamples samples;
  std::vector<Timestamp> times;
  for (const BuiltChunk& chunk : all_chunks(builder)) {
    REQUIRE(decode_samples(chunk.encoding, chunk.bytes, samples));
    times.insert(times.end(), samples.t.begin(), samples.t.end());
  }
  CHECK((times == std::vector<Timestamp>{kMinTime, kMaxTime}));
}

TEST_CASE("chunk builder: without a block range chunks have the number of samples asked for") {
  ChunkBuilder builder({.samples_per_chunk = 50});
  for (int i = 0; i < 120; ++i) builder.append(i * 1000, 0, static_cast<double>(i));
  for (int i = 0; i < 60; ++i) builder.append(1'000'000 + i, 0, histogram(static_cast<std::uint64_t>(i)));
  std::vector<std::size_t> counts;
  for (const BuiltChunk& chunk : all_chunks(builder)) {
    ChunkSamples samples;
    REQUIRE(decode_samples(chunk.encoding, chunk.bytes, samples));
    counts.push_back(samples.size());
  }
  CHECK((counts == std::vector<std::size_t>{50, 50, 20, 50, 10}));
}

TEST_CASE("chunk builder: a start timestamp that the encoding cannot keep is dropped") {
  ChunkBuilder plain({});
  ChunkBuilder with({.xor2_floats = true, .histograms_with_start = true});
  for (ChunkBuilder* builder : {&plain, &with}) {
    builder->append(1000, 500, 1.0);
    builder->append(2000, 500, histogram(1));
    builder->append(3000, 500, to_float(histogram(1)));
  }
  for (const BuiltChunk& chunk : all_chunks(plain)) {
    ChunkSamples samples;
    REQUIRE(decode_samples(chunk.encoding, chunk.bytes, samples));
    CHECK(samples.st.empty());
  }
  for (const BuiltChunk& chunk : all_chunks(with)) {
    ChunkSamples samples;
    REQUIRE(decode_samples(chunk.encoding, chunk.bytes, samples));
    CHECK((samples.st == std::vector<Timestamp>{500}));
  }
}

TEST_CASE("chunk builder: decoded samples go in again as they are") {
  ChunkBuilder builder({.histograms_with_start = true});
  for (std::uint64_t i = 0; i < 5; ++i)
    builder.append(static_cast<Timestamp>(i) * 1000, 7, to_float(histogram(i)));
  ChunkSamples samples;
  REQUIRE(decode_samples(builder.open_encoding(), builder.open_bytes(), samples));
  ChunkBuilder again({.histograms_with_start = true});
  for (std::size_t i = 0; i < samples.size(); ++i) again.append(samples, i);
  CHECK((all_chunks(again).at(0).bytes == all_chunks(builder).at(0).bytes));
}

TEST_CASE("chunk builder: behind a staleness marker only markers fit") {
  Histogram marker;
  marker.sum = kStaleNan;
  ChunkBuilder builder({.block_range = kTwoHours});
  builder.append(1000, 0, histogram(1));
  CHECK_FALSE(builder.append(2000, 0, marker));
  CHECK_FALSE(builder.append(3000, 0, marker));
  CHECK(builder.append(4000, 0, histogram(1)));
}

TEST_CASE("chunk builder: a new bucket makes the open chunk be encoded anew, not end") {
  ChunkBuilder builder({.block_range = kTwoHours});
  builder.append(1000, 0, histogram(1));
  Histogram wider = histogram(2);
  wider.positive_spans = {{-2, 1}, {1, 2}, {5, 1}};
  wider.positive_deltas = {1, 1, 0, 3};
  wider.count = 10;
  CHECK_FALSE(builder.append(2000, 0, wider));
  ChunkSamples samples;
  REQUIRE(decode_samples(builder.open_encoding(), builder.open_bytes(), samples));
  REQUIRE(samples.size() == 2);
  CHECK((samples.histograms[0].positive_spans == wider.positive_spans));
  CHECK((samples.histograms[0].positive_deltas == std::vector<std::int64_t>{0, 1, 0, -1}));
  CHECK((samples.histograms[1].positive_deltas == wider.positive_deltas));
}

TEST_CASE("chunk builder: only a chunk with samples can be taken over") {
  ChunkBuilder builder({});
  for (std::uint8_t encoding = 1; encoding <= 7; ++encoding) {
    CAPTURE(int{encoding});
    const std::vector<std::byte> empty(3);
    const auto taken = builder.resume(encoding, empty);
    REQUIRE_FALSE(taken);
    CHECK(taken.error().code == Code::corruption);
  }
}

}  // namespace
}  // namespace narthex::tsdb

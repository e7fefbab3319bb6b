// Reading chunks of all encodings back, whole, in part, damaged.
#include "tsdb/chunk/chunk_samples.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <random>
#include <vector>

#include "model/value.h"
#include "tests/tsdb/chunk/golden_samples.h"
#include "tests/tsdb/why.h"
#include "tsdb/chunk/chunk_builder.h"
#include "tsdb/chunk/encoding.h"
#include "tsdb/chunk/varbit.h"

namespace narthex::tsdb {
namespace {

const std::vector<GoldenSeries>& golden() {
  static const std::vector<GoldenSeries> series =
      read_golden_series("tests/tsdb/chunk/golden/chunks-3.14.txt");
  return series;
}

std::uint64_t bits(double v) {
  return std::bit_cast<std::uint64_t>(v);
}

/// Counts by index: what a histogram says, however its spans are cut. Empty buckets say nothing.
std::map<std::int64_t, double> by_index(const std::vector<HistogramSpan>& spans,
                                        const std::vector<double>& counts) {
  std::map<std::int64_t, double> out;
  std::int64_t index = 0;
  std::size_t i = 0;
  for (const HistogramSpan& span : spans) {
    index += span.offset;
    for (std::uint32_t n = 0; n < span.length; ++n, ++index, ++i) {
      if (counts.at(i) != 0) out[index] = counts[i];
    }
  }
  CHECK(i == counts.size());
  return out;
}

void check_same(const FloatHistogram& got, const FloatHistogram& want) {
  CHECK(bits(got.sum) == bits(want.sum));
  if (is_stale_nan(want.sum)) return;
  CHECK(got.schema == want.schema);
  CHECK(got.zero_threshold == want.zero_threshold);
  CHECK(got.zero_count == want.zero_count);
  CHECK(got.count == want.count);
  CHECK((got.custom_values == want.custom_values));
  CHECK((by_index(got.positive_spans, got.positive_buckets) ==
         by_index(want.positive_spans, want.positive_buckets)));
  CHECK((by_index(got.negative_spans, got.negative_buckets) ==
         by_index(want.negative_spans, want.negative_buckets)));
}

FloatHistogram as_float(const GoldenSample& sample) {
  if (const auto* h = std::get_if<Histogram>(&sample.value)) return to_float(*h);
  return std::get<FloatHistogram>(sample.value);
}

bool keeps_starts(const BuiltChunk& chunk) {
  return keeps_start(chunk.encoding);
}

TEST_CASE("chunks of all encodings: what Prometheus wrote is read back, in kind") {
  for (const GoldenSeries& series : golden()) {
    CAPTURE(series.name);
    std::size_t at = 0;
    for (const BuiltChunk& chunk : series.chunks) {
      ChunkSamples got;
      const auto done = decode_samples(chunk.encoding, chunk.bytes, got);
      REQUIRE_MESSAGE(done, why(done));
      CHECK(got.size() == count_chunk_samples(chunk.encoding, chunk.bytes));
      REQUIRE(at + got.size() <= series.samples.size());
      for (std::size_t i = 0; i < got.size(); ++i, ++at) {
        const GoldenSample& want = series.samples[at];
        CAPTURE(at);
        CHECK(got.t[i] == want.t);
        CHECK((got.st.empty() ? 0 : got.st[i]) == (keeps_starts(chunk) ? want.st : 0));
        switch (got.kind) {
          case SampleKind::floats:
            CHECK(bits(got.v.at(i)) == bits(std::get<double>(want.value)));
            break;
          case SampleKind::histograms:
            REQUIRE(std::holds_alternative<Histogram>(want.value));
            check_same(to_float(got.histograms.at(i)), as_float(want));
            break;
          case SampleKind::float_histograms:
            REQUIRE(std::holds_alternative<FloatHistogram>(want.value));
            check_same(got.float_histograms.at(i), as_float(want));
            break;
        }
      }
    }
    CHECK(at == series.samples.size());
  }
}

TEST_CASE("chunks of all encodings: a query gets the samples in its range, behind what was there") {
  for (const GoldenSeries& series : golden()) {
    CAPTURE(series.name);
    for (const BuiltChunk& chunk : series.chunks) {
      const Timestamp length = chunk.range.maxt - chunk.range.mint;
      const TimeRange range{chunk.range.mint + length / 3, chunk.range.maxt - length / 3};
      storage::SampleColumns got;
      got.t = {1, 2};
      got.v = {10, 20};
      const auto done = decode_chunk(chunk.encoding, chunk.bytes, range, got);
      REQUIRE_MESSAGE(done, why(done));
      std::size_t at = 2;
      std::size_t histograms = 0;
      for (const GoldenSample& want : series.samples) {
        if (!range.contains(want.t)) continue;
        REQUIRE(at < got.t.size());
        CHECK(got.t[at] == want.t);
        if (!got.st.empty()) CHECK(got.st.at(at) == (keeps_starts(chunk) ? want.st : 0));
        if (const auto* v = std::get_if<double>(&want.value)) {
          CHECK(bits(got.v.at(at)) == bits(*v));
        } else {
          REQUIRE(histograms < got.histograms.size());
          CHECK(got.histograms[histograms].index == at);
          CHECK(got.v.at(at) == 0);
          check_same(got.histograms[histograms++].value, as_float(want));
        }
        ++at;
      }
      CHECK(at == got.t.size());
      CHECK(histograms == got.histograms.size());
      CHECK(got.v.size() == got.t.size());
      CHECK((got.st.empty() || got.st.size() == got.t.size()));
    }
  }
}

TEST_CASE("chunks of all encodings: a builder that takes over a chunk goes on as if it had written it") {
  for (const GoldenSeries& series : golden()) {
    CAPTURE(series.name);
    // No limits: what Prometheus has in one chunk stays in one here.
    ChunkBuilderOptions options = series.options;
    options.block_range = 0;
    options.samples_per_chunk = 1000;
    std::size_t at = 0;
    for (const BuiltChunk& chunk : series.chunks) {
      const std::size_t count = count_chunk_samples(chunk.encoding, chunk.bytes);
      for (const std::size_t split : {std::size_t{1}, count / 2, count - 1}) {
        if (split == 0 || split >= count) continue;
        ChunkBuilder before(options);
        std::size_t i = at;
        bool one_chunk = true;
        for (; i < at + split; ++i)
          one_chunk = append_golden(before, series.samples[i]) == (i == at) && one_chunk;
        REQUIRE(one_chunk);
        ChunkBuilder after(options);
        const auto taken = after.resume(before.open_encoding(), before.open_bytes());
        REQUIRE_MESSAGE(taken, why(taken));
        CHECK((after.open_range() == before.open_range()));
        CHECK(after.open_count() == split);
        for (; i < at + count; ++i) {
          append_golden(before, series.samples[i]);
          append_golden(after, series.samples[i]);
        }
        CHECK((after.open_range() == before.open_range()));
        CHECK(to_hex(after.open_bytes()) == to_hex(before.open_bytes()));
      }
      at += count;
    }
  }
}

TEST_CASE("chunks of all encodings: one that is cut off anywhere is corrupt or whole") {
  for (const GoldenSeries& series : golden()) {
    CAPTURE(series.name);
    const BuiltChunk& chunk = series.chunks.front();
    const std::size_t step = std::max<std::size_t>(1, chunk.bytes.size() / 40);
    for (std::size_t size = 0; size < chunk.bytes.size(); size += step) {
      const std::vector<std::byte> cut(chunk.bytes.begin(),
                                       chunk.bytes.begin() + static_cast<std::ptrdiff_t>(size));
      ChunkSamples got;
      const auto done = decode_samples(chunk.encoding, cut, got);
      REQUIRE_FALSE(done);
      CHECK(done.error().code == Code::corruption);
      ChunkBuilder builder(series.options);
      CHECK_FALSE(builder.resume(chunk.encoding, cut));
    }
  }
}

TEST_CASE("chunks of all encodings: flipped bits decode to something or are refused, and no more") {
  std::mt19937 random(5);
  for (const GoldenSeries& series : golden()) {
    for (const BuiltChunk& chunk : series.chunks) {
      for (int round = 0; round < 30; ++round) {
        std::vector<std::byte> bytes = chunk.bytes;
        for (int flips = 0; flips <= round % 3; ++flips)
          bytes[random() % bytes.size()] ^= static_cast<std::byte>(1u << random() % 8);
        ChunkSamples got;
        storage::SampleColumns columns;
        const bool sound = decode_samples(chunk.encoding, bytes, got).has_value();
        const auto decoded = decode_chunk(chunk.encoding, bytes, {}, columns);
        CHECK(decoded.has_value() == sound);
        if (sound) CHECK(columns.t.size() == got.size());
      }
    }
  }
}

TEST_CASE("chunks of an encoding that we do not know are refused by name") {
  ChunkSamples got;
  const std::vector<std::byte> chunk(20);
  const auto done = decode_samples(7, chunk, got);
  REQUIRE_FALSE(done);
  CHECK(done.error().text ==
        "chunk has encoding 7 (unknown, written by something newer than Prometheus 3.14)");
}

struct HintRow {
  const char* name;
  CounterResetHint header;      ///< given with the first histogram
  CounterResetHint in_samples;  ///< of the first one decoded
  CounterResetHint in_query;
  CounterResetHint following;
};

TEST_CASE("counter reset hints: the chunk's own for its first sample, and what follows did not reset") {
  using Hint = CounterResetHint;
  const HintRow rows[] = {
      {"unknown", Hint::unknown, Hint::unknown, Hint::unknown, Hint::not_reset},
      {"not reset, as of another chunk", Hint::not_reset, Hint::unknown, Hint::unknown, Hint::not_reset},
      {"reset", Hint::reset, Hint::reset, Hint::unknown, Hint::not_reset},
      {"gauge", Hint::gauge, Hint::gauge, Hint::gauge, Hint::gauge},
  };
  for (const HintRow& row : rows) {
    CAPTURE(row.name);
    ChunkBuilder builder({});
    Histogram h;
    h.hint = row.header;
    h.count = 1;
    h.positive_spans = {{0, 1}};
    h.positive_deltas = {1};
    builder.append(1000, 0, h);
    if (h.hint == Hint::reset) h.hint = Hint::unknown;
    builder.append(2000, 0, h);
    REQUIRE(builder.open_count() == 2);
    ChunkSamples got;
    REQUIRE(decode_samples(builder.open_encoding(), builder.open_bytes(), got));
    CHECK((got.histograms.at(0).hint == row.in_samples));
    CHECK((got.histograms.at(1).hint == row.following));
    storage::SampleColumns columns;
    REQUIRE(decode_chunk(builder.open_encoding(), builder.open_bytes(), {}, columns));
    CHECK((columns.histograms.at(0).value.hint == row.in_query));
    CHECK((columns.histograms.at(1).value.hint == row.following));
  }
}

TEST_CASE("start timestamps: joined columns have one for every sample once any has one") {
  ChunkBuilder without({});
  without.append(1000, 0, 1.0);
  without.append(2000, 0, 2.0);
  ChunkBuilder with({.xor2_floats = true});
  with.append(3000, 2500, 3.0);
  with.append(4000, 2500, 4.0);
  storage::SampleColumns columns;
  REQUIRE(decode_chunk(1, without.open_bytes(), {}, columns));
  CHECK(columns.st.empty());
  REQUIRE(decode_chunk(4, with.open_bytes(), {}, columns));
  CHECK((columns.st == std::vector<Timestamp>{0, 0, 2500, 2500}));
  REQUIRE(decode_chunk(1, without.open_bytes(), {}, columns));
  CHECK((columns.st == std::vector<Timestamp>{0, 0, 2500, 2500, 0, 0}));
}

TEST_CASE("schemas finer than 8 stay as they are in samples, and are coarsened for queries") {
  Histogram h;
  h.schema = 9;
  h.count = 6;
  h.positive_spans = {{1, 3}};
  h.positive_deltas = {1, 1, 1};
  ChunkBuilder builder({});
  builder.append(1000, 0, h);
  ChunkSamples samples;
  REQUIRE(decode_samples(2, builder.open_bytes(), samples));
  CHECK(samples.histograms.at(0).schema == 9);
  storage::SampleColumns columns;
  REQUIRE(decode_chunk(2, builder.open_bytes(), {}, columns));
  const FloatHistogram& coarse = columns.histograms.at(0).value;
  CHECK(coarse.schema == 8);
  CHECK((coarse.positive_spans == std::vector<HistogramSpan>{{1, 2}}));
  CHECK((coarse.positive_buckets == std::vector<double>{3, 3}));
}

TEST_CASE("a histogram chunk cannot ask for more memory than its size warrants") {
  // 2,000 empty spans of two bits each would be copied into each of 16,000 samples.
  BitBuffer out(3);
  out.put(0, 8);
  out.put(0, 1);
  put_varbit_unsigned(out, 2000);
  for (int i = 0; i < 2000; ++i) out.put(0, 2);
  for (int i = 0; i < 70'000; ++i) out.put(0, 1);
  out.data()[0] = std::byte{16'000 >> 8};
  out.data()[1] = std::byte{16'000 & 0xff};
  ChunkSamples got;
  CHECK_FALSE(decode_samples(2, out.bytes(), got));
}

}  // namespace
}  // namespace narthex::tsdb

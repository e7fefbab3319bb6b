// Late samples as they stand in memory, and how several chunks of them become one row.
#include <doctest/doctest.h>

#include <memory>

#include "model/value.h"
#include "tests/tsdb/head/kinds_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/head/ooo_samples.h"

namespace narthex::tsdb {
namespace {

OooSample sample(Timestamp t, double v) {
  return {.t = t, .st = 0, .v = v, .histogram = {}};
}

Histogram histogram(std::uint64_t count, CounterResetHint hint = CounterResetHint::unknown) {
  Histogram h;
  h.hint = hint;
  h.count = count;
  h.sum = static_cast<double>(count) * 2;
  h.positive_spans = {{0, 1}};
  h.positive_deltas = {static_cast<std::int64_t>(count)};
  return h;
}

OooSample sample(Timestamp t, const AnyHistogram& value) {
  return {.t = t, .st = 0, .v = 0, .histogram = std::make_shared<const AnyHistogram>(value)};
}

std::vector<Timestamp> times(const OooSamples& samples) {
  std::vector<Timestamp> out;
  for (const OooSample& s : samples) out.push_back(s.t);
  return out;
}

TEST_CASE("late samples: each takes its place, and the first of a time stays") {
  OooSamples samples;
  CHECK(insert_sample(samples, sample(20, 1)));
  CHECK(insert_sample(samples, sample(40, 2)));
  CHECK(insert_sample(samples, sample(10, 3)));
  CHECK(insert_sample(samples, sample(30, 4)));
  CHECK_FALSE(insert_sample(samples, sample(30, 5)));
  CHECK_FALSE(insert_sample(samples, sample(40, 2)));
  CHECK(times(samples) == std::vector<Timestamp>{10, 20, 30, 40});
  CHECK(samples[2].v == 4);

  std::vector<OooSample> unsorted = {sample(5, 1), sample(2, 2), sample(5, 3), sample(1, 4)};
  sort_samples(unsorted);
  CHECK(times(unsorted) == std::vector<Timestamp>{1, 2, 5});
  CHECK(unsorted[2].v == 1);
}

TEST_CASE("late samples: as chunks there is one for each kind in a row") {
  const AnyHistogram ints = histogram(3);
  const AnyHistogram floats = to_float(histogram(3));
  const OooSamples samples = {sample(1, 1.5),  sample(2, 2.5), sample(3, ints),
                              sample(4, ints), sample(5, 9),   sample(6, floats)};
  const auto chunks = encode_chunks(samples);
  REQUIRE(chunks.size() == 4);
  const TimeRange ranges[] = {{1, 2}, {3, 4}, {5, 5}, {6, 6}};
  for (std::size_t i = 0; i < chunks.size(); ++i) CHECK(chunks[i].range == ranges[i]);
  OooMerger merger;
  for (const BuiltChunk& c : chunks) REQUIRE(merger.add(c.encoding, c.bytes));
  storage::SampleColumns columns;
  merger.merge_into(columns, 0, {});
  storage::SampleColumns direct;
  OooMerger other;
  other.add(samples);
  other.merge_into(direct, 0, {});
  CHECK(as_points(columns) == as_points(direct));
  CHECK(columns.t == std::vector<Timestamp>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("late samples: what was there first stays, and what is in order before that") {
  OooMerger merger;
  merger.add({sample(10, 1), sample(30, 1), sample(50, 1)});
  merger.add({sample(5, 2), sample(30, 2), sample(60, 2)});
  merger.add({sample(40, 3)});
  storage::SampleColumns columns;
  columns.t = {1, 40, 55};
  columns.v = {0, 0, 0};
  merger.merge_into(columns, 0, {6, 59});
  CHECK(columns.t == std::vector<Timestamp>{1, 10, 30, 40, 50, 55});
  CHECK(columns.v == std::vector<double>{0, 1, 1, 0, 1, 0});

  const auto chunks = merger.encode({6, 60});
  REQUIRE(chunks.size() == 1);
  ChunkSamples back;
  REQUIRE(decode_samples(chunks[0].encoding, chunks[0].bytes, back));
  CHECK(back.t == std::vector<Timestamp>{10, 30, 40, 50, 60});
  CHECK(back.v == std::vector<double>{1, 1, 3, 1, 2});
}

TEST_CASE("late samples: behind one of another chunk a histogram says nothing of counter resets") {
  OooMerger merger;
  merger.add({sample(10, histogram(1)), sample(30, histogram(3, CounterResetHint::not_reset))});
  merger.add(
      {sample(20, histogram(9, CounterResetHint::reset)), sample(40, histogram(2, CounterResetHint::gauge))});
  storage::SampleColumns columns;
  merger.merge_into(columns, 0, {});
  REQUIRE(columns.histograms.size() == 4);
  for (std::size_t i = 0; i < 3; ++i) CHECK(columns.histograms[i].value.hint == CounterResetHint::unknown);
  CHECK(columns.histograms[3].value.hint == CounterResetHint::gauge);
  // 9 to 3 is a reset: a chunk that says otherwise would hide it.
  std::size_t samples = 0;
  for (const BuiltChunk& c : merger.encode({})) {
    ChunkSamples back;
    REQUIRE(decode_samples(c.encoding, c.bytes, back));
    for (std::size_t i = 0; i < back.size(); ++i) {
      if (back.t[i] == 30) CHECK(back.histograms[i].hint != CounterResetHint::not_reset);
    }
    samples += back.size();
  }
  CHECK(samples == 4);
}

TEST_CASE("late samples: start timestamps go with them into chunks, and only then are chunks others") {
  OooSamples samples = {sample(10, 1), sample(20, 2), sample(30, histogram(3))};
  CHECK(encode_chunks(samples)[0].encoding == 1);
  CHECK(encode_chunks(samples)[1].encoding == 2);
  samples[1].st = 5;
  samples[2].st = 6;
  const auto chunks = encode_chunks(samples);
  REQUIRE(chunks.size() == 2);
  CHECK(chunks[0].encoding == 4);
  CHECK(chunks[1].encoding == 5);
  OooMerger merger;
  for (const BuiltChunk& c : chunks) REQUIRE(merger.add(c.encoding, c.bytes));
  merger.add({sample(40, 4)});
  storage::SampleColumns columns;
  merger.merge_into(columns, 0, {});
  CHECK(columns.st == std::vector<Timestamp>{0, 5, 6, 0});
  const auto again = merger.encode({});
  REQUIRE(again.size() == 3);
  CHECK(again[0].encoding == 4);
  CHECK(again[1].encoding == 5);
}

}  // namespace
}  // namespace narthex::tsdb

// The chunks of one series from several sources: what is copied, merged, cut and joined.
#include "tsdb/compact/chunk_merger.h"

#include <doctest/doctest.h>

#include "tests/tsdb/compact/compact_fixture.h"
#include "tsdb/chunk/chunk_builder.h"

namespace narthex::tsdb {
namespace {

std::vector<PlainSample> samples_at(Timestamp from, std::size_t count, double v = 1, Timestamp step = 10) {
  std::vector<PlainSample> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back({from + static_cast<Timestamp>(i) * step, v});
  return out;
}

/// Parts of one series whose chunks own their bytes.
class Parts {
 public:
  SourceSeries& add(const std::vector<std::vector<PlainSample>>& chunks,
                    std::vector<TimeRange> deleted = {}) {
    auto& part = parts_.emplace_back(std::make_unique<SourceSeries>());
    for (const auto& chunk : chunks) {
      bytes_.push_back(std::make_unique<std::vector<std::byte>>(encode_chunk(chunk)));
      part->chunks.push_back({chunk.front().t, chunk.back().t, kXorEncoding, *bytes_.back()});
    }
    part->deleted = std::move(deleted);
    return *part;
  }
  [[nodiscard]] std::vector<const SourceSeries*> list() const {
    std::vector<const SourceSeries*> out;
    for (const auto& part : parts_) out.push_back(part.get());
    return out;
  }

 private:
  std::vector<std::unique_ptr<SourceSeries>> parts_;
  std::vector<std::unique_ptr<std::vector<std::byte>>> bytes_;
};

std::vector<ChunkToWrite> merged(ChunkMerger& merger, const Parts& parts) {
  const auto list = parts.list();
  auto chunks = merger.merge(list);
  REQUIRE_MESSAGE(chunks, why(chunks));
  for (std::size_t i = 1; i < chunks->size(); ++i) CHECK((*chunks)[i - 1].maxt < (*chunks)[i].mint);
  return {chunks->begin(), chunks->end()};
}

TEST_CASE("merging: chunks that nothing touches are copied, not encoded anew") {
  Parts parts;
  const auto& a = parts.add({samples_at(0, 10), samples_at(500, 10)});
  const auto& b = parts.add({samples_at(200, 10), samples_at(1000, 1)});
  ChunkMerger merger({});
  const auto chunks = merged(merger, parts);
  REQUIRE(chunks.size() == 4);
  CHECK(chunks[0].bytes.data() == a.chunks[0].bytes.data());
  CHECK(chunks[1].bytes.data() == b.chunks[0].bytes.data());
  CHECK(chunks[2].bytes.data() == a.chunks[1].bytes.data());
  CHECK(chunks[3].bytes.data() == b.chunks[1].bytes.data());
}

TEST_CASE("merging: the same chunk in several sources is kept once, as it is") {
  Parts parts;
  const auto& a = parts.add({samples_at(0, 10)});
  parts.add({samples_at(0, 10)});
  parts.add({samples_at(0, 10)});
  ChunkMerger merger({});
  const auto chunks = merged(merger, parts);
  REQUIRE(chunks.size() == 1);
  CHECK(chunks[0].bytes.data() == a.chunks[0].bytes.data());
}

TEST_CASE("merging: of samples of the same time the earlier source's stays") {
  Parts parts;
  parts.add({samples_at(5, 20, 1)});
  parts.add({samples_at(0, 30, 2, 5)});
  ChunkMerger merger({});
  const auto chunks = merged(merger, parts);
  REQUIRE(chunks.size() == 1);
  const auto samples = plain_samples(chunks[0]);
  CHECK(samples.size() == 20 + 30 - 15);
  for (const PlainSample& s : samples) {
    CAPTURE(s.t);
    CHECK(s.v == ((s.t - 5) % 10 == 0 && s.t >= 5 && s.t <= 195 ? 1 : 2));
  }
}

TEST_CASE("merging: what overlaps is cut into chunks of 120 samples") {
  Parts parts;
  parts.add({samples_at(0, 120), samples_at(1200, 120)});
  parts.add({samples_at(5, 240)});
  ChunkMerger merger({});
  const auto chunks = merged(merger, parts);
  REQUIRE(chunks.size() == 4);
  for (const ChunkToWrite& c : chunks) CHECK(plain_samples(c).size() == 120);
}

TEST_CASE("merging: a chunk that reaches over the range is cut there") {
  Parts parts;
  parts.add({samples_at(0, 100)});
  ChunkMerger merger({.range = {200, 599}});
  const auto chunks = merged(merger, parts);
  REQUIRE(chunks.size() == 1);
  CHECK(plain_samples(chunks[0]) == samples_at(200, 40));
  CHECK(chunks[0].mint == 200);
  CHECK(chunks[0].maxt == 590);
}

TEST_CASE("merging: deleted samples are gone, and only from the source that says so") {
  Parts parts;
  parts.add({samples_at(0, 10, 1)}, {{20, 49}, {0, 0}});
  parts.add({samples_at(0, 5, 2)});
  ChunkMerger merger({});
  const auto chunks = merged(merger, parts);
  REQUIRE(chunks.size() == 1);
  const std::vector<PlainSample> want = {{0, 2},  {10, 1}, {20, 2}, {30, 2}, {40, 2},
                                         {50, 1}, {60, 1}, {70, 1}, {80, 1}, {90, 1}};
  CHECK(plain_samples(chunks[0]) == want);
}

TEST_CASE("merging: a series whose samples are all deleted comes to nothing") {
  Parts parts;
  parts.add({samples_at(0, 10), samples_at(100, 10)}, {{-5, 45}, {46, 300}});
  ChunkMerger merger({});
  CHECK(merged(merger, parts).empty());
}

TEST_CASE("merging: small neighbours are joined to as few chunks as 120 samples allow") {
  const struct {
    std::vector<std::size_t> counts;
    std::vector<std::size_t> want;
  } rows[] = {
      {{75, 120, 120, 120, 45}, {120, 120, 120, 120}},
      {{120, 120}, {120, 120}},
      {{60, 60, 1}, {61, 60}},
      {{200, 1}, {200, 1}},
      {{1, 1, 1, 1}, {4}},
      {{119}, {119}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.counts.size());
    Parts parts;
    std::vector<std::vector<PlainSample>> chunks;
    std::vector<PlainSample> all;
    Timestamp t = 0;
    for (const std::size_t n : row.counts) {
      chunks.push_back(samples_at(t, n, static_cast<double>(n)));
      all.insert(all.end(), chunks.back().begin(), chunks.back().end());
      t += static_cast<Timestamp>(n) * 10;
    }
    parts.add(chunks);
    ChunkMerger merger({.join_small_chunks = true});
    std::vector<std::size_t> counts;
    std::vector<PlainSample> got;
    for (const ChunkToWrite& c : merged(merger, parts)) {
      const auto samples = plain_samples(c);
      counts.push_back(samples.size());
      got.insert(got.end(), samples.begin(), samples.end());
    }
    CHECK(counts == row.want);
    CHECK(got == all);
  }
}

TEST_CASE("merging: start timestamps are kept by what is encoded anew") {
  ChunkBuilder builder({.xor2_floats = true});
  for (Timestamp t = 0; t < 50; ++t) builder.append(t * 10, t * 10 - 5, static_cast<double>(t));
  builder.finish();
  const auto built = builder.take_finished();
  REQUIRE(built.size() == 1);
  Parts parts;
  parts.add({samples_at(3, 20)});
  SourceSeries with_start;
  with_start.chunks.push_back({built[0].range.mint, built[0].range.maxt, built[0].encoding, built[0].bytes});
  auto list = parts.list();
  list.push_back(&with_start);
  ChunkMerger merger({});
  const auto chunks = merger.merge(list);
  REQUIRE_MESSAGE(chunks, why(chunks));
  REQUIRE(chunks->size() == 1);
  ChunkSamples samples;
  REQUIRE(decode_samples((*chunks)[0].encoding, (*chunks)[0].bytes, samples));
  REQUIRE(samples.size() == 70);
  REQUIRE(samples.st.size() == 70);
  for (std::size_t i = 0; i < 70; ++i) {
    CAPTURE(samples.t[i]);
    CHECK(samples.st[i] == (samples.t[i] % 10 == 0 ? samples.t[i] - 5 : 0));
  }
}

TEST_CASE("merging: histograms of two sources are merged by time, without claims about resets") {
  const auto encoded = [](Timestamp from, std::uint64_t count) {
    ChunkBuilder builder({});
    for (std::uint64_t i = 0; i < 10; ++i) {
      Histogram h;
      h.schema = 1;
      h.count = count + i;
      h.sum = static_cast<double>(count + i);
      h.positive_spans = {{0, 1}};
      h.positive_deltas = {static_cast<std::int64_t>(count + i)};
      builder.append(from + static_cast<Timestamp>(i) * 10, 0, h);
    }
    builder.finish();
    return builder.take_finished();
  };
  const auto a = encoded(0, 100);
  const auto b = encoded(5, 1000);
  SourceSeries parts[2];
  parts[0].chunks.push_back({a[0].range.mint, a[0].range.maxt, a[0].encoding, a[0].bytes});
  parts[1].chunks.push_back({b[0].range.mint, b[0].range.maxt, b[0].encoding, b[0].bytes});
  const SourceSeries* list[] = {&parts[0], &parts[1]};
  ChunkMerger merger({});
  const auto chunks = merger.merge(list);
  REQUIRE_MESSAGE(chunks, why(chunks));
  // Up to 1,000, down to 101, and so on: each way down begins a chunk.
  CHECK(chunks->size() == 10);
  std::size_t seen = 0;
  for (const ChunkToWrite& chunk : *chunks) {
    ChunkSamples samples;
    REQUIRE(decode_samples(chunk.encoding, chunk.bytes, samples));
    REQUIRE(samples.kind == SampleKind::histograms);
    for (std::size_t i = 0; i < samples.size(); ++i, ++seen) {
      CHECK(samples.t[i] == static_cast<Timestamp>(seen) * 5);
      CHECK(samples.histograms[i].count == (seen % 2 == 0 ? 100 : 1000) + seen / 2);
    }
  }
  CHECK(seen == 20);
}

TEST_CASE("merging: damaged bytes are reported where they must be decoded") {
  Parts parts;
  parts.add({samples_at(0, 10)});
  SourceSeries& bad = parts.add({samples_at(5, 10)});
  bad.chunks[0].bytes = bad.chunks[0].bytes.first(8);
  ChunkMerger merger({});
  const auto list = parts.list();
  const auto chunks = merger.merge(list);
  REQUIRE(!chunks);
  CHECK(chunks.error().code == Code::corruption);
}

}  // namespace
}  // namespace narthex::tsdb

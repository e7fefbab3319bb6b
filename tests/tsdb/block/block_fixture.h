// What the block tests share: series as plain values, blocks made of them, and reading back.
#pragma once

#include <doctest/doctest.h>

#include "tests/tsdb/why.h"

#include <map>
#include <string>
#include <vector>

#include "tsdb/block/block.h"
#include "tsdb/block/block_writer.h"
#include "tsdb/chunk/xor_chunk.h"

namespace narthex::tsdb {

struct PlainSample {
  Timestamp t;
  double v;
  bool operator==(const PlainSample&) const = default;
};
using PlainSeries = std::map<Labels, std::vector<PlainSample>>;

inline std::vector<std::byte> encode_chunk(std::span<const PlainSample> samples) {
  XorState state;
  std::vector<std::byte> bytes(kXorHeaderBytes + samples.size() * kXorMaxSampleBytes + kXorMaxSampleBytes);
  for (const PlainSample& s : samples) xor_append(state, bytes.data(), s.t, s.v);
  bytes.resize(state.size_bytes());
  return bytes;
}

/// Writes all series, `chunk_samples` samples a chunk.
inline Result<BlockMeta> write_block(io::FileSystem& fs, const std::string& dir, const PlainSeries& series,
                                     BlockMeta meta, std::size_t chunk_samples = 120) {
  std::vector<std::string> symbols;
  for (const auto& [labels, samples] : series) {
    for (const LabelView label : labels) {
      symbols.emplace_back(label.name);
      symbols.emplace_back(label.value);
    }
  }
  auto writer = BlockWriter::create(fs, dir, std::move(meta), std::move(symbols));
  if (!writer) return pass(writer);
  for (const auto& [labels, samples] : series) {
    std::vector<std::vector<std::byte>> bytes;
    std::vector<ChunkToWrite> chunks;
    const std::span<const PlainSample> all = samples;
    for (std::size_t at = 0; at < all.size(); at += chunk_samples) {
      const auto part = all.subspan(at, std::min(chunk_samples, all.size() - at));
      bytes.push_back(encode_chunk(part));
      chunks.push_back({part.front().t, part.back().t, kXorEncoding, {}});
    }
    for (std::size_t i = 0; i < chunks.size(); ++i) chunks[i].bytes = bytes[i];
    if (auto added = (*writer)->add_series(labels, chunks); !added) return pass(added);
  }
  return (*writer)->finish();
}

inline Matcher matcher(MatchOp op, const std::string& name, const std::string& value) {
  auto made = Matcher::make(op, name, value);
  REQUIRE_MESSAGE(made, why(made));
  return *std::move(made);
}

inline std::shared_ptr<Block> open_block(io::FileSystem& fs, const std::string& dir) {
  auto block = Block::open(fs, dir);
  REQUIRE_MESSAGE(block, why(block));
  return *std::move(block);
}

/// Everything that a selection gives, in the order in which it comes.
inline Result<std::vector<std::pair<Labels, std::vector<PlainSample>>>> select(
    const Block& block, TimeRange range, std::span<const Matcher> matchers, std::size_t limit = 0) {
  auto querier = block.querier(range);
  if (!querier) return pass(querier);
  LabelPool pool;
  auto set = (*querier)->select(range, matchers, pool, {.sorted = true, .limit = limit});
  if (!set) return pass(set);
  std::vector<std::pair<Labels, std::vector<PlainSample>>> out;
  for (std::size_t i = 0; i < (*set)->size(); ++i) {
    storage::SampleColumns columns;
    if (auto read = (*set)->samples(i, range, columns); !read) return pass(read);
    auto& [labels, samples] = out.emplace_back();
    labels = pool.labels((*set)->labels(i));
    for (std::size_t k = 0; k < columns.t.size(); ++k) samples.push_back({columns.t[k], columns.v[k]});
  }
  return out;
}

inline PlainSeries read_block(const Block& block) {
  auto all = select(block, {}, {});
  REQUIRE_MESSAGE(all, why(all));
  return {all->begin(), all->end()};
}

/// Made-up metrics: several jobs and instances, one label that only some have.
inline PlainSeries make_series(int instances, int samples, Timestamp start = 1'700'000'000'000) {
  PlainSeries series;
  for (int i = 0; i < instances; ++i) {
    for (const char* name : {"up", "http_requests_total", "node_load1"}) {
      LabelsBuilder labels;
      labels.set("__name__", name);
      labels.set("instance", "host-" + std::to_string(i) + ":9100");
      labels.set("job", i % 3 == 0 ? "node" : i % 3 == 1 ? "api" : "db");
      if (i % 4 == 0) labels.set("zone", "eu-" + std::to_string(i % 5));
      auto& out = series[labels.labels()];
      for (int k = 0; k < samples; ++k)
        out.push_back(
            {start + 15'000LL * k + i, static_cast<double>(i * 1000 + k) / (name[0] == 'n' ? 7 : 1)});
    }
  }
  return series;
}

inline BlockMeta make_meta(Timestamp mint, Timestamp maxt,
                           const std::string& ulid = "01HF4YRXG0ABCDEFGHJKMNPQRS") {
  BlockMeta meta;
  meta.ulid = ulid;
  meta.mint = mint;
  meta.maxt = maxt;
  meta.sources = {ulid};
  return meta;
}

}  // namespace narthex::tsdb

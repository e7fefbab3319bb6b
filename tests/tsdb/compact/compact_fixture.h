// What the compaction tests share: sources made of plain values, and what a merge should give.
#pragma once

#include <algorithm>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "tests/tsdb/block/block_fixture.h"
#include "tsdb/chunk/chunk_samples.h"
#include "tsdb/chunk/encoding.h"
#include "tsdb/compact/chunk_source.h"

namespace narthex::tsdb {

struct PlainSourceSeries {
  std::vector<std::vector<PlainSample>> chunks;  ///< any order in time
  std::vector<TimeRange> deleted;
};
using PlainSource = std::map<Labels, PlainSourceSeries>;

/// A source over values; its bytes die with each call, as the contract allows.
class ValueSource final : public ChunkSource {
 public:
  explicit ValueSource(PlainSource series) : series_(std::move(series)), at_(series_.begin()) {}

  Result<void> symbols(std::vector<std::string>& out) override {
    for (const auto& [labels, series] : series_) {
      for (const LabelView label : labels) {
        out.emplace_back(label.name);
        out.emplace_back(label.value);
      }
    }
    return {};
  }
  Result<bool> next(SourceSeries& out) override {
    if (at_ == series_.end()) return false;
    out.clear();
    bytes_.clear();
    out.labels = at_->first;
    for (const auto& chunk : at_->second.chunks) {
      bytes_.push_back(encode_chunk(chunk));
      out.chunks.push_back({chunk.front().t, chunk.back().t, kXorEncoding, bytes_.back()});
    }
    std::ranges::sort(out.chunks, {}, &ChunkToWrite::mint);
    out.deleted = at_->second.deleted;
    ++at_;
    return true;
  }

 private:
  PlainSource series_;
  PlainSource::const_iterator at_;
  std::vector<std::vector<std::byte>> bytes_;
};

/// What sources in order of precedence come to inside `range`.
inline PlainSeries merge_plainly(const std::vector<PlainSource>& sources, TimeRange range) {
  std::map<Labels, std::map<Timestamp, double>> merged;
  for (const PlainSource& source : sources) {
    for (const auto& [labels, series] : source) {
      for (const auto& chunk : series.chunks) {
        for (const PlainSample& s : chunk) {
          const bool gone =
              std::ranges::any_of(series.deleted, [&](const TimeRange& d) { return d.contains(s.t); });
          if (!gone && range.contains(s.t)) merged[labels].emplace(s.t, s.v);
        }
      }
    }
  }
  PlainSeries out;
  for (const auto& [labels, samples] : merged) {
    for (const auto& [t, v] : samples) out[labels].push_back({t, v});
  }
  return out;
}

inline std::vector<PlainSample> plain_samples(const ChunkToWrite& chunk) {
  ChunkSamples samples;
  auto decoded = decode_samples(chunk.encoding, chunk.bytes, samples);
  REQUIRE_MESSAGE(decoded, why(decoded));
  REQUIRE(samples.kind == SampleKind::floats);
  std::vector<PlainSample> out;
  for (std::size_t i = 0; i < samples.size(); ++i) out.push_back({samples.t[i], samples.v[i]});
  return out;
}

/// A few series, in chunks of random lengths that sometimes overlap, with random deletions.
inline PlainSource make_source(std::mt19937& random, Timestamp begin, Timestamp end, bool overlapping) {
  const auto below = [&random](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };
  PlainSource source;
  // Chunks of one source that overlap agree: which of them comes first is nobody's promise.
  const auto salt = static_cast<double>(below(1000));
  for (int s = 0; s < 8; ++s) {
    if (below(4) == 0) continue;
    auto& series = source[Labels{{"__name__", "m"}, {"s", std::to_string(s)}}];
    for (Timestamp t = begin + below(50); t < end;) {
      auto& chunk = series.chunks.emplace_back();
      for (std::int64_t left = 1 + below(140); left > 0 && t < end; --left, t += 1 + below(20))
        chunk.push_back({t, static_cast<double>(t % 97) + salt});
      if (overlapping && below(3) == 0) t = std::max(begin, t - below(300));
    }
    for (std::int64_t d = below(3); d > 0; --d) {
      const Timestamp from = begin + below(static_cast<std::uint64_t>(end - begin));
      series.deleted.push_back({from, from + below(400)});
    }
  }
  return source;
}

}  // namespace narthex::tsdb

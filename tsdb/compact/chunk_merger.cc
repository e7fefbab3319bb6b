#include "tsdb/compact/chunk_merger.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "tsdb/chunk/encoding.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kSamplesPerChunk = 120;

bool is_float_encoding(std::uint8_t encoding) {
  const auto e = static_cast<ChunkEncoding>(encoding);
  return e == ChunkEncoding::xor_floats || e == ChunkEncoding::xor2_floats;
}

bool is_deleted(std::span<const TimeRange> deleted, Timestamp t) {
  return std::ranges::any_of(deleted, [t](const TimeRange& d) { return d.contains(t); });
}

/// Keeps the samples for which `keep(i)` holds.
template <class Keep>
void filter(ChunkSamples& samples, Keep keep) {
  std::size_t kept = 0;
  const auto move_down = [&kept](auto& column, std::size_t i) {
    if (i < column.size() && i != kept) column[kept] = std::move(column[i]);
  };
  const std::size_t count = samples.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (!keep(i)) continue;
    move_down(samples.t, i);
    move_down(samples.st, i);
    move_down(samples.v, i);
    move_down(samples.histograms, i);
    move_down(samples.float_histograms, i);
    ++kept;
  }
  const auto cut = [kept](auto& column) {
    if (column.size() > kept) column.resize(kept);
  };
  cut(samples.t);
  cut(samples.st);
  cut(samples.v);
  cut(samples.histograms);
  cut(samples.float_histograms);
}

/// Behind a sample of another chunk nobody knows whether a counter was reset.
void forget_reset_hint(ChunkSamples& samples, std::size_t i) {
  const auto forget = [i](auto& histograms) {
    if (i >= histograms.size()) return;
    CounterResetHint& hint = histograms[i].hint;
    if (hint != CounterResetHint::gauge) hint = CounterResetHint::unknown;
  };
  forget(samples.histograms);
  forget(samples.float_histograms);
}

}  // namespace

Result<std::span<const ChunkToWrite>> ChunkMerger::merge(std::span<const SourceSeries* const> parts) {
  pieces_.clear();
  out_.clear();
  built_.clear();
  for (std::size_t i = 0; i < parts.size(); ++i) collect(*parts[i], static_cast<std::uint32_t>(i));
  std::ranges::sort(pieces_, [](const Piece& a, const Piece& b) {
    if (a.chunk.mint != b.chunk.mint) return a.chunk.mint < b.chunk.mint;
    if (a.chunk.maxt != b.chunk.maxt) return a.chunk.maxt < b.chunk.maxt;
    return a.source < b.source;
  });
  for (std::size_t begin = 0; begin < pieces_.size();) {
    const std::size_t end = overlap_end(begin);
    const auto overlapping = std::span(pieces_).subspan(begin, end - begin);
    if (are_one_chunk(overlapping)) {
      out_.push_back(overlapping.front().chunk);
    } else if (auto encoded = encode_anew(overlapping); !encoded) {
      return pass(encoded);
    }
    begin = end;
  }
  if (options_.join_small_chunks) {
    if (auto joined = join(); !joined) return pass(joined);
  }
  return std::span<const ChunkToWrite>(out_);
}

void ChunkMerger::collect(const SourceSeries& part, std::uint32_t source) {
  const TimeRange& range = options_.range;
  for (const ChunkToWrite& chunk : part.chunks) {
    const TimeRange own{chunk.mint, chunk.maxt};
    if (!own.overlaps(range)) continue;
    Piece piece{chunk, {}, source, true};
    piece.chunk.mint = std::max(own.mint, range.mint);
    piece.chunk.maxt = std::min(own.maxt, range.maxt);
    if (std::ranges::any_of(part.deleted, [&](const TimeRange& d) { return d.overlaps(own); }))
      piece.deleted = part.deleted;
    piece.whole = piece.deleted.empty() && piece.chunk.mint == own.mint && piece.chunk.maxt == own.maxt;
    pieces_.push_back(piece);
  }
}

std::size_t ChunkMerger::overlap_end(std::size_t begin) const {
  Timestamp maxt = pieces_[begin].chunk.maxt;
  std::size_t end = begin + 1;
  for (; end < pieces_.size() && pieces_[end].chunk.mint <= maxt; ++end)
    maxt = std::max(maxt, pieces_[end].chunk.maxt);
  return end;
}

bool ChunkMerger::are_one_chunk(std::span<const Piece> pieces) const {
  const ChunkToWrite& first = pieces.front().chunk;
  return std::ranges::all_of(pieces, [&](const Piece& p) {
    return p.whole && p.chunk.mint == first.mint && p.chunk.maxt == first.maxt &&
           p.chunk.encoding == first.encoding && std::ranges::equal(p.chunk.bytes, first.bytes);
  });
}

Result<void> ChunkMerger::encode_anew(std::span<const Piece> pieces) {
  if (decoded_.size() < pieces.size()) decoded_.resize(pieces.size());
  // The earlier source first, which is what decides between samples of the same time.
  std::vector<const Piece*> by_source;
  by_source.reserve(pieces.size());
  for (const Piece& piece : pieces) by_source.push_back(&piece);
  std::ranges::sort(by_source, [](const Piece* a, const Piece* b) {
    return a->source != b->source ? a->source < b->source : a < b;
  });
  for (std::size_t i = 0; i < by_source.size(); ++i) {
    if (auto decoded = decode(*by_source[i], decoded_[i]); !decoded) return decoded;
  }
  write_merged(pieces.size());
  return {};
}

Result<void> ChunkMerger::decode(const Piece& piece, ChunkSamples& out) const {
  if (auto decoded = decode_samples(piece.chunk.encoding, piece.chunk.bytes, out); !decoded) return decoded;
  if (piece.whole) return {};
  filter(out, [&](std::size_t i) {
    return options_.range.contains(out.t[i]) && !is_deleted(piece.deleted, out.t[i]);
  });
  return {};
}

/// Merges the first `count` of decoded_.
void ChunkMerger::write_merged(std::size_t count) {
  const std::span<ChunkSamples> all(decoded_.data(), count);
  ChunkBuilderOptions how;
  how.xor2_floats = options_.xor2_floats;
  for (const ChunkSamples& samples : all) {
    if (samples.st.empty()) continue;
    (samples.kind == SampleKind::floats ? how.xor2_floats : how.histograms_with_start) = true;
  }
  ChunkBuilder builder(how);
  std::vector<std::size_t> next(count);
  std::size_t last = count;
  for (;;) {
    std::size_t best = count;
    for (std::size_t i = 0; i < count; ++i) {
      if (next[i] == all[i].size()) continue;
      if (best == count || all[i].t[next[i]] < all[best].t[next[best]]) best = i;
    }
    if (best == count) break;
    const Timestamp t = all[best].t[next[best]];
    if (best != last) forget_reset_hint(all[best], next[best]);
    builder.append(all[best], next[best]);
    last = best;
    for (std::size_t i = 0; i < count; ++i) {
      while (next[i] < all[i].size() && all[i].t[next[i]] == t) ++next[i];
    }
  }
  builder.finish();
  take(builder.take_finished());
}

void ChunkMerger::take(std::vector<BuiltChunk> built) {
  for (BuiltChunk& chunk : built) {
    // Its bytes stay where they are when the vector of chunks grows: they are on the heap.
    const BuiltChunk& kept = built_.emplace_back(std::move(chunk));
    out_.push_back({kept.range.mint, kept.range.maxt, kept.encoding, kept.bytes});
  }
}

Result<void> ChunkMerger::join() {
  joined_.swap(out_);
  out_.clear();
  const std::span<const ChunkToWrite> all(joined_);
  for (std::size_t begin = 0; begin < all.size();) {
    std::size_t end = begin;
    std::uint64_t samples = 0;
    for (; end < all.size() && all[end].encoding == all[begin].encoding; ++end)
      samples += count_chunk_samples(all[end].encoding, all[end].bytes);
    const auto run = all.subspan(begin, end - begin);
    begin = end;
    const auto pieces = static_cast<std::size_t>((samples + kSamplesPerChunk - 1) / kSamplesPerChunk);
    if (!is_float_encoding(run.front().encoding) || pieces >= run.size()) {
      out_.insert(out_.end(), run.begin(), run.end());
    } else if (auto joined = join_run(run, pieces, samples); !joined) {
      return joined;
    }
  }
  return {};
}

Result<void> ChunkMerger::join_run(std::span<const ChunkToWrite> run, std::size_t pieces,
                                   std::uint64_t samples) {
  ChunkBuilderOptions how;
  how.xor2_floats = static_cast<ChunkEncoding>(run.front().encoding) == ChunkEncoding::xor2_floats;
  // Alike in length, so that 121 samples do not leave a chunk of one.
  how.samples_per_chunk = static_cast<std::size_t>((samples + pieces - 1) / pieces);
  ChunkBuilder builder(how);
  if (decoded_.empty()) decoded_.emplace_back();
  ChunkSamples& one = decoded_.front();
  for (const ChunkToWrite& chunk : run) {
    if (auto decoded = decode_samples(chunk.encoding, chunk.bytes, one); !decoded) return decoded;
    for (std::size_t i = 0; i < one.size(); ++i) builder.append(one, i);
  }
  builder.finish();
  take(builder.take_finished());
  return {};
}

}  // namespace narthex::tsdb

#include "tsdb/head/ooo_replay.h"

#include <algorithm>
#include <utility>

#include "tsdb/chunk/chunk_samples.h"

namespace narthex::tsdb {
namespace {

/// Takes out samples that the chunk holds.
void erase_held(std::vector<OooSample>& samples, const OooChunk& chunk, const HeadChunkFiles* files) {
  const auto lies_inside = [&](const OooSample& s) { return chunk.range.contains(s.t); };
  if (files == nullptr || std::ranges::none_of(samples, lies_inside)) return;
  const auto read = files->read(chunk.place);
  ChunkSamples held;
  if (!read || !decode_samples(read->chunk.encoding, read->chunk.bytes, held)) return;
  std::erase_if(samples, [&](const OooSample& s) { return std::ranges::binary_search(held.t, s.t); });
}

}  // namespace

void OooReplay::name(WalRef ref, std::uint32_t ordinal, OooStore& store) {
  const auto at = loaded_.find(ref);
  if (at == loaded_.end()) return;
  for (const Loaded& chunk : at->second) store.add_mapped(ordinal, chunk.range, chunk.place);
  loaded_.erase(at);
}

void OooReplay::mark(std::uint32_t ordinal, HeadChunkPlace place, OooStore& store,
                     const HeadChunkFiles* files) {
  OooSeries* series = store.find(ordinal);
  if (series == nullptr) return;
  const auto chunk = std::ranges::find(series->chunks, place, &OooChunk::place);
  if (chunk == series->chunks.end()) return;
  chunk->marked = true;
  const auto pending = pending_.find(ordinal);
  if (pending != pending_.end()) erase_held(pending->second, *chunk, files);
}

void OooReplay::finish(OooStore& store, const HeadChunkFiles* files, LateLog log) {
  if (log == LateLog::whole) store.drop_unmarked();
  for (auto& [ordinal, samples] : pending_) {
    if (const OooSeries* series = store.find(ordinal)) {
      for (const OooChunk& chunk : series->chunks) erase_held(samples, chunk, files);
    }
    if (samples.empty()) continue;
    sort_samples(samples);
    OooSeries& series = store.acquire(ordinal);
    for (OooSample& sample : samples) {
      if (series.open.size() >= OooStore::kMostOpen) store.close(series);
      series.open.push_back(std::move(sample));
    }
  }
  pending_.clear();
  loaded_.clear();
}

}  // namespace narthex::tsdb

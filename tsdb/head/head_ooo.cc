// What the head does with late samples beside accepting and showing them: replay, and becoming blocks.
#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <utility>

#include "tsdb/head/head.h"
#include "tsdb/head/head_replay.h"
#include "tsdb/head/ooo_chunk_source.h"

namespace narthex::tsdb {

void Head::set_out_of_order_window(DurationMs window) {
  window = std::max<DurationMs>(window, 0);
  state_.ooo_window.store(window, std::memory_order_relaxed);
  state_.exemplars.set_out_of_order_window(window);
}

void Head::start_out_of_order_log(Wal& log) {
  const ShardTurns turns(state_, kAllShards);
  state_.ooo_log = &log;
}

// ---- Replay

std::size_t Head::replay_out_of_order(std::span<const SampleRecord> samples,
                                      std::span<const Timestamp> starts) {
  std::size_t unknown = 0;
  const bool has_starts = state_.options.st_storage && !starts.empty();
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const SampleRecord& sample = samples[i];
    const Ordinal o = replay_->refs.find(sample.ref);
    if (o == kNoNumber) {
      ++unknown;
      state_.skip_ref(sample.ref);
      continue;
    }
    replay_->ooo.add_sample(
        o, {.t = sample.t, .st = has_starts ? starts[i] : 0, .v = sample.v, .histogram = {}});
  }
  state_.metrics.count_unknown_ooo_refs(unknown, "samples");
  return unknown;
}

std::size_t Head::replay_out_of_order(std::vector<HistogramRecord> histograms) {
  std::size_t unknown = 0;
  const bool has_starts = state_.options.encodings.histograms_with_start;
  for (HistogramRecord& h : histograms) {
    const Ordinal o = replay_->refs.find(h.ref);
    if (o == kNoNumber) {
      ++unknown;
      state_.skip_ref(h.ref);
      continue;
    }
    auto value = std::make_shared<const AnyHistogram>(std::move(h.value));
    replay_->ooo.add_sample(o,
                            {.t = h.t, .st = has_starts ? h.st : 0, .v = 0, .histogram = std::move(value)});
  }
  state_.metrics.count_unknown_ooo_refs(unknown, "histograms");
  return unknown;
}

std::size_t Head::replay_markers(std::span<const MmapMarkerRecord> markers) {
  settle_chunks();
  std::size_t unknown = 0;
  const sync::MutexLock lock(state_.ooo_mutex);
  for (const MmapMarkerRecord& marker : markers) {
    const Ordinal o = replay_->refs.find(marker.ref);
    if (o == kNoNumber) {
      ++unknown;
      continue;
    }
    const HeadChunkPlace place{static_cast<std::uint32_t>(marker.chunk >> 32),
                               static_cast<std::uint32_t>(marker.chunk)};
    replay_->ooo.mark(o, place, state_.ooo, state_.chunk_files);
  }
  state_.metrics.count_unknown_ooo_refs(unknown, "mmap_markers");
  return unknown;
}

void Head::finish_out_of_order_replay(LateLog log) {
  const sync::MutexLock lock(state_.ooo_mutex);
  replay_->ooo.finish(state_.ooo, state_.chunk_files, log);
  state_.metrics.count_chunks_created(state_.ooo.count_chunks());
  if (const auto range = state_.ooo.range()) state_.widen_out_of_order(range->mint, range->maxt);
}

// ---- Blocks

Result<Head::OooBoundary> Head::close_out_of_order() {
  OooBoundary boundary;
  const ShardTurns turns(state_, kAllShards);
  if (state_.ooo_log != nullptr) {
    auto cut = state_.ooo_log->cut_segment();
    if (!cut) return pass(cut);
    boundary.segment = *cut;
  }
  const sync::MutexLock lock(state_.ooo_mutex);
  state_.ooo.close_all();
  boundary.chunk = state_.ooo.next_number();
  return boundary;
}

std::shared_ptr<const OooSnapshot> Head::out_of_order_snapshot(const OooBoundary& boundary) {
  return take_ooo_snapshot(state_, boundary.chunk);
}

std::unique_ptr<ChunkSource> Head::out_of_order_source(std::shared_ptr<const OooSnapshot> snapshot,
                                                       TimeRange range) {
  return std::make_unique<OooChunkSource>(state_, std::move(snapshot), range);
}

Result<void> Head::move_out_of_order_chunks() {
  HeadChunkFiles& files = *state_.chunk_files;
  boost::unordered_flat_map<Ordinal, WalRef> refs;
  {
    const sync::MutexLock lock(state_.ooo_mutex);
    for (const auto& [o, series] : state_.ooo) refs.emplace(o, 0);
  }
  for (auto& [o, ref] : refs) {
    const HeadShard& shard = state_.shard(o);
    const sync::MutexLock lock(shard.mutex);
    ref = shard.refs[o];
  }
  const sync::MutexLock lock(state_.ooo_mutex);
  for (auto& [o, series] : state_.ooo) {
    for (OooChunk& c : series.chunks) {
      if (!c.is_mapped()) continue;
      auto read = files.read(c.place);
      if (!read) return pass(read);
      HeadChunk chunk = read->chunk;
      chunk.series = refs.at(o);
      auto places = files.append({&chunk, 1});
      if (!places) return pass(places);
      c.place = places->front();
    }
  }
  return {};
}

}  // namespace narthex::tsdb

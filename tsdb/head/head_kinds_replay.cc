// Replay of what the log holds beside plain floats.
#include <algorithm>
#include <memory>
#include <utility>

#include "model/value.h"
#include "tsdb/head/head_replay.h"

namespace narthex::tsdb {

std::size_t Head::replay_histograms(std::vector<HistogramRecord> histograms) {
  settle_chunks();
  std::size_t unknown = 0;
  const Timestamp min_valid = state_.min_valid.load(std::memory_order_relaxed);
  const bool any_mapped = !replay_->loaded.empty();
  for (HistogramRecord& h : histograms) {
    const Ordinal o = replay_->refs.find(h.ref);
    if (o == kNoNumber) {
      ++unknown;
      ++replay_->unnamed[h.ref].histograms;
      state_.skip_ref(h.ref);
      continue;
    }
    if (h.t < min_valid || h.t == kMinTime) continue;
    if (any_mapped && is_mapped(o, h.t, value_of(h.value))) continue;
    replay_->rows.hand_over_of(o);
    // Through the lanes, so that it stays between the floats before and behind it.
    replay_->lanes->add_histogram(o, std::make_unique<const HistogramRecord>(std::move(h)));
  }
  return unknown;
}

void Head::apply_replayed_histogram(const ReplayItem& item) {
  const std::unique_ptr<const HistogramRecord> record(item.histogram);
  const Ordinal o = item.ordinal;
  HeadShard& shard = state_.shard(o);
  HotSeries& s = shard.hot[o];
  if (item.t <= s.maxt()) return;
  Replay::Tally& tally = replay_->tallies[shard_of(o)];
  tally.chunks += shard.chunks.append(s, shard.full[o], item.t, record->st, record->value);
  tally.oldest = std::min(tally.oldest, item.t);
  tally.newest = std::max(tally.newest, item.t);
}

std::size_t Head::replay_exemplars(std::span<const ExemplarRecord> exemplars) {
  std::size_t unknown = 0;
  const bool kept = state_.exemplars.size() > 0;
  const Timestamp min_valid = state_.min_valid.load(std::memory_order_relaxed);
  for (const ExemplarRecord& e : exemplars) {
    if (e.t < min_valid) continue;
    const Ordinal o = replay_->refs.find(e.ref);
    if (o == kNoNumber) {
      ++unknown;
      ++replay_->unnamed[e.ref].exemplars;
      state_.skip_ref(e.ref);
      continue;
    }
    if (!kept) continue;
    Labels series;
    {
      const sync::MutexLock lock(state_.index_mutex);
      series = state_.index.labels(o);
    }
    state_.exemplars.add(series, {e.labels, e.v, e.t});
  }
  return unknown;
}

std::size_t Head::replay_metadata(std::span<const MetadataRecord> metadata) {
  std::size_t unknown = 0;
  for (const MetadataRecord& m : metadata) {
    const Ordinal o = replay_->refs.find(m.ref);
    if (o == kNoNumber) {
      ++unknown;
      ++replay_->unnamed[m.ref].metadata;
      state_.skip_ref(m.ref);
      continue;
    }
    HeadShard& shard = state_.shard(o);
    const sync::MutexLock lock(shard.mutex);
    shard.metadata.set(o, m.metadata);
  }
  return unknown;
}

}  // namespace narthex::tsdb

#include "tsdb/head/head_replay.h"

#include <algorithm>

#include "model/value.h"
#include "tsdb/head/head_appender.h"

namespace narthex::tsdb {

void Head::replay_series(const SeriesRecord& series) {
  if (static_cast<std::uint32_t>(series.ref) == 0) return;  // no writer makes such a one
  state_.skip_ref(series.ref);
  const sync::MutexLock index_lock(state_.index_mutex);
  const auto acquired = state_.index.acquire(series.labels);
  if (!acquired) return;
  replay_->refs.set(series.ref, acquired->ordinal);
  if (!acquired->created) {
    const sync::MutexLock shard_lock(state_.shard.mutex);
    if (state_.shard.refs[acquired->ordinal] != series.ref) replay_->gone.push_back(series.ref);
    return;
  }
  const sync::MutexLock shard_lock(state_.shard.mutex);
  state_.shard.add(acquired->ordinal, series.ref, stagger_of(series.labels));
  state_.index.publish(acquired->ordinal);
}

std::size_t Head::replay_samples(std::span<const SampleRecord> samples) {
  static constexpr std::size_t kChunkAhead = 8;
  std::size_t unknown = 0;
  Timestamp oldest = kMaxTime;
  Timestamp newest = kMinTime;
  std::uint64_t chunks = 0;
  const Timestamp min_valid = state_.min_valid.load(std::memory_order_relaxed);
  HeadShard& shard = state_.shard;
  const sync::MutexLock lock(shard.mutex);

  std::vector<Ordinal>& ordinals = replay_->ordinals;
  ordinals.clear();
  for (const SampleRecord& sample : samples) {
    const Ordinal o = replay_->refs.find(sample.ref);
    ordinals.push_back(o);
    if (o != kNoNumber) __builtin_prefetch(&shard.hot[o], 1);
  }
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (i + kChunkAhead < samples.size() && ordinals[i + kChunkAhead] != kNoNumber) {
      shard.chunks[ordinals[i + kChunkAhead]].prefetch(shard.hot[ordinals[i + kChunkAhead]]);
    }
    const SampleRecord& sample = samples[i];
    const Ordinal o = ordinals[i];
    if (o == kNoNumber) [[unlikely]] {
      ++unknown;
      state_.skip_ref(sample.ref);
      continue;
    }
    HotSeries& s = shard.hot[o];
    if (sample.t < min_valid || sample.t <= s.maxt()) continue;
    chunks += shard.chunks[o].append(s, shard.full[o], sample.t, sample.v);
    oldest = std::min(oldest, sample.t);
    newest = std::max(newest, sample.t);
  }
  if (oldest <= newest) state_.widen(oldest, newest);
  state_.metrics.count_chunks_created(chunks);
  state_.metrics.count_unknown_refs(unknown);
  return unknown;
}

bool Head::replay_deletion(WalRef ref, TimeRange range) {
  state_.skip_ref(ref);
  const Ordinal ordinal = replay_->refs.find(ref);
  if (ordinal == kNoNumber) return false;
  HeadShard& shard = state_.shard;
  if (range != TimeRange{}) {
    const sync::MutexLock lock(shard.mutex);
    shard.deleted[ordinal].push_back(range);
    return true;
  }
  const sync::MutexLock index_lock(state_.index_mutex);
  const sync::MutexLock lock(shard.mutex);
  shard.chunks[ordinal].drop_before(shard.hot[ordinal], shard.full[ordinal], kMaxTime);
  shard.refs[ordinal] = 0;
  shard.deleted.erase(ordinal);
  state_.index.forget(ordinal);
  // Its other names end with it.
  std::ranges::copy(replay_->refs.erase(ordinal), std::back_inserter(replay_->gone));
  return true;
}

std::vector<WalRef> Head::finish_replay() {
  std::vector<WalRef> gone = std::move(replay_->gone);
  replay_.reset();
  std::uint64_t series;
  {
    const sync::MutexLock lock(state_.index_mutex);
    state_.index.dictionary().optimize_postings();
    series = state_.index.all().cardinality();
  }
  state_.metrics.count_series_created(series);
  HeadShard& shard = state_.shard;
  const sync::MutexLock lock(shard.mutex);
  for (Ordinal o = 0; o < shard.hot.size(); ++o) {
    const HotSeries& s = shard.hot[o];
    shard.stale_series += shard.refs[o] != 0 && !s.empty() && is_stale_nan(s.enc.v);
  }
  return gone;
}

}  // namespace narthex::tsdb

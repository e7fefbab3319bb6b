#include "tsdb/head/head_replay.h"

#include <algorithm>

#include "model/value.h"
#include "tsdb/block/tombstones.h"
#include "tsdb/head/head_appender.h"

namespace narthex::tsdb {

Head::Replay::Replay(Head& of)
    : head(of),
      rows(arena, [this](const std::shared_ptr<const ReplayBlock>& block) { lanes->add_block(block); }) {
  use_threads(0);
}

Head::Replay::~Replay() {
  static_cast<void>(unmatched.close());
}

void Head::Replay::use_threads(std::size_t count) {
  threads = std::max<std::size_t>(count, 1);
  lanes.emplace(count, ReplayLanes::Apply{
                           .items = [this](std::span<const ReplayItem> items) { head.apply_replayed(items); },
                           .section = [this](const ReplayBlock& block,
                                             const ReplaySection& s) { head.apply_replayed(block, s); }});
}

void Head::Replay::drain() {
  rows.hand_over_all();
  lanes->drain();
}

void Head::Replay::forget_repeated() {
  rows.forget_all();
  repeated.forget_all();
}

void Head::replay_with_threads(std::size_t threads) {
  keep_directories();
  replay_->use_threads(threads);
}

/// Threads use the directories of pages while series are added: they must not move.
void Head::keep_directories() {
  static constexpr std::uint32_t kMostSeries = 1U << 28;
  for (HeadShard& shard : state_.shards) {
    const sync::MutexLock lock(shard.mutex);
    shard.refs.reserve(kMostSeries);
    shard.hot.reserve(kMostSeries);
    shard.full.reserve(kMostSeries);
  }
}

void Head::replay_series(const SeriesRecord& series) {
  if (static_cast<std::uint32_t>(series.ref) == 0) return;  // no writer makes such a one
  state_.skip_ref(series.ref);
  const Placement place = placement_of(series.labels);
  const sync::MutexLock index_lock(state_.index_mutex);
  const auto acquired = state_.index.acquire(series.labels, place.shard);
  if (!acquired) return;
  const Ordinal o = acquired->ordinal;
  const Ordinal before = replay_->refs.find(series.ref);
  const bool known = before == o;
  if (!known && before != kNoNumber) replay_->forget_repeated();
  replay_->refs.set(series.ref, o);
  HeadShard& shard = state_.shard(o);
  const sync::MutexLock shard_lock(shard.mutex);
  if (acquired->created) {
    shard.add(o, series.ref, place.stagger);
    state_.index.publish_soon(o);
  } else if (shard.refs[o] != series.ref && !known) {
    replay_->gone.push_back(series.ref);
  }
  if (known) return;
  if (replay_->loading.valid())
    replay_->unmatched.add({series.ref, o, acquired->created});
  else
    match_chunks(o, series.ref, acquired->created);
}

// hot: bench/restart_bench
std::size_t Head::replay_samples(std::span<const SampleRecord> samples, std::span<const Timestamp> starts) {
  settle_chunks();
  std::size_t unknown = 0;
  const Timestamp min_valid = state_.min_valid.load(std::memory_order_relaxed);
  const bool any_mapped = !replay_->loaded.empty();
  const bool any_rows = replay_->rows.any();
  RefTable::Cursor refs(replay_->refs);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const SampleRecord& sample = samples[i];
    const Ordinal o = refs.find(sample.ref);
    if (o == kNoNumber) [[unlikely]] {
      ++unknown;
      ++replay_->unnamed[sample.ref].samples;
      state_.skip_ref(sample.ref);
      continue;
    }
    // Most of a log ends here.
    if (any_mapped && replay_->cursors[o].covers(sample.t)) continue;
    if (sample.t < min_valid || sample.t == kMinTime) continue;
    if (any_mapped && is_mapped(o, sample.t, sample.v)) continue;
    if (any_rows) replay_->rows.hand_over_of(o);
    if (starts.empty() || starts[i] == 0)
      replay_->lanes->add_sample(o, sample.t, sample.v);
    else
      replay_->lanes->add_sample_with_start(o, starts[i], sample.t, sample.v);
  }
  return unknown;
}

void Head::apply_replayed(std::span<const ReplayItem> items) {
  static constexpr std::size_t kHotAhead = 16;
  static constexpr std::size_t kChunkAhead = 8;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i + kHotAhead < items.size()) {
      const Ordinal ahead = items[i + kHotAhead].ordinal;
      __builtin_prefetch(&state_.shard(ahead).hot[ahead], 1);
    }
    if (i + kChunkAhead < items.size()) {
      const Ordinal ahead = items[i + kChunkAhead].ordinal;
      const HeadShard& shard = state_.shard(ahead);
      shard.chunks.prefetch(shard.hot[ahead]);
    }
    const bool has_start = items[i].kind == ReplayItem::Kind::start;
    const Timestamp st = has_start ? items[i++].t : 0;
    const ReplayItem& item = items[i];
    const Ordinal o = item.ordinal;
    HeadShard& shard = state_.shard(o);
    if (item.kind == ReplayItem::Kind::histogram) [[unlikely]] {
      apply_replayed_histogram(item);
      continue;
    }
    HotSeries& s = shard.hot[o];
    if (item.t <= s.maxt()) continue;
    Replay::Tally& tally = replay_->tallies[shard_of(o)];
    SeriesChunks& chunks = shard.chunks;
    tally.chunks += has_start ? chunks.append_with_start(s, shard.full[o], item.t, st, item.v)
                              : chunks.append(s, shard.full[o], item.t, item.v);
    tally.oldest = std::min(tally.oldest, item.t);
    tally.newest = std::max(tally.newest, item.t);
  }
}

// hot: bench/restart_bench
void Head::apply_replayed(const ReplayBlock& block, const ReplaySection& section) {
  static constexpr std::size_t kHotAhead = 8;
  static constexpr std::size_t kChunkAhead = 4;
  static constexpr std::size_t kLine = 64 / sizeof(double);
  HeadShard& shard = state_.shards[section.shard];
  SeriesChunks& chunks = shard.chunks;
  // Beside, so that no sample waits for what the one before it has stored.
  Replay::Tally tally;
  const std::span<const ReplayColumns::Column> columns = block.columns->columns;
  for (std::size_t i = section.begin; i < section.end; ++i) {
    if (i + kHotAhead < section.end) __builtin_prefetch(&shard.hot[columns[i + kHotAhead].ordinal], 1);
    if (i + kChunkAhead < section.end) chunks.prefetch(shard.hot[columns[i + kChunkAhead].ordinal]);
    if (i % kLine == 0 && i + 2 * kLine < columns.size())
      for (const ReplayBlock::Row& row : block.rows) __builtin_prefetch(row.values.get() + i + 2 * kLine);
    const auto [o, later] = columns[i];
    HotSeries& s = shard.hot[o];
    FullChunks& full = shard.full[o];
    for (const ReplayBlock::Row& row : block.rows) {
      const Timestamp t = row.first + later;
      if (t <= s.maxt()) continue;
      tally.chunks += chunks.append(s, full, t, row.values[i]);
      tally.oldest = std::min(tally.oldest, t);
      tally.newest = std::max(tally.newest, t);
    }
  }
  replay_->tallies[section.shard].add(tally);
}

bool Head::replay_deletion(WalRef ref, TimeRange range) {
  settle_chunks();
  state_.skip_ref(ref);
  const Ordinal ordinal = replay_->refs.find(ref);
  if (ordinal == kNoNumber) return false;
  HeadShard& shard = state_.shard(ordinal);
  if (range != TimeRange{}) {
    const sync::MutexLock lock(shard.mutex);
    add_range(shard.deleted[ordinal], range);
    return true;
  }
  replay_->drain();
  replay_->forget_repeated();
  const sync::MutexLock index_lock(state_.index_mutex);
  const sync::MutexLock lock(shard.mutex);
  shard.chunks.drop_before(shard.hot[ordinal], shard.full[ordinal], kMaxTime);
  shard.refs[ordinal] = 0;
  shard.deleted.erase(ordinal);
  {
    const sync::MutexLock ooo_lock(state_.ooo_mutex);
    state_.ooo.forget(ordinal);
  }
  replay_->ooo.forget(ordinal);
  shard.metadata.forget(ordinal);
  state_.index.forget(ordinal);
  // Its other names end with it.
  std::ranges::copy(replay_->refs.erase(ordinal), std::back_inserter(replay_->gone));
  return true;
}

std::vector<WalRef> Head::unnamed_refs() const {
  std::vector<WalRef> refs;
  for (const auto& [ref, counts] : replay_->unnamed) refs.push_back(ref);
  std::ranges::sort(refs);
  return refs;
}

std::uint64_t Head::count_unnamed(WalRef ref) const {
  const auto at = replay_->unnamed.find(ref);
  if (at == replay_->unnamed.end()) return 0;
  const Replay::Unnamed& counts = at->second;
  return counts.samples + counts.histograms + counts.exemplars + counts.metadata;
}

bool Head::replay_again(WalRef ref) {
  const Ordinal o = replay_->refs.find(ref);
  if (o == kNoNumber) return false;
  replay_->drain();
  replay_->forget_repeated();
  replay_->unnamed.erase(ref);
  HeadShard& shard = state_.shard(o);
  HotSeries& s = shard.hot[o];
  if (s.empty()) return true;
  shard.chunks.drop_before(s, shard.full[o], kMaxTime);
  s = HotSeries::make(s.stagger);
  if (o < replay_->cursors.size()) replay_->cursors[o] = {};
  irregular_chunk_files_ = true;
  return true;
}

std::vector<WalRef> Head::finish_replay(LateLog late_log) {
  settle_chunks();
  replay_->drain();
  finish_out_of_order_replay(late_log);
  for (const auto& [ref, counts] : replay_->unnamed) {
    state_.metrics.count_unknown_refs(counts.samples, "samples");
    state_.metrics.count_unknown_refs(counts.histograms, "histograms");
    state_.metrics.count_unknown_refs(counts.exemplars, "exemplars");
    state_.metrics.count_unknown_refs(counts.metadata, "metadata");
  }
  std::uint64_t series;
  {
    const sync::MutexLock lock(state_.index_mutex);
    state_.index.complete_postings();
    state_.index.dictionary().optimize_postings();
    series = state_.index.all().cardinality();
  }
  state_.metrics.count_series_created(series);
  std::uint64_t chunks = 0;
  for (const Replay::Tally& tally : replay_->tallies) {
    if (tally.oldest <= tally.newest) state_.widen(tally.oldest, tally.newest);
    chunks += tally.chunks;
  }
  state_.metrics.count_chunks_created(chunks);
  for (HeadShard& shard : state_.shards) {
    for (std::size_t page = 0; page < shard.count_pages(); ++page) {
      const sync::MutexLock lock(shard.mutex);
      shard.for_each_of_page(page, [&](Ordinal o) NARTHEX_REQUIRES(shard.mutex) {
        HotSeries& s = shard.hot[o];
        if (s.count() == 0 && !s.empty()) complete_closed(o);
        shard.stale_series += !s.empty() && is_stale_nan(s.enc.v);
      });
    }
  }
  for (const WalRef name : replay_->gone) {
    const Ordinal o = replay_->refs.find(name);
    if (o == kNoNumber) continue;
    const HeadShard& shard = state_.shard(o);
    const sync::MutexLock lock(shard.mutex);
    other_names_.emplace_back(name, shard.refs[o]);
  }
  std::vector<WalRef> gone = std::move(replay_->gone);
  replay_.reset();
  return gone;
}

}  // namespace narthex::tsdb

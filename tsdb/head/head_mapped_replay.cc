// Chunks that lie in files when the head starts: whose they are, and which samples of the log
// they make redundant.
//
// Prometheus skips every sample up to the end of a series' last chunk in a file. Here a sample
// is skipped only if a chunk covers it: where the log shows one that is newer than all before it
// and lies in front of the next chunk, a chunk is missing. Those behind the gap are given up and
// come from the log, too, so that a lost file loses nothing.
#include <algorithm>
#include <deque>
#include <future>
#include <utility>
#include <vector>

#include "model/value.h"
#include "telemetry/log.h"
#include "tsdb/chunk/chunk_samples.h"
#include "tsdb/chunk/encoding.h"
#include "tsdb/head/head_replay.h"

namespace narthex::tsdb {
namespace {

/// MappedChunks rounds long spans up; the file knows.
TimeRange exact_range(const HeadChunkFiles& files, const MappedChunk& chunk) {
  static constexpr DurationMs kAlwaysExact = 2 * 3600 * 1000;
  if (chunk.range.maxt - chunk.range.mint <= kAlwaysExact) return chunk.range;
  const auto read = files.read(chunk.place);
  return read ? read->chunk.range : chunk.range;
}

bool is_known(std::uint8_t encoding) {
  const auto e = static_cast<ChunkEncoding>(encoding);
  return e == ChunkEncoding::xor_floats || e == ChunkEncoding::xor2_floats || is_histogram_encoding(encoding);
}

}  // namespace

void LoadedChunks::add(WalRef ref, const MappedChunk& chunk) {
  if (count_ % kPerPage == 0) pages_.push_back(reinterpret_cast<Node*>(arena_.take(kPerPage * sizeof(Node))));
  const std::uint32_t i = count_++;
  Node& n = node(i);
  n = {.mint = chunk.range.mint,
       .place = chunk.place,
       .span = static_cast<std::uint32_t>(chunk.range.maxt - chunk.range.mint),
       .next = i};
  if (const std::uint32_t last = last_.find(ref); last != kNoNumber) {
    n.next = node(last).next;
    node(last).next = i;
  }
  last_.set(ref, i);
}

Result<HeadChunkFiles::Loaded> Head::replay_chunk_files(const SnapshotState* snapshot) {
  const Timestamp min_valid = state_.min_valid.load(std::memory_order_relaxed);
  const HeadChunkPlace known = snapshot != nullptr ? snapshot->chunks_end() : HeadChunkPlace{};
  const bool all = snapshot == nullptr || snapshot->has_out_of_order;
  const auto on_chunk = [&](const HeadChunk& chunk, HeadChunkPlace place) {
    state_.skip_ref(chunk.series);
    const MappedChunk mapped{chunk.range, place};
    if (chunk.out_of_order && is_known(chunk.encoding)) {
      replay_->ooo.add_chunk(chunk.series, chunk.range, place);
      return;
    }
    if (place < known) return;
    // What blocks hold, and what only a later version can read, stays where it is.
    if (chunk.out_of_order || chunk.range.maxt < min_valid || !is_known(chunk.encoding)) return;
    if (MappedChunks::fits(mapped)) replay_->loaded.add(chunk.series, mapped);
  };
  return state_.chunk_files->load(on_chunk, all ? HeadChunkPlace{} : known);
}

void Head::replay_chunk_files_beside(std::function<void(Result<HeadChunkFiles::Loaded>)> on_loaded) {
  keep_directories();
  replay_->on_loaded = std::move(on_loaded);
  replay_->loading = std::async(std::launch::async, [this] {
    auto loaded = replay_chunk_files();
    match_chunks_beside();
    return loaded;
  });
}

void Head::match_chunks(Ordinal o, WalRef ref, bool is_new) {
  {
    const sync::MutexLock lock(state_.ooo_mutex);
    replay_->ooo.name(ref, o, state_.ooo);
  }
  if (replay_->loaded.empty()) return;
  if (is_new) {
    replay_->cursors.grow_to(o + 1);
    replay_->cursors[o] = {};
  }
  if (!replay_->loaded.has(ref)) return;
  // Threads may be at work in the same memory.
  if (is_new) {
    replay_->lanes->drain();
  } else {
    replay_->forget_repeated();
    replay_->drain();
  }
  if (!take_over_chunks(o, ref)) irregular_chunk_files_ = true;
}

void Head::match_chunks_beside() {
  for (;;) {
    const SeriesToMatch::Batch batch = replay_->unmatched.take();
    if (batch.empty()) return;
    name_late_chunks(batch);
    if (replay_->loaded.empty()) continue;
    grow_cursors(batch);
    if (!match_every(batch, 0, 1)) irregular_chunk_files_ = true;
  }
}

void Head::settle_chunks() {
  if (!replay_->loading.valid()) return;
  const std::deque<SeriesToMatch::Batch> left = replay_->unmatched.close();
  replay_->on_loaded(replay_->loading.get());
  for (const SeriesToMatch::Batch& batch : left) name_late_chunks(batch);
  if (replay_->loaded.empty()) return;
  for (const SeriesToMatch::Batch& batch : left) grow_cursors(batch);
  // Nothing but series was replayed yet, so the lanes have nothing to do. Shards have nothing in common.
  const std::size_t threads = std::clamp<std::size_t>(replay_->threads, 1, kShards);
  const auto match = [&](std::size_t first) NARTHEX_UNCHECKED {
    bool is_regular = true;
    for (const SeriesToMatch::Batch& batch : left)
      is_regular = match_every(batch, first, threads) && is_regular;
    return is_regular;
  };
  std::vector<std::future<bool>> others;
  for (std::size_t i = 1; i < threads; ++i) others.push_back(std::async(std::launch::async, match, i));
  bool is_regular = match(0);
  for (std::future<bool>& other : others) is_regular = other.get() && is_regular;
  if (!is_regular) irregular_chunk_files_ = true;
}

void Head::name_late_chunks(std::span<const UnmatchedSeries> series) {
  const sync::MutexLock lock(state_.ooo_mutex);
  for (const UnmatchedSeries& s : series) replay_->ooo.name(s.ref, s.ordinal, state_.ooo);
}

void Head::grow_cursors(std::span<const UnmatchedSeries> series) {
  for (const UnmatchedSeries& s : series) replay_->cursors.grow_to(s.ordinal + 1);
}

bool Head::match_every(std::span<const UnmatchedSeries> series, std::size_t first, std::size_t step) {
  bool is_regular = true;
  for (const UnmatchedSeries& s : series) {
    if (shard_of(s.ordinal) % step != first) continue;
    if (s.is_new) replay_->cursors[s.ordinal] = {};
    is_regular = take_over_chunks(s.ordinal, s.ref) && is_regular;
  }
  return is_regular;
}

bool Head::take_over_chunks(Ordinal o, WalRef ref) {
  HeadShard& shard = state_.shard(o);
  SeriesChunks& chunks = shard.chunks;
  HotSeries& series = shard.hot[o];
  FullChunks& full = shard.full[o];
  MappedCursor& cursor = replay_->cursors[o];
  Replay::Tally& tally = replay_->tallies[shard_of(o)];
  bool is_regular = true;
  std::size_t left = replay_->loaded.count(ref);
  replay_->loaded.for_each(ref, [&](const MappedChunk& chunk) NARTHEX_UNCHECKED {
    is_regular = chunks.take_over(series, full, chunk, --left);
    if (!is_regular) return false;
    ++cursor.count;
    cursor.has_value = false;
    tally.oldest = std::min(tally.oldest, std::max(chunk.range.mint, state_.min_valid.load()));
    tally.newest = std::max(tally.newest, chunk.range.maxt);
    ++tally.chunks;
    return true;
  });
  return is_regular;
}

double value_of(const AnyHistogram& value) {
  const double sum = std::visit([](const auto& h) { return h.sum; }, value);
  return is_stale_nan(sum) ? sum : 0;
}

bool Head::is_mapped(Ordinal o, Timestamp t, double v) {
  MappedCursor& c = replay_->cursors[o];
  if (t > c.maxt() && !find_chunk(o, t, c)) return false;
  if (t == c.maxt() && c.next == c.count && !c.has_value) {
    // Nothing newer has gone to the lane, so nobody else is at the series.
    state_.shard(o).hot[o].enc.v = v;
    c.has_value = true;
  }
  // Before the chunk at hand, too: one of the chunk's had come before it, so it was refused in its time.
  return true;
}

/// @param t  behind the chunk at hand
/// @return  whether a chunk behind it, or a snapshot, has the sample
bool Head::find_chunk(Ordinal o, Timestamp t, MappedCursor& c) {
  while (c.next < c.count) {
    // Looked for here, as most of what comes this way is behind the last chunk.
    const HeadShard& shard = state_.shard(o);
    const MappedChunk chunk = shard.chunks.mapped().at(shard.full[o].mapped, c.next);
    const TimeRange range = exact_range(*state_.chunk_files, chunk);
    if (t < range.mint) {
      if (o < replay_->restored_maxt.size() && t <= replay_->restored_maxt[o]) return true;
      give_up_chunks(o, c);
      break;
    }
    ++c.next;
    c.stand_at(range);
    if (t <= range.maxt) return true;
  }
  if (!c.has_value) c.has_value = true;
  return false;
}

/// Those behind the one at hand.
void Head::give_up_chunks(Ordinal o, MappedCursor& c) {
  replay_->drain();
  HeadShard& shard = state_.shard(o);
  SeriesChunks& chunks = shard.chunks;
  FullChunks& full = shard.full[o];
  chunks.drop_mapped_from(shard.hot[o], full, c.next, c.maxt());
  c.count = c.next & MappedCursor::kMostChunks;
  irregular_chunk_files_ = true;
}

void Head::complete_closed(Ordinal o) {
  HeadShard& shard = state_.shard(o);
  HotSeries& s = shard.hot[o];
  if (o < replay_->cursors.size() && replay_->cursors[o].has_value) return;
  // The log does not have the newest sample; a next one is compared with it.
  const MappedChunks& mapped = shard.chunks.mapped();
  const SlotRef list = shard.full[o].mapped;
  const auto read = state_.chunk_files->read(mapped.at(list, mapped.count(list) - 1).place);
  ChunkSamples samples;
  if (!read || !decode_samples(read->chunk.encoding, read->chunk.bytes, samples)) return;
  if (samples.size() == 0 || samples.t.back() != s.maxt()) return;
  switch (samples.kind) {
    case SampleKind::floats:
      s.enc.v = samples.v.back();
      return;
    case SampleKind::histograms:
      s.enc.v = value_of(samples.histograms.back());
      return;
    case SampleKind::float_histograms:
      s.enc.v = value_of(samples.float_histograms.back());
      return;
  }
}

Result<void> Head::tidy_chunk_files() {
  if (!irregular_chunk_files_ || state_.chunk_files == nullptr) return {};
  telemetry::info("Head chunks are written anew, as some were missing or twice there", {});
  HeadChunkFiles& files = *state_.chunk_files;
  const auto old = files.files();
  if (!old.empty()) {
    files.cut();
    for (HeadShard& shard : state_.shards) {
      const sync::MutexLock lock(shard.mutex);
      Result<void> moved;
      for (std::size_t page = 0; page < shard.refs.count_pages(); ++page) {
        shard.for_each_of_page(page, [&](Ordinal o) NARTHEX_REQUIRES(shard.mutex) {
          if (moved && shard.full[o].mapped != kNoSlot)
            moved = shard.chunks.move_mapped(shard.full[o], shard.refs[o], files);
        });
      }
      if (!moved) return moved;
    }
    if (auto moved = move_out_of_order_chunks(); !moved) return moved;
    if (auto synced = files.sync(); !synced) return synced;
    if (auto removed = files.remove_before(old.back().number + 1); !removed) return removed;
  }
  irregular_chunk_files_ = false;
  return {};
}

}  // namespace narthex::tsdb

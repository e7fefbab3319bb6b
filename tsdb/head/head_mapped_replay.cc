// Chunks that lie in files when the head starts: whose they are, and which samples of the log
// they make redundant.
//
// Prometheus skips every sample up to the end of a series' last chunk in a file. Here a sample
// is skipped only if a chunk covers it: where the log shows one that is newer than all before it
// and lies in front of the next chunk, a chunk is missing. Those behind the gap are given up and
// come from the log, too, so that a lost file loses nothing.
#include <algorithm>

#include "telemetry/log.h"
#include "tsdb/chunk/xor_chunk.h"
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

}  // namespace

void LoadedChunks::add(WalRef ref, const MappedChunk& chunk) {
  if (count_ % kPerPage == 0) pages_.push_back(std::make_unique_for_overwrite<Node[]>(kPerPage));
  const std::uint32_t i = count_++;
  Node& n = node(i);
  n = {.mint = chunk.range.mint,
       .span = static_cast<std::uint32_t>(chunk.range.maxt - chunk.range.mint),
       .place = chunk.place,
       .next = i};
  if (const std::uint32_t last = last_.find(ref); last != kNoNumber) {
    n.next = node(last).next;
    node(last).next = i;
  }
  last_.set(ref, i);
}

Result<HeadChunkFiles::Loaded> Head::replay_chunk_files() {
  const Timestamp min_valid = state_.min_valid.load(std::memory_order_relaxed);
  return state_.chunk_files->load([&](const HeadChunk& chunk, HeadChunkPlace place) {
    state_.skip_ref(chunk.series);
    const MappedChunk mapped{chunk.range, place};
    // What blocks hold, and what only a later version can read, stays where it is.
    if (chunk.out_of_order || chunk.range.maxt < min_valid || chunk.encoding != kXorEncoding) return;
    if (MappedChunks::fits(mapped)) replay_->loaded.add(chunk.series, mapped);
  });
}

void Head::take_over_chunks(Ordinal o, WalRef ref) {
  Replay::Tally& tally = replay_->tallies[ChunkLanes::lane_of(o)];
  HeadShard& shard = state_.shard;
  SeriesChunks& chunks = shard.chunks[o];
  HotSeries& series = shard.hot[o];
  FullChunks& full = shard.full[o];
  replay_->loaded.for_each(ref, [&](const MappedChunk& chunk) {
    if (!chunks.take_over(series, full, chunk)) {
      ++tally.irregular;
      return false;
    }
    replay_->cursors[o].has_value = 0;
    tally.oldest = std::min(tally.oldest, std::max(chunk.range.mint, state_.min_valid.load()));
    tally.newest = std::max(tally.newest, chunk.range.maxt);
    ++tally.chunks;
    return true;
  });
}

bool Head::is_missing(Ordinal o, const ReplayItem& item) {
  HeadShard& shard = state_.shard;
  HotSeries& s = shard.hot[o];
  // Behind the chunks an open one has begun: what is not newer was refused in its time.
  if (s.count() > 0 || shard.full[o].mapped == kNoSlot) return false;
  SeriesChunks& chunks = shard.chunks[o];
  MappedCursor& c = replay_->cursors[o];
  const std::size_t count = chunks.mapped().count(shard.full[o].mapped);
  while ((c.next == 0 || item.t > c.chunk.maxt) && c.next < count) {
    c.chunk = exact_range(*state_.chunk_files, chunks.mapped().at(shard.full[o].mapped, c.next));
    ++c.next;
  }
  const bool is_new = item.t > c.seen;
  c.seen = std::max(c.seen, item.t);
  if (item.t == s.maxt()) {
    s.enc.v = item.v;
    c.has_value = 1;
  }
  if (item.t >= c.chunk.mint || !is_new) return false;
  ++replay_->tallies[ChunkLanes::lane_of(o)].irregular;
  const std::uint32_t kept = c.next - 1;
  Timestamp newest = kMinTime;
  if (kept > 0) {
    newest = exact_range(*state_.chunk_files, chunks.mapped().at(shard.full[o].mapped, kept - 1)).maxt;
  }
  chunks.drop_mapped_from(s, shard.full[o], kept, newest);
  c.has_value = 0;
  return true;
}

void Head::complete_closed(Ordinal o) {
  HeadShard& shard = state_.shard;
  HotSeries& s = shard.hot[o];
  if (o < replay_->cursors.size() && replay_->cursors[o].has_value != 0) return;
  // The log does not have the newest sample; a next one is compared with it.
  const MappedChunks& mapped = shard.chunks[o].mapped();
  const SlotRef list = shard.full[o].mapped;
  const auto read = state_.chunk_files->read(mapped.at(list, mapped.count(list) - 1).place);
  std::vector<Timestamp> t;
  std::vector<double> v;
  if (!read || !xor_decode(read->chunk.bytes, {s.maxt(), s.maxt()}, t, v) || v.empty()) return;
  s.enc.v = v.back();
}

Result<void> Head::tidy_chunk_files() {
  if (!irregular_chunk_files_ || state_.chunk_files == nullptr) return {};
  telemetry::info("Head chunks are written anew, as some were missing or twice there", {});
  HeadChunkFiles& files = *state_.chunk_files;
  HeadShard& shard = state_.shard;
  const auto old = files.files();
  if (!old.empty()) {
    files.cut();
    const sync::MutexLock lock(shard.mutex);
    for (Ordinal o = 0; o < shard.full.size(); ++o) {
      if (shard.refs[o] == 0 || shard.full[o].mapped == kNoSlot) continue;
      auto moved = shard.chunks[o].move_mapped(shard.full[o], shard.refs[o], *state_.chunk_files);
      if (!moved) return moved;
    }
    if (auto synced = files.sync(); !synced) return synced;
    if (auto removed = files.remove_before(old.back().number + 1); !removed) return removed;
  }
  irregular_chunk_files_ = false;
  return {};
}

}  // namespace narthex::tsdb

// Chunks that lie in files when the head starts: whose they are, and which samples of the log
// they make redundant.
//
// Prometheus skips every sample up to the end of a series' last chunk in a file. Here a sample
// is skipped only if a chunk covers it: where the log shows one that is newer than all before it
// and lies in front of the next chunk, a chunk is missing. Those behind the gap are given up and
// come from the log, too, so that a lost file loses nothing.
#include <algorithm>
#include <utility>

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

/// What HotSeries says of a histogram: whether it is a staleness marker.
double value_of(const AnyHistogram& value) {
  const double sum = std::visit([](const auto& h) { return h.sum; }, value);
  return is_stale_nan(sum) ? sum : 0;
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
    if (chunk.out_of_order || chunk.range.maxt < min_valid || !is_known(chunk.encoding)) return;
    if (MappedChunks::fits(mapped)) replay_->loaded.add(chunk.series, mapped);
  });
}

void Head::take_over_chunks(Ordinal o, WalRef ref) {
  HeadShard& shard = state_.shard(o);
  SeriesChunks& chunks = shard.chunks;
  HotSeries& series = shard.hot[o];
  FullChunks& full = shard.full[o];
  MappedCursor& cursor = replay_->cursors[o];
  Replay::Tally& tally = replay_->tallies[shard_of(o)];
  bool is_first = true;
  replay_->loaded.for_each(ref, [&](const MappedChunk& chunk) {
    // Threads may be at work in the same memory.
    if (std::exchange(is_first, false)) replay_->lanes->drain();
    if (!chunks.take_over(series, full, chunk)) {
      irregular_chunk_files_ = true;
      return false;
    }
    ++cursor.count;
    cursor.has_value = false;
    tally.oldest = std::min(tally.oldest, std::max(chunk.range.mint, state_.min_valid.load()));
    tally.newest = std::max(tally.newest, chunk.range.maxt);
    ++tally.chunks;
    return true;
  });
}

// hot: bench/restart_bench
bool Head::is_mapped(const ReplayItem& item) {
  MappedCursor& c = replay_->cursors[item.ordinal];
  if (item.t > c.chunk.maxt) {
    if (c.next >= c.count) return false;
    advance(item, c);
    if (item.t > c.chunk.maxt) return false;
  }
  if (item.t >= c.chunk.mint) {
    if (item.t <= c.seen) return true;
    c.seen = item.t;
    if (item.t == c.chunk.maxt && c.next == c.count) {
      // Nothing newer has gone to the lane, so nobody else is at the series.
      state_.shard(item.ordinal).hot[item.ordinal].enc.v =
          item.kind == ReplayItem::Kind::sample ? item.v : value_of(item.histogram->value);
      c.has_value = true;
    }
    return true;
  }
  // Older than what was seen: refused in its time.
  if (item.t <= c.seen) return true;
  give_up_chunks(item.ordinal, c);
  return false;
}

void Head::advance(const ReplayItem& item, MappedCursor& c) {
  const HeadShard& shard = state_.shard(item.ordinal);
  const SeriesChunks& chunks = shard.chunks;
  const SlotRef list = shard.full[item.ordinal].mapped;
  while (item.t > c.chunk.maxt && c.next < c.count) {
    c.chunk = exact_range(*state_.chunk_files, chunks.mapped().at(list, c.next));
    ++c.next;
  }
}

void Head::give_up_chunks(Ordinal o, MappedCursor& c) {
  replay_->lanes->drain();
  HeadShard& shard = state_.shard(o);
  SeriesChunks& chunks = shard.chunks;
  FullChunks& full = shard.full[o];
  const std::uint16_t kept = c.next - 1;
  TimeRange last{kMinTime, kMinTime};
  if (kept > 0) last = exact_range(*state_.chunk_files, chunks.mapped().at(full.mapped, kept - 1U));
  chunks.drop_mapped_from(shard.hot[o], full, kept, last.maxt);
  c.chunk = last;
  c.next = c.count = kept;
  c.has_value = false;
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
    if (auto synced = files.sync(); !synced) return synced;
    if (auto removed = files.remove_before(old.back().number + 1); !removed) return removed;
  }
  irregular_chunk_files_ = false;
  return {};
}

}  // namespace narthex::tsdb

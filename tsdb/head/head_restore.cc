// A snapshot of the head taken over: labels by one thread, chunks shard by shard by others.
//
//   state, arrays of their full length -> {dictionary, labels, postings | chunks of shards} -> references,
//   metadata, deletions, exemplars
// What blocks hold by now is left out, as a replay of the log would leave it out.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include "tsdb/block/tombstones.h"
#include "tsdb/head/head.h"
#include "tsdb/head/head_replay.h"
#include "tsdb/head/snapshot_bytes.h"

namespace narthex::tsdb {
namespace {

/// Pages of the snapshot are let go after so many bytes: the head is made of copies.
constexpr std::size_t kReleaseAfter = std::size_t{16} << 20;

std::unexpected<Error> contradiction(const SnapshotReader& snapshot, std::string_view what) {
  return fail(Code::corruption, fmt::format("{}: {} make no sense", snapshot.path(), what));
}

/// Calls f(reader, tag) as long as something is left of a section, for all of the kind whose tag is wanted.
template <class F, class Wanted = decltype([](std::uint32_t) { return true; })>
Result<void> for_sections(const SnapshotReader& snapshot, SnapshotSection kind, std::string_view what, F&& f,
                          Wanted&& wanted = {}) {
  std::size_t unreleased = 0;
  for (const SnapshotReader::Section& section : snapshot.sections()) {
    if (section.kind != kind || !wanted(section.tag)) continue;
    auto bytes = snapshot.read(section);
    if (!bytes) return pass(bytes);
    WordReader in(*bytes);
    while (in.ok() && in.left() > 0) f(in, section.tag);
    if (!in.ok()) return contradiction(snapshot, what);
    unreleased += bytes->size();
    if (unreleased < kReleaseAfter) continue;
    snapshot.release_pages();
    unreleased = 0;
  }
  return {};
}

Labels read_labels(WordReader& in) {
  std::vector<LabelView> views;
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    const std::string_view name = in.string();
    views.push_back({name, in.string()});
  }
  return Labels::from_pairs(std::move(views));
}

Result<void> restore_dictionary(const SnapshotReader& snapshot, const SnapshotState& state,
                                PairDictionary& dictionary) {
  dictionary.reserve(0, state.pairs_end);
  auto names =
      for_sections(snapshot, SnapshotSection::names, "label names", [&](WordReader& in, std::uint32_t) {
        const bool used = in.u8() != 0;
        const std::string_view name = in.string();
        dictionary.restore_name(used ? std::optional(name) : std::nullopt);
      });
  if (!names) return names;
  return for_sections(snapshot, SnapshotSection::pairs, "label pairs", [&](WordReader& in, std::uint32_t) {
    const NameNumber name = in.u32();
    if (!dictionary.restore_pair(name, in.string())) in.reject();
  });
}

}  // namespace

Result<void> Head::restore_index(const SnapshotReader& snapshot, const SnapshotState& state) {
  SeriesIndex& index = state_.index;
  if (auto restored = restore_dictionary(snapshot, state, index.dictionary()); !restored) return restored;
  index.begin_restore(state.ordinals_end, state.series);
  std::vector<PairNumber> pairs;
  auto labels = for_sections(snapshot, SnapshotSection::labels, "labels",
                             [&](WordReader& in, std::uint32_t) NARTHEX_UNCHECKED {
                               const Ordinal o = in.u32();
                               const std::uint64_t count = in.u32();
                               in.u64();
                               const io::Bytes bytes = in.bytes(count * sizeof(PairNumber));
                               pairs.resize(bytes.size() / sizeof(PairNumber));
                               if (!pairs.empty()) std::memcpy(pairs.data(), bytes.data(), bytes.size());
                               if (!in.ok() || !index.restore(o, pairs)) in.reject();
                             });
  if (!labels) return labels;
  index.finish_restore();
  return {};
}

Result<void> Head::restore_shards(const SnapshotReader& snapshot, std::size_t first, std::size_t step,
                                  std::span<const HeadChunkFiles::File> files) {
  const SeriesChunks::RestoreBounds bounds{state_.min_valid.load(std::memory_order_relaxed), files};
  const auto restore_one = [&](WordReader& in, std::uint32_t number) NARTHEX_UNCHECKED {
    const Ordinal o = in.u32();
    const WalRef ref = in.u64();
    HeadShard& shard = state_.shard(o);
    const bool is_free = shard.number == number && shard.refs.has(o) && shard.refs[o] == 0;
    if (!in.ok() || !is_free || static_cast<std::uint32_t>(ref) == 0) return in.reject();
    shard.refs[o] = ref;
    if (!shard.chunks.restore(shard.hot[o], shard.full[o], in, bounds)) return;
    adopt_chunks(o, ref);
    const HotSeries& s = shard.hot[o];
    if (s.empty()) return;
    Replay::Tally& tally = replay_->tallies[number];
    const Timestamp oldest = shard.chunks.mint(s, shard.full[o]);
    tally.oldest = std::min(tally.oldest, std::max(oldest, bounds.min_valid));
    tally.newest = std::max(tally.newest, s.maxt());
    tally.chunks += s.count() > 0 ? 1 : 0;
  };
  const auto is_mine = [&](std::uint32_t number) { return number % step == first; };
  return for_sections(snapshot, SnapshotSection::chunks, "chunks", restore_one, is_mine);
}

/// What files have got since the snapshot, which the log behind it repeats.
void Head::adopt_chunks(Ordinal o, WalRef ref) {
  HeadShard& shard = state_.shard(o);
  SeriesChunks& chunks = shard.chunks;
  MappedCursor& cursor = replay_->cursors[o];
  cursor = {};
  replay_->restored_maxt[o] = shard.hot[o].maxt();
  cursor.next = static_cast<std::uint16_t>(chunks.mapped().count(shard.full[o].mapped));
  cursor.count = cursor.next & MappedCursor::kMostChunks;
  cursor.has_value = true;
  replay_->loaded.for_each(ref, [&](const MappedChunk& chunk) NARTHEX_UNCHECKED {
    const Timestamp newest = shard.hot[o].maxt();
    if (!chunks.adopt(shard.hot[o], shard.full[o], chunk)) {
      irregular_chunk_files_ = true;
      return false;
    }
    ++cursor.count;
    if (shard.hot[o].maxt() > newest) cursor.has_value = false;
    return true;
  });
}

Result<void> Head::restore_annotations(const SnapshotReader& snapshot) {
  const auto is_series = [this](Ordinal o) NARTHEX_UNCHECKED {
    const HeadShard& shard = state_.shard(o);
    return shard.refs.has(o) && shard.refs[o] != 0;
  };
  auto deleted =
      for_sections(snapshot, SnapshotSection::deleted, "deleted ranges", [&](WordReader& in, std::uint32_t) {
        const Ordinal o = in.u32();
        const Timestamp mint = in.i64();
        const Timestamp maxt = in.i64();
        if (in.ok() && is_series(o)) add_range(state_.shard(o).deleted[o], {mint, maxt});
      });
  if (!deleted) return deleted;
  std::vector<storage::Metadata> texts;
  auto read_texts = for_sections(snapshot, SnapshotSection::metadata_text, "metadata",
                                 [&](WordReader& in, std::uint32_t) NARTHEX_UNCHECKED {
                                   storage::Metadata& m = texts.emplace_back();
                                   m.type = in.string();
                                   m.unit = in.string();
                                   m.help = in.string();
                                 });
  if (!read_texts) return read_texts;
  auto metadata =
      for_sections(snapshot, SnapshotSection::metadata, "metadata", [&](WordReader& in, std::uint32_t) {
        const Ordinal o = in.u32();
        const std::uint32_t text = in.u32();
        if (!in.ok() || !is_series(o) || text >= texts.size()) return in.reject();
        state_.shard(o).metadata.set(o, texts[text]);
      });
  if (!metadata) return metadata;
  const bool kept = state_.exemplars.size() > 0;
  const Timestamp min_valid = state_.min_valid.load(std::memory_order_relaxed);
  return for_sections(snapshot, SnapshotSection::exemplars, "exemplars",
                      [&](WordReader& in, std::uint32_t) NARTHEX_UNCHECKED {
                        const Labels series = read_labels(in);
                        storage::Exemplar e;
                        e.labels = read_labels(in);
                        e.v = in.f64();
                        e.t = in.i64();
                        e.has_own_time = in.u8() != 0;
                        if (in.ok() && kept && e.t >= min_valid) state_.exemplars.add(series, e);
                      });
}

/// The log behind the snapshot names series by their references.
Result<void> Head::restore_references(const SnapshotReader& snapshot, const SnapshotState& state) {
  std::uint64_t series = 0;
  for (const HeadShard& shard : state_.shards) {
    for (std::size_t page = 0; page < shard.refs.count_pages(); ++page) {
      shard.for_each_of_page(page, [&](Ordinal o) NARTHEX_UNCHECKED {
        series += state_.index.is_published(o);
        replay_->refs.set(shard.refs[o], o);
        state_.skip_ref(shard.refs[o]);
        replay_->ooo.name(shard.refs[o], o, state_.ooo);
      });
    }
    replay_->tallies[0].chunks += shard.chunks.count_full();
  }
  // Every series with chunks has labels, and the other way round.
  if (series != state.series || state_.index.all().cardinality() != series) {
    return contradiction(snapshot, "numbers of series");
  }
  state_.skip_ref(state.last_ref);
  return for_sections(snapshot, SnapshotSection::other_names, "names of series",
                      [&](WordReader& in, std::uint32_t) NARTHEX_UNCHECKED {
                        const WalRef name = in.u64();
                        const WalRef ref = in.u64();
                        const Ordinal o = replay_->refs.find(ref);
                        if (!in.ok() || o == kNoNumber) return;
                        replay_->refs.set(name, o);
                        replay_->ooo.name(name, o, state_.ooo);
                        other_names_.emplace_back(name, ref);
                      });
}

Result<void> Head::restore(const SnapshotReader& snapshot, const SnapshotState& state, std::size_t threads) {
  if (state.block_range != state_.options.block_range) {
    return fail(Code::invalid,
                fmt::format("{}: it was made with blocks of {} ms", snapshot.path(), state.block_range));
  }
  std::vector<HeadChunkFiles::File> files;
  if (state_.chunk_files != nullptr) files = state_.chunk_files->files();
  for (HeadShard& shard : state_.shards) {
    const sync::MutexLock lock(shard.mutex);
    for (std::size_t page = 0; page_begin(shard.number, page) < state.ordinals_end; ++page) {
      shard.refs.grow_to(page_begin(shard.number, page));
      shard.hot.grow_to(page_begin(shard.number, page));
      shard.full.grow_to(page_begin(shard.number, page));
    }
  }
  replay_->cursors.grow_to(state.ordinals_end);
  replay_->restored_maxt.grow_to(state.ordinals_end);
  // One thread for the labels, which take about as long as all chunks.
  const std::size_t others = std::clamp<std::size_t>(threads, 2, kShards + 1) - 1;
  // A place for each, made before the first thread begins.
  std::vector<Result<void>> results(others + 1);
  std::vector<std::thread> workers;
  for (std::size_t i = 0; i < others; ++i) {
    workers.emplace_back([&, i] { results[i] = restore_shards(snapshot, i, others, files); });
  }
  results[others] = restore_index(snapshot, state);
  for (std::thread& t : workers) t.join();
  for (Result<void>& result : results) {
    if (!result) return pass(result);
  }
  if (auto done = restore_references(snapshot, state); !done) return done;
  auto done = restore_annotations(snapshot);
  snapshot.release_pages();
  return done;
}

}  // namespace narthex::tsdb

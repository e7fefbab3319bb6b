// A snapshot of the head taken over: labels by one thread, chunks lane by lane by others.
//
//   state, arrays of their full length -> {dictionary, labels, postings | chunks of lanes} -> references,
//   metadata, deletions, exemplars
// What blocks hold by now is left out, as a replay of the log would leave it out.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

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

Result<void> Head::restore_lanes(const SnapshotReader& snapshot, std::size_t first, std::size_t step,
                                 std::span<const HeadChunkFiles::File> files) {
  HeadShard& shard = state_.shard;
  const SeriesChunks::RestoreBounds bounds{state_.min_valid.load(std::memory_order_relaxed), files};
  const Ordinal end = shard.refs.size();
  const auto restore_one = [&](WordReader& in, std::uint32_t lane) NARTHEX_UNCHECKED {
    const Ordinal o = in.u32();
    const WalRef ref = in.u64();
    const bool is_free = o < end && ChunkLanes::lane_of(o) == lane && shard.refs[o] == 0;
    if (!in.ok() || !is_free || static_cast<std::uint32_t>(ref) == 0) return in.reject();
    shard.refs[o] = ref;
    if (!shard.chunks[o].restore(shard.hot[o], shard.full[o], in, bounds)) return;
    adopt_chunks(o, ref);
    const HotSeries& s = shard.hot[o];
    if (s.empty()) return;
    Replay::Tally& tally = replay_->tallies[lane];
    const Timestamp oldest = shard.chunks[o].mint(s, shard.full[o]);
    tally.oldest = std::min(tally.oldest, std::max(oldest, bounds.min_valid));
    tally.newest = std::max(tally.newest, s.maxt());
    tally.chunks += s.count() > 0 ? 1 : 0;
  };
  const auto is_mine = [&](std::uint32_t lane) { return lane % step == first; };
  return for_sections(snapshot, SnapshotSection::chunks, "chunks", restore_one, is_mine);
}

/// What files have got since the snapshot, which the log behind it repeats.
void Head::adopt_chunks(Ordinal o, WalRef ref) {
  HeadShard& shard = state_.shard;
  SeriesChunks& chunks = shard.chunks[o];
  MappedCursor& cursor = replay_->cursors[o];
  cursor = {};
  cursor.seen = shard.hot[o].maxt();
  cursor.next = cursor.count = static_cast<std::uint16_t>(chunks.mapped().count(shard.full[o].mapped));
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
  HeadShard& shard = state_.shard;
  const auto is_series = [&](Ordinal o)
                             NARTHEX_UNCHECKED { return o < shard.refs.size() && shard.refs[o] != 0; };
  auto deleted = for_sections(snapshot, SnapshotSection::deleted, "deleted ranges",
                              [&](WordReader& in, std::uint32_t) NARTHEX_UNCHECKED {
                                const Ordinal o = in.u32();
                                const Timestamp mint = in.i64();
                                const Timestamp maxt = in.i64();
                                if (in.ok() && is_series(o)) shard.deleted[o].push_back({mint, maxt});
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
  auto metadata = for_sections(snapshot, SnapshotSection::metadata, "metadata",
                               [&](WordReader& in, std::uint32_t) NARTHEX_UNCHECKED {
                                 const Ordinal o = in.u32();
                                 const std::uint32_t text = in.u32();
                                 if (!in.ok() || !is_series(o) || text >= texts.size()) return in.reject();
                                 shard.metadata.set(o, texts[text]);
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
  HeadShard& shard = state_.shard;
  std::uint64_t series = 0;
  for (Ordinal o = 0; o < shard.refs.size(); ++o) {
    const bool has_chunks = shard.refs[o] != 0;
    if (has_chunks != state_.index.is_published(o)) return contradiction(snapshot, "labels and chunks");
    if (!has_chunks) continue;
    ++series;
    replay_->refs.set(shard.refs[o], o);
    state_.skip_ref(shard.refs[o]);
  }
  if (series != state.series) return contradiction(snapshot, "numbers of series");
  state_.skip_ref(state.last_ref);
  for (const SeriesChunks& lane : shard.chunks) replay_->tallies[0].chunks += lane.count_full();
  return {};
}

Result<void> Head::restore(const SnapshotReader& snapshot, const SnapshotState& state, std::size_t threads) {
  if (state.block_range != state_.options.block_range) {
    return fail(Code::invalid,
                fmt::format("{}: it was made with blocks of {} ms", snapshot.path(), state.block_range));
  }
  std::vector<HeadChunkFiles::File> files;
  if (state_.chunk_files != nullptr) files = state_.chunk_files->files();
  {
    HeadShard& shard = state_.shard;
    const sync::MutexLock lock(shard.mutex);
    shard.refs.grow_to(state.ordinals_end);
    shard.hot.grow_to(state.ordinals_end);
    shard.full.grow_to(state.ordinals_end);
    replay_->cursors.grow_to(state.ordinals_end);
  }
  // One thread for the labels, which take about as long as all chunks.
  const std::size_t lanes = std::clamp<std::size_t>(threads, 2, ChunkLanes::kLanes + 1) - 1;
  std::vector<Result<void>> results(lanes);
  std::vector<std::thread> workers;
  for (std::size_t i = 0; i < lanes; ++i) {
    workers.emplace_back([&, i] { results[i] = restore_lanes(snapshot, i, lanes, files); });
  }
  results.push_back(restore_index(snapshot, state));
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

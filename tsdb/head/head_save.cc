// A snapshot of the head, copied slice by slice between commits.
//
// In this order, so that snapshot and log together always hold everything:
//   nobody forgets series or moves chunks to files from here on (collect_turn)
//   the log begins a segment, in a moment between two commits: all before it has been applied
//   -> slices of series, each under the mutexes -> what they refer to: pairs, names, chunk files
//   -> chunk files and log are synced: nothing is in the snapshot that a power cut takes from them
// A series that is made meanwhile, and samples behind the slice they belong to, are in the log.
#include <algorithm>
#include <array>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "tsdb/head/head.h"
#include "tsdb/head/snapshot_bytes.h"

namespace narthex::tsdb {
namespace {

constexpr PairNumber kPairSlice = 4096;
/// A section is written when it is about this long.
constexpr std::size_t kSectionBytes = 512 * 1024;

void put_labels(const Labels& labels, std::vector<std::byte>& out) {
  put_word(out, static_cast<std::uint32_t>(labels.count()));
  for (const LabelView label : labels) {
    put_string(out, label.name);
    put_string(out, label.value);
  }
}

/// Gathers sections, and writes those that are long enough.
class Sections {
 public:
  explicit Sections(SnapshotWriter& out) : out_(out) {}

  std::vector<std::byte>& labels() { return labels_; }
  std::vector<std::byte>& chunks(Ordinal o) { return chunks_[shard_of(o)]; }

  Result<void> write(std::size_t at_least) {
    if (auto done = write(SnapshotSection::labels, 0, labels_, at_least); !done) return done;
    for (std::uint32_t shard = 0; shard < chunks_.size(); ++shard) {
      if (auto done = write(SnapshotSection::chunks, shard, chunks_[shard], at_least); !done) return done;
    }
    return {};
  }

 private:
  Result<void> write(SnapshotSection kind, std::uint32_t tag, std::vector<std::byte>& bytes,
                     std::size_t at_least) {
    if (bytes.empty() || bytes.size() < at_least) return {};
    auto added = out_.add(kind, tag, bytes);
    bytes.clear();
    return added;
  }

  SnapshotWriter& out_;
  std::vector<std::byte> labels_;
  std::array<std::vector<std::byte>, kShards> chunks_;
};

/// Metadata by series; each text once, as all series of a family say the same.
class SavedMetadata {
 public:
  void add(Ordinal o, const storage::Metadata& m) {
    const auto [at, is_new] = numbers_.try_emplace(m.type + '\0' + m.unit + '\0' + m.help,
                                                   static_cast<std::uint32_t>(numbers_.size()));
    if (is_new) {
      put_string(texts_, m.type);
      put_string(texts_, m.unit);
      put_string(texts_, m.help);
    }
    put_word(series_, o);
    put_word(series_, at->second);
  }
  Result<void> write(SnapshotWriter& out) const {
    if (auto done = out.add(SnapshotSection::metadata_text, 0, texts_); !done) return done;
    return out.add(SnapshotSection::metadata, 0, series_);
  }

 private:
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::vector<std::byte> texts_;
  std::vector<std::byte> series_;
};

/// What changes with every commit that touches it: copied between two.
struct Annotations {
  std::vector<std::byte> deleted;
  std::vector<std::byte> exemplars;
};

Annotations copy_annotations(const HeadState& state) {
  Annotations out;
  for (const HeadShard& shard : state.shards) {
    const sync::MutexLock lock(shard.mutex);
    for (const auto& [ordinal, ranges] : shard.deleted) {
      for (const TimeRange& range : ranges) {
        put_word(out.deleted, ordinal);
        put_word(out.deleted, range.mint);
        put_word(out.deleted, range.maxt);
      }
    }
  }
  state.exemplars.for_each([&out](const Labels& series, const storage::Exemplar& e) {
    put_labels(series, out.exemplars);
    put_labels(e.labels, out.exemplars);
    put_word(out.exemplars, e.v);
    put_word(out.exemplars, e.t);
    put_word(out.exemplars, static_cast<std::uint8_t>(e.has_own_time));
  });
  return out;
}

/// Copies the series of a page. @return  how many
std::uint64_t copy_page(const HeadState& state, const HeadShard& shard, std::size_t page, Sections& sections,
                        SavedMetadata& metadata) {
  std::uint64_t copied = 0;
  const sync::MutexLock index_lock(state.index_mutex);
  const sync::MutexLock lock(shard.mutex);
  shard.for_each_of_page(page, [&](Ordinal o) NARTHEX_REQUIRES(state.index_mutex, shard.mutex) {
    // What no commit has logged yet will be in the log.
    if (!state.index.is_published(o)) return;
    ++copied;
    const auto pairs = state.index.pairs(o);
    put_word(sections.labels(), o);
    put_word(sections.labels(), static_cast<std::uint32_t>(pairs.size()));
    put_word(sections.labels(), shard.refs[o]);
    put_span(sections.labels(), std::as_bytes(pairs));
    std::vector<std::byte>& chunks = sections.chunks(o);
    put_word(chunks, o);
    put_word(chunks, shard.refs[o]);
    shard.chunks.save(shard.hot[o], shard.full[o], chunks);
    if (const auto* m = shard.metadata.size() > 0 ? shard.metadata.find(o) : nullptr) metadata.add(o, *m);
  });
  return copied;
}

/// Pairs of series that are published by now, among them all that were copied: these stay while nobody
/// forgets series. @return  one beyond the last number
Result<PairNumber> write_pairs(const HeadState& state, SnapshotWriter& out) {
  std::vector<std::byte> bytes;
  for (PairNumber first = 0, end = 0;; first = end) {
    bytes.clear();
    PairNumber all;
    {
      const sync::MutexLock lock(state.index_mutex);
      const PairDictionary& dictionary = state.index.dictionary();
      all = dictionary.pairs_end();
      end = std::min(all, first + kPairSlice);
      for (PairNumber p = first; p < end; ++p) {
        const bool used = dictionary.has_pair(p) && !dictionary.postings(p).empty();
        put_word(bytes, used ? dictionary.name_of(p) : kNoNumber);
        put_string(bytes, used ? dictionary.value(p) : std::string_view());
      }
    }
    if (auto added = out.add(SnapshotSection::pairs, first, bytes); !added) return pass(added);
    if (end == all) return end;
  }
}

Result<void> write_names(const HeadState& state, SnapshotWriter& out) {
  std::vector<std::byte> bytes;
  {
    const sync::MutexLock lock(state.index_mutex);
    const PairDictionary& dictionary = state.index.dictionary();
    for (NameNumber n = 0; n < dictionary.names_end(); ++n) {
      const bool used = dictionary.has_name(n);
      put_word(bytes, static_cast<std::uint8_t>(used));
      put_string(bytes, used ? dictionary.name_text(n) : std::string_view());
    }
  }
  return out.add(SnapshotSection::names, 0, bytes);
}

/// Of all series, a page at a time. @return  how many, and one beyond the last ordinal
Result<std::pair<std::uint64_t, Ordinal>> write_series(const HeadState& state, SnapshotWriter& out) {
  Sections sections(out);
  SavedMetadata metadata;
  std::uint64_t series = 0;
  Ordinal all = 0;
  for (const HeadShard& shard : state.shards) {
    const std::size_t pages = shard.count_pages();
    for (std::size_t page = 0; page < pages; ++page) {
      series += copy_page(state, shard, page, sections, metadata);
      if (auto written = sections.write(kSectionBytes); !written) return pass(written);
    }
    if (pages > 0) all = std::max(all, page_begin(shard.number, pages - 1) + kPageOrdinals);
  }
  if (auto written = sections.write(0); !written) return pass(written);
  if (auto written = metadata.write(out); !written) return pass(written);
  return std::pair(series, all);
}

}  // namespace

Result<SnapshotState> Head::save(SnapshotWriter& out) {
  const sync::MutexLock turn_to_collect(state_.collect_turn);
  SnapshotState saved;
  saved.block_range = state_.options.block_range;
  saved.floor = state_.floor.load(std::memory_order_relaxed);
  Wal* wal = nullptr;
  {
    const ShardTurns turns(state_, kAllShards);
    wal = state_.wal;
  }
  if (wal == nullptr) return fail(Code::unavailable, "the head has no log yet");
  // Mostly synced by then, the old segment is closed in no time.
  if (auto synced = wal->sync(); !synced) return pass(synced);
  Annotations annotations;
  {
    const ShardTurns turns(state_, kAllShards);
    auto begun = wal->cut_segment();
    if (!begun) return pass(begun);
    saved.first_segment = *begun;
    annotations = copy_annotations(state_);
  }

  auto series = write_series(state_, out);
  if (!series) return pass(series);
  std::tie(saved.series, saved.ordinals_end) = *series;
  if (auto written = out.add(SnapshotSection::deleted, 0, annotations.deleted); !written)
    return pass(written);
  if (auto written = out.add(SnapshotSection::exemplars, 0, annotations.exemplars); !written) {
    return pass(written);
  }
  std::vector<std::byte> names;
  for (const auto& [name, ref] : other_names_) {
    put_word(names, name);
    put_word(names, ref);
  }
  if (auto written = out.add(SnapshotSection::other_names, 0, names); !written) return pass(written);
  auto pairs_end = write_pairs(state_, out);
  if (!pairs_end) return pass(pairs_end);
  saved.pairs_end = *pairs_end;
  if (auto written = write_names(state_, out); !written) return pass(written);

  if (state_.chunk_files != nullptr) {
    if (auto synced = state_.chunk_files->sync(); !synced) return pass(synced);
    saved.chunk_files = state_.chunk_files->files();
    saved.has_out_of_order = state_.chunk_files->has_out_of_order();
  }
  saved.last_ref = state_.last_ref.load(std::memory_order_relaxed);
  if (auto synced = wal->sync(); !synced) return pass(synced);
  if (auto written = out.add(SnapshotSection::state, 0, saved.encode()); !written) return pass(written);
  return saved;
}

}  // namespace narthex::tsdb

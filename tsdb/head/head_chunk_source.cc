#include "tsdb/head/head_chunk_source.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "tsdb/chunk/chunk_samples.h"
#include "tsdb/chunk/encoding.h"

namespace narthex::tsdb {
namespace {

/// Commits and queries get a turn between slices.
constexpr std::size_t kSlice = 4096;
/// Chunks come in the order of labels from all over the files, and the kernel maps 64 KiB around
/// each: pages are let go before that is much.
constexpr std::size_t kReleaseAfter = 512;

/// Rank of each pair that occurs, by (name, value); other entries mean nothing.
class PairRanks {
 public:
  explicit PairRanks(std::uint32_t pairs) : ranks_(pairs) {}

  void note(const PairDictionary& dictionary, PairNumber pair) {
    if (pair >= ranks_.size()) ranks_.resize(std::size_t{pair} + 1);
    if (ranks_[pair] != 0) return;
    ranks_[pair] = 1;
    texts_.push_back({dictionary.label(pair), pair});
  }
  void rank() {
    std::ranges::sort(texts_, [](const Text& a, const Text& b) {
      if (const auto by_name = a.label.name <=> b.label.name; by_name != 0) return by_name < 0;
      return a.label.value < b.label.value;
    });
    for (std::size_t i = 0; i < texts_.size(); ++i)
      ranks_[texts_[i].pair] = static_cast<std::uint32_t>(i + 1);
    texts_ = {};
  }
  /// Never 0.
  std::uint32_t operator[](PairNumber pair) const { return ranks_[pair]; }

 private:
  struct Text {
    LabelView label;  ///< valid while no series is forgotten
    PairNumber pair;
  };
  std::vector<std::uint32_t> ranks_;
  std::vector<Text> texts_;
};

/// The samples of `chunk` up to `last`, as chunks of their own: one, or none.
Result<std::vector<BuiltChunk>> cut_behind(const ChunkToWrite& chunk, Timestamp last) {
  ChunkSamples samples;
  if (auto done = decode_samples(chunk.encoding, chunk.bytes, samples); !done) return pass(done);
  const auto encoding = static_cast<ChunkEncoding>(chunk.encoding);
  ChunkBuilder builder({.xor2_floats = encoding == ChunkEncoding::xor2_floats,
                        .histograms_with_start = encoding == ChunkEncoding::histogram_st ||
                                                 encoding == ChunkEncoding::float_histogram_st,
                        .samples_per_chunk = samples.size()});
  for (std::size_t i = 0; i < samples.size() && samples.t[i] <= last; ++i) builder.append(samples, i);
  builder.finish();
  return builder.take_finished();
}

}  // namespace

HeadChunkSource::HeadChunkSource(HeadState& head, TimeRange range)
    : head_(head), range_(range), reader_(head.isolation.open_reader()) {
  range_.mint = std::max(range_.mint, head.floor.load(std::memory_order_acquire));
  order_series();
}

HeadChunkSource::~HeadChunkSource() {
  head_.isolation.close_reader(reader_);
}

void HeadChunkSource::order_series() {
  struct Entry {
    std::uint64_t first_two;  ///< ranks of the first two pairs: nearly all comparisons end here
    std::span<const PairNumber> pairs;
    Ordinal ordinal;
  };
  // Nothing published is forgotten meanwhile, so labels and their texts stay where they are.
  const sync::MutexLock no_collection(head_.collect_turn);
  std::vector<Entry> entries;
  PairRanks ranks(0);
  {
    Ordinal end;
    {
      const sync::MutexLock lock(head_.index_mutex);
      end = head_.index.ordinals_end();
      ranks = PairRanks(head_.index.dictionary().pairs_end());
      entries.reserve(head_.index.all().cardinality());
    }
    for (Ordinal begin = 0; begin < end; begin += kSlice) {
      const sync::MutexLock lock(head_.index_mutex);
      for (Ordinal o = begin; o < std::min<std::size_t>(end, begin + kSlice); ++o) {
        if (!head_.index.is_published(o)) continue;
        const auto pairs = head_.index.pairs(o);
        for (const PairNumber p : pairs) ranks.note(head_.index.dictionary(), p);
        entries.push_back({0, pairs, o});
      }
    }
  }
  ranks.rank();
  for (Entry& e : entries) {
    e.first_two = std::uint64_t{ranks[e.pairs[0]]} << 32 | (e.pairs.size() > 1 ? ranks[e.pairs[1]] : 0);
  }
  std::ranges::sort(entries, [&](const Entry& a, const Entry& b) {
    if (a.first_two != b.first_two) return a.first_two < b.first_two;
    return std::ranges::lexicographical_compare(
        a.pairs, b.pairs, [&](PairNumber x, PairNumber y) { return ranks[x] < ranks[y]; });
  });
  series_.reserve(entries.size());
  for (const Entry& e : entries) {
    const HeadShard& shard = head_.shard(e.ordinal);
    const sync::MutexLock lock(shard.mutex);
    const WalRef ref = shard.refs[e.ordinal];
    series_.push_back({static_cast<std::uint32_t>(ref >> 32), static_cast<std::uint32_t>(ref), e.ordinal});
  }
}

Result<void> HeadChunkSource::symbols(std::vector<std::string>& out) {
  std::uint32_t end = 0;
  {
    const sync::MutexLock lock(head_.index_mutex);
    const PairDictionary& dictionary = head_.index.dictionary();
    for (NameNumber n = 0; n < dictionary.names_end(); ++n) {
      if (!dictionary.pairs_of(n).empty()) out.emplace_back(dictionary.name_text(n));
    }
    end = dictionary.pairs_end();
  }
  for (PairNumber begin = 0; begin < end; begin += kSlice) {
    const sync::MutexLock lock(head_.index_mutex);
    const PairDictionary& dictionary = head_.index.dictionary();
    for (PairNumber p = begin; p < std::min<std::size_t>(end, begin + kSlice); ++p) {
      if (!dictionary.postings(p).empty()) out.emplace_back(dictionary.value(p));
    }
  }
  return {};
}

Result<bool> HeadChunkSource::next(SourceSeries& out) {
  if (pages_touched_ > kReleaseAfter) {
    keepers_.clear();
    head_.chunk_files->release_pages();
    pages_touched_ = 0;
  }
  while (next_ < series_.size()) {
    out.clear();
    if (!take_views(series_[next_++], out)) continue;
    if (auto added = add_chunks(out); !added) return pass(added, "series " + out.labels.to_string());
    if (!out.chunks.empty()) return true;
  }
  return false;
}

bool HeadChunkSource::take_views(const Series& series, SourceSeries& out) {
  if (range_.mint > range_.maxt) return false;
  const Ordinal o = series.ordinal;
  const sync::MutexLock index_lock(head_.index_mutex);
  {
    const HeadShard& shard = head_.shard(o);
    const sync::MutexLock lock(shard.mutex);
    // Collected since: its samples lie before what this may see.
    if (shard.refs[o] != series.ref()) return false;
    visible_ = {range_.mint, std::min(range_.maxt, shard.newest_visible(o, reader_.watermark))};
    if (visible_.mint > visible_.maxt) return false;
    shard.chunks.view(shard.hot[o], shard.full[o], visible_, views_);
    if (views_.full.empty() && !views_.has_open) return false;
    if (const auto at = shard.deleted.find(o); at != shard.deleted.end()) out.deleted = at->second;
  }
  out.labels = head_.index.labels(o);
  return true;
}

Result<void> HeadChunkSource::add_chunks(SourceSeries& out) {
  keepers_.clear();
  for (const ChunkViews::Full& c : views_.full) {
    if (!c.is_mapped()) {
      out.chunks.push_back({c.range.mint, c.range.maxt, c.encoding, c.bytes});
      continue;
    }
    auto read = views_.files->read(c.place);
    if (!read) return pass(read);
    const HeadChunk& chunk = read->chunk;
    out.chunks.push_back({chunk.range.mint, chunk.range.maxt, chunk.encoding, chunk.bytes});
    keepers_.push_back(std::move(read->keeper));
    ++pages_touched_;
  }
  if (views_.has_open) {
    const std::uint8_t encoding = complete_open(views_, made_);
    out.chunks.push_back({views_.open.mint, views_.open.maxt(), encoding, made_});
  }
  // Whoever reads cuts at the end of its range, but does not know what is committed.
  ChunkToWrite& newest = out.chunks.back();
  if (visible_.maxt == range_.maxt || newest.maxt <= visible_.maxt) return {};
  auto cut = cut_behind(newest, visible_.maxt);
  if (!cut) return pass(cut);
  cut_ = std::move(*cut);
  out.chunks.pop_back();
  for (const BuiltChunk& c : cut_) out.chunks.push_back({c.range.mint, c.range.maxt, c.encoding, c.bytes});
  return {};
}

}  // namespace narthex::tsdb

#include "tsdb/head/head_querier.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <utility>

#include "storage/label_order.h"
#include "tsdb/head/matcher_postings.h"

namespace narthex::tsdb {
namespace {

TimeRange intersect(TimeRange a, TimeRange b) {
  return {std::max(a.mint, b.mint), std::min(a.maxt, b.maxt)};
}

/// Series of one select(): ordinals with the reference they had, and labels in the pool.
class HeadSeriesSet final : public storage::SeriesSet {
 public:
  HeadSeriesSet(HeadState& head, TimeRange range, CommitId watermark)
      : head_(head), range_(range), watermark_(watermark) {}

  [[nodiscard]] std::size_t size() const override { return series_.size(); }
  [[nodiscard]] std::span<const PairId> labels(std::size_t i) const override {
    return std::span(pairs_).subspan(series_[i].first_pair, series_[i].pairs);
  }
  Result<void> samples(std::size_t i, TimeRange range, storage::SampleColumns& out) const override;

  void add(Ordinal ordinal, WalRef ref, std::span<const PairId> labels) {
    series_.push_back({ref, ordinal, static_cast<std::uint32_t>(labels.size()), pairs_.size()});
    pairs_.insert(pairs_.end(), labels.begin(), labels.end());
  }
  void sort(const LabelPool& pool) {
    const auto order =
        storage::order_by_labels(pool, series_.size(), [this](std::size_t i) { return labels(i); });
    std::vector<Series> sorted;
    sorted.reserve(series_.size());
    for (const std::uint32_t i : order) sorted.push_back(series_[i]);
    series_ = std::move(sorted);
  }
  void truncate(std::size_t limit) {
    if (limit > 0 && series_.size() > limit) series_.resize(limit);
  }

 private:
  struct Series {
    WalRef ref;
    Ordinal ordinal;
    std::uint32_t pairs;
    std::size_t first_pair;
  };

  HeadState& head_;
  TimeRange range_;
  CommitId watermark_;
  std::vector<Series> series_;
  std::vector<PairId> pairs_;
};

/// Takes samples behind `first` out that lie in one of the ranges.
void erase_deleted(std::span<const TimeRange> ranges, std::size_t first, storage::SampleColumns& out) {
  std::size_t kept = first;
  auto histogram = std::ranges::lower_bound(out.histograms, first, {}, &storage::HistogramSample::index);
  auto kept_histogram = histogram;
  for (std::size_t i = first; i < out.t.size(); ++i) {
    const bool is_histogram = histogram != out.histograms.end() && histogram->index == i;
    const auto source = is_histogram ? histogram++ : histogram;
    const auto holds = [t = out.t[i]](const TimeRange& r) { return r.contains(t); };
    if (std::ranges::any_of(ranges, holds)) continue;
    out.t[kept] = out.t[i];
    out.v[kept] = out.v[i];
    if (!out.st.empty()) out.st[kept] = out.st[i];
    if (is_histogram) {
      if (source != kept_histogram) kept_histogram->value = std::move(source->value);
      (kept_histogram++)->index = kept;
    }
    ++kept;
  }
  out.t.resize(kept);
  out.v.resize(kept);
  if (!out.st.empty()) out.st.resize(kept);
  out.histograms.erase(kept_histogram, out.histograms.end());
}

Result<void> HeadSeriesSet::samples(std::size_t i, TimeRange range, storage::SampleColumns& out) const {
  // Kept per thread: a query over a million series must not allocate for each.
  static thread_local ChunkViews views;
  std::vector<TimeRange> deleted;
  range = intersect(range, range_);
  if (range.mint > range.maxt) return {};
  const Series& series = series_[i];
  {
    const HeadShard& shard = head_.shard(series.ordinal);
    const sync::MutexLock lock(shard.mutex);
    // Collected since: its samples lie before what this reader may see here.
    if (shard.refs[series.ordinal] != series.ref) return {};
    const HotSeries& hot = shard.hot[series.ordinal];
    if (shard.epoch + hot.commit > watermark_ && hot.commit > 0) {
      const auto older = shard.side.find(series.ordinal, watermark_);
      const Timestamp visible = older ? *older : hot.visible_maxt;
      range.maxt = std::min(range.maxt, visible);
      if (visible == kMinTime || range.mint > range.maxt) return {};
    }
    if (!shard.deleted.empty()) {
      if (const auto at = shard.deleted.find(series.ordinal); at != shard.deleted.end()) deleted = at->second;
    }
    shard.chunks.view(hot, shard.full[series.ordinal], range, views);
  }
  const std::size_t first = out.t.size();
  auto decoded = decode_views(views, range, out);
  if (!deleted.empty()) erase_deleted(deleted, first, out);
  return decoded;
}

/// The head's pair numbers as ids of the query's pool; each is interned once.
class PairTranslator {
 public:
  PairTranslator(const PairDictionary& dictionary, LabelPool& pool, std::size_t series)
      : dictionary_(dictionary), pool_(pool), names_(dictionary.names_end(), kUnknownName) {
    static constexpr std::size_t kManySeries = 4096;
    if (series >= kManySeries) dense_.assign(dictionary.pairs_end(), kUnknownPair);
  }

  PairId translate(PairNumber number) {
    PairId& known = dense_.empty() ? sparse_.try_emplace(number, kUnknownPair).first->second : dense_[number];
    if (known == kUnknownPair) {
      NameId& name = names_[dictionary_.name_of(number)];
      if (name == kUnknownName) name = pool_.name(dictionary_.name_text(dictionary_.name_of(number)));
      known = pool_.pair(name, dictionary_.value(number));
    }
    return known;
  }

 private:
  static constexpr PairId kUnknownPair{0xffff'ffff};
  static constexpr NameId kUnknownName{0xffff'ffff};
  const PairDictionary& dictionary_;
  LabelPool& pool_;
  std::vector<NameId> names_;
  std::vector<PairId> dense_;
  boost::unordered_flat_map<PairNumber, PairId> sparse_;
};

/// Whether one deletion covers all that the series has in `range`.
bool is_deleted(const HeadShard& shard, Ordinal o, TimeRange range) NARTHEX_REQUIRES(shard.mutex) {
  const auto at = shard.deleted.find(o);
  if (at == shard.deleted.end()) return false;
  const HotSeries& s = shard.hot[o];
  const TimeRange own = intersect(range, {shard.chunks.mint(s, shard.full[o]), s.maxt()});
  return std::ranges::any_of(at->second,
                             [&](const TimeRange& r) { return r.mint <= own.mint && own.maxt <= r.maxt; });
}

/// Series that have, or may have, samples in `range`, with their references.
std::vector<std::pair<Ordinal, WalRef>> with_samples_in(const HeadState& head, TimeRange range,
                                                        std::span<const Ordinal> series) {
  static constexpr std::size_t kAhead = 16;
  std::vector<std::pair<Ordinal, WalRef>> kept;
  kept.reserve(series.size());
  for (std::size_t i = 0; i < series.size();) {
    // Ordinals ascend: those of a page are neighbours.
    const Ordinal page = series[i] / kPageOrdinals;
    const HeadShard& shard = head.shard(series[i]);
    std::size_t end = i;
    while (end < series.size() && series[end] / kPageOrdinals == page) ++end;
    const sync::MutexLock lock(shard.mutex);
    for (; i < end; ++i) {
      if (i + kAhead < end) __builtin_prefetch(&shard.hot[series[i + kAhead]]);
      const Ordinal o = series[i];
      const HotSeries& hot = shard.hot[o];
      const bool too_new = shard.full[o].empty() && hot.mint > range.maxt;
      if (hot.empty() || hot.maxt() < range.mint || too_new) continue;
      if (!shard.deleted.empty() && is_deleted(shard, o, range)) [[unlikely]]
        continue;
      kept.emplace_back(o, shard.refs[o]);
    }
  }
  return kept;
}

std::vector<std::string> sorted_and_limited(std::vector<std::string> texts, std::size_t limit) {
  std::ranges::sort(texts);
  if (limit > 0 && texts.size() > limit) texts.resize(limit);
  return texts;
}

}  // namespace

HeadQuerier::HeadQuerier(HeadState& head, TimeRange range)
    : head_(head), range_(range), reader_(head.isolation.open_reader()) {
  range_.mint = std::max(range_.mint, head.floor.load(std::memory_order_acquire));
}

HeadQuerier::~HeadQuerier() {
  head_.isolation.close_reader(reader_);
}

Result<std::unique_ptr<storage::SeriesSet>> HeadQuerier::select(TimeRange range,
                                                                std::span<const Matcher> matchers,
                                                                LabelPool& pool,
                                                                const storage::SelectOptions& options) {
  range = intersect(range, range_);
  auto set = std::make_unique<HeadSeriesSet>(head_, range, reader_.watermark);
  if (range.mint > range.maxt) return set;
  {
    const sync::MutexLock lock(head_.index_mutex);
    const auto series = with_samples_in(head_, range, matching_series(head_.index, matchers));
    PairTranslator translator(head_.index.dictionary(), pool, series.size());
    LabelIds ids;
    for (const auto& [ordinal, ref] : series) {
      if (!options.sorted && options.limit > 0 && set->size() == options.limit) break;
      ids.clear();
      for (const PairNumber p : head_.index.pairs(ordinal)) ids.push_back(translator.translate(p));
      set->add(ordinal, ref, ids);
    }
  }
  if (options.sorted) set->sort(pool);
  set->truncate(options.limit);
  return set;
}

Result<std::vector<std::string>> HeadQuerier::label_names(std::span<const Matcher> matchers,
                                                          std::size_t limit) {
  std::vector<std::string> names;
  const sync::MutexLock lock(head_.index_mutex);
  const PairDictionary& dictionary = head_.index.dictionary();
  std::vector<bool> has(dictionary.names_end());
  if (matchers.empty()) {
    for (NameNumber n = 0; n < dictionary.names_end(); ++n) {
      has[n] = std::ranges::any_of(dictionary.pairs_of(n),
                                   [&](PairNumber p) { return !dictionary.postings(p).empty(); });
    }
  } else {
    for (const Ordinal o : matching_series(head_.index, matchers)) {
      for (const PairNumber p : head_.index.pairs(o)) has[dictionary.name_of(p)] = true;
    }
  }
  for (NameNumber n = 0; n < dictionary.names_end(); ++n) {
    if (has[n]) names.emplace_back(dictionary.name_text(n));
  }
  return sorted_and_limited(std::move(names), limit);
}

Result<std::vector<std::string>> HeadQuerier::label_values(std::string_view name,
                                                           std::span<const Matcher> matchers,
                                                           std::size_t limit) {
  std::vector<std::string> values;
  const sync::MutexLock lock(head_.index_mutex);
  const PairDictionary& dictionary = head_.index.dictionary();
  const NameNumber number = dictionary.find_name(name);
  if (number == kNoNumber) return values;
  if (matchers.empty()) {
    for (const PairNumber p : dictionary.pairs_of(number)) {
      if (!dictionary.postings(p).empty()) values.emplace_back(dictionary.value(p));
    }
  } else {
    boost::unordered_flat_set<PairNumber> seen;
    for (const Ordinal o : matching_series(head_.index, matchers)) {
      const PairNumber p = head_.index.pair_of(o, number);
      if (p != kNoNumber && seen.insert(p).second) values.emplace_back(dictionary.value(p));
    }
  }
  return sorted_and_limited(std::move(values), limit);
}

}  // namespace narthex::tsdb

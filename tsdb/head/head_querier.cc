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

/// What a querier sees.
struct HeadView {
  TimeRange asked;
  TimeRange in_order;  ///< `asked` without what blocks hold
  CommitId watermark;
  std::uint64_t ooo_floor;
};

/// Taken of a series under the mutex.
struct Taken {
  TimeRange in_order;
  ChunkViews chunks;
  OooViews late;
  std::vector<TimeRange> deleted;
};

/// Series of one select(): ordinals with the reference they had, and labels in the pool.
class HeadSeriesSet final : public storage::SeriesSet {
 public:
  HeadSeriesSet(HeadState& head, const HeadView& view) : head_(head), view_(view) {}

  [[nodiscard]] std::size_t size() const override { return series_.size(); }
  [[nodiscard]] std::span<const PairId> labels(std::size_t i) const override {
    return std::span(pairs_).subspan(series_[i].first_pair, series_[i].pairs);
  }
  Result<void> samples(std::size_t i, TimeRange range, storage::SampleColumns& out) const override;

  /// @param pairs  that a series has, roughly: growing in steps copies a million series several times
  void reserve(std::size_t series, std::size_t pairs) {
    series_.reserve(series);
    pairs_.reserve(series * pairs);
  }
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
  [[nodiscard]] std::size_t size_bytes() const {
    return series_.capacity() * sizeof(Series) + pairs_.capacity() * sizeof(PairId);
  }

 private:
  struct Series {
    WalRef ref;
    Ordinal ordinal;
    std::uint32_t pairs;
    std::size_t first_pair;
  };

  /// Under the shard's mutex. @return  false: the series is gone
  bool take_views(const Series& series, TimeRange asked, Taken& taken) const;

  HeadState& head_;
  HeadView view_;
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

bool HeadSeriesSet::take_views(const Series& series, TimeRange asked, Taken& taken) const {
  const Ordinal o = series.ordinal;
  const HeadShard& shard = head_.shard(o);
  const sync::MutexLock lock(shard.mutex);
  // Collected since: its samples lie before what this reader may see here.
  if (shard.refs[o] != series.ref) return false;
  taken.in_order = intersect(asked, view_.in_order);
  taken.in_order.maxt = std::min(taken.in_order.maxt, shard.newest_visible(o, view_.watermark));
  taken.chunks.clear();
  if (taken.in_order.mint <= taken.in_order.maxt)
    shard.chunks.view(shard.hot[o], shard.full[o], taken.in_order, taken.chunks);
  taken.late.clear();
  if (head_.overlaps_out_of_order(asked)) {
    const sync::MutexLock ooo_lock(head_.ooo_mutex);
    head_.ooo.view(o, asked, view_.ooo_floor, taken.late);
  }
  taken.deleted.clear();
  if (!shard.deleted.empty()) {
    if (const auto at = shard.deleted.find(o); at != shard.deleted.end()) taken.deleted = at->second;
  }
  return true;
}

Result<void> HeadSeriesSet::samples(std::size_t i, TimeRange range, storage::SampleColumns& out) const {
  // Kept per thread: a query over a million series must not allocate for each.
  static thread_local Taken taken;
  range = intersect(range, view_.asked);
  if (range.mint > range.maxt || !take_views(series_[i], range, taken)) return {};
  const std::size_t first = out.t.size();
  if (taken.in_order.mint <= taken.in_order.maxt) {
    if (auto done = decode_views(taken.chunks, taken.in_order, out); !done) return done;
  }
  if (!taken.late.empty()) {
    OooMerger merger;
    auto added = add_views(taken.late, head_.chunk_files, merger);
    taken.late.clear();
    if (!added) return added;
    merger.merge_into(out, first, range);
  }
  if (!taken.deleted.empty()) erase_deleted(taken.deleted, first, out);
  return {};
}

/// The head's pair numbers as ids of the query's pool; each is interned once.
class PairTranslator {
 public:
  PairTranslator(const PairDictionary& dictionary, LabelPool& pool, std::size_t series,
                 const storage::SelectOptions& options)
      : dictionary_(dictionary), pool_(pool), names_(dictionary.names_end(), kUnknownName) {
    static constexpr std::size_t kManySeries = 4096;
    if (series >= kManySeries) dense_.assign(dictionary.pairs_end(), kUnknownPair);
    if (!options.wanted_labels) return;
    wanted_.emplace(dictionary.names_end(), false);
    for (const std::string& name : *options.wanted_labels)
      if (const NameNumber number = dictionary.find_name(name); number != kNoNumber)
        (*wanted_)[number] = true;
    none_wanted_ = options.wanted_labels->empty();
  }

  /// Replaces `out` by those of a series' pairs that are wanted.
  void translate(std::span<const PairNumber> pairs, LabelIds& out) {
    out.clear();
    if (none_wanted_) return;
    for (const PairNumber number : pairs)
      if (!wanted_ || (*wanted_)[dictionary_.name_of(number)]) out.push_back(translate(number));
  }

 private:
  PairId translate(PairNumber number) {
    PairId& known = dense_.empty() ? sparse_.try_emplace(number, kUnknownPair).first->second : dense_[number];
    if (known == kUnknownPair) {
      NameId& name = names_[dictionary_.name_of(number)];
      if (name == kUnknownName) name = pool_.name(dictionary_.name_text(dictionary_.name_of(number)));
      known = pool_.pair(name, dictionary_.value(number));
    }
    return known;
  }

  static constexpr PairId kUnknownPair{0xffff'ffff};
  static constexpr NameId kUnknownName{0xffff'ffff};
  const PairDictionary& dictionary_;
  LabelPool& pool_;
  std::vector<NameId> names_;
  std::vector<PairId> dense_;
  boost::unordered_flat_map<PairNumber, PairId> sparse_;
  std::optional<std::vector<bool>> wanted_;  ///< by name; not set: all are
  bool none_wanted_ = false;
};

bool has_late(const HeadState& head, Ordinal o, const HeadView& view) {
  const sync::MutexLock lock(head.ooo_mutex);
  return head.ooo.overlaps(o, view.asked, view.ooo_floor);
}

/// Whether one deletion covers all that the series has in order in `range`.
bool is_deleted(const HeadShard& shard, Ordinal o, TimeRange range) NARTHEX_REQUIRES(shard.mutex) {
  const auto at = shard.deleted.find(o);
  if (at == shard.deleted.end()) return false;
  const HotSeries& s = shard.hot[o];
  const TimeRange own = intersect(range, {shard.chunks.mint(s, shard.full[o]), s.maxt()});
  return std::ranges::any_of(at->second,
                             [&](const TimeRange& r) { return r.mint <= own.mint && own.maxt <= r.maxt; });
}

/// Series that have, or may have, samples that are seen, with their references.
std::vector<std::pair<Ordinal, WalRef>> with_samples_in(const HeadState& head, const HeadView& view,
                                                        std::span<const Ordinal> series) {
  static constexpr std::size_t kAhead = 16;
  std::vector<std::pair<Ordinal, WalRef>> kept;
  kept.reserve(series.size());
  const bool any_late = head.overlaps_out_of_order(view.asked);
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
      const TimeRange& range = view.in_order;
      const bool too_new = shard.full[o].empty() && hot.mint > range.maxt;
      bool none = hot.empty() || hot.maxt() < range.mint || range.mint > range.maxt || too_new;
      if (!none && !shard.deleted.empty()) [[unlikely]]
        none = is_deleted(shard, o, range);
      if (none && !(any_late && has_late(head, o, view))) continue;
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
    : head_(head),
      asked_(range),
      range_(range),
      reader_(head.isolation.open_reader()),
      ooo_floor_(head.ooo_floor.load(std::memory_order_acquire)) {
  range_.mint = std::max(range_.mint, head.floor.load(std::memory_order_acquire));
}

HeadQuerier::~HeadQuerier() {
  head_.isolation.close_reader(reader_);
}

Result<std::unique_ptr<storage::SeriesSet>> HeadQuerier::select(TimeRange range,
                                                                std::span<const Matcher> matchers,
                                                                LabelPool& pool,
                                                                const storage::SelectOptions& options) {
  const HeadView view{.asked = intersect(range, asked_),
                      .in_order = intersect(range, range_),
                      .watermark = reader_.watermark,
                      .ooo_floor = ooo_floor_};
  auto set = std::make_unique<HeadSeriesSet>(head_, view);
  if (view.asked.mint > view.asked.maxt) return set;
  {
    const sync::MutexLock lock(head_.index_mutex);
    const auto matching = matching_series(head_.index, matchers);
    if (options.budget) {
      constexpr std::size_t kBytesEach = sizeof(Ordinal) + sizeof(std::pair<Ordinal, WalRef>);
      if (auto fits = options.budget->hold(matching.size() * kBytesEach); !fits) return pass(fits);
    }
    const auto series = with_samples_in(head_, view, matching);
    storage::SelectMeter meter(options.budget, pool);
    PairTranslator translator(head_.index.dictionary(), pool, series.size(), options);
    LabelIds ids;
    if (!series.empty()) {
      translator.translate(head_.index.pairs(series.front().first), ids);
      set->reserve(series.size(), ids.size());
    }
    for (const auto& [ordinal, ref] : series) {
      if (!options.sorted && options.limit > 0 && set->size() == options.limit) break;
      translator.translate(head_.index.pairs(ordinal), ids);
      set->add(ordinal, ref, ids);
      if (auto fits = meter.series_added(set->size_bytes()); !fits) return pass(fits);
    }
    if (auto fits = meter.settle(set->size_bytes()); !fits) return pass(fits);
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

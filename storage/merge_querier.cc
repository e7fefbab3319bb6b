#include "storage/merge_querier.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <utility>

#include "storage/label_order.h"

namespace narthex::storage {
namespace {

struct LabelsHash {
  std::size_t operator()(std::span<const PairId> ids) const {
    std::uint64_t h = 0x9e37'79b9'7f4a'7c15;
    for (const PairId p : ids) {
      h = (h ^ static_cast<std::uint32_t>(p)) * 0xff51'afd7'ed55'8ccd;
      h ^= h >> 32;
    }
    return h;
  }
};
struct LabelsEqual {
  bool operator()(std::span<const PairId> a, std::span<const PairId> b) const {
    return std::ranges::equal(a, b);
  }
};

class MergedSeriesSet final : public SeriesSet {
 public:
  /// Of all sets, while they are grouped.
  static constexpr std::size_t kBytesPerSeries = 64;

  explicit MergedSeriesSet(std::vector<std::unique_ptr<SeriesSet>> sets) : sets_(std::move(sets)) {
    group_by_labels();
  }

  [[nodiscard]] std::size_t size() const override { return series_.size(); }
  [[nodiscard]] std::span<const PairId> labels(std::size_t i) const override {
    return labels_of(sources_[series_[i]]);
  }
  Result<void> samples(std::size_t i, TimeRange range, SampleColumns& out) const override;

  void sort(const LabelPool& pool) {
    const auto order = order_by_labels(pool, size(), [this](std::size_t i) { return labels(i); });
    std::vector<std::uint32_t> sorted;
    sorted.reserve(series_.size());
    for (const std::uint32_t i : order) sorted.push_back(series_[i]);
    series_ = std::move(sorted);
  }
  void truncate(std::size_t limit) {
    if (limit > 0 && series_.size() > limit) series_.resize(limit);
  }

 private:
  static constexpr std::uint32_t kNone = 0xffff'ffff;
  /// Series `index` of one set, and the same series in a later set.
  struct Source {
    std::uint32_t set;
    std::uint32_t index;
    std::uint32_t next = kNone;
  };

  [[nodiscard]] std::span<const PairId> labels_of(const Source& s) const {
    return sets_[s.set]->labels(s.index);
  }
  void group_by_labels();

  std::vector<std::unique_ptr<SeriesSet>> sets_;
  std::vector<Source> sources_;
  std::vector<std::uint32_t> series_;  // each its first source
};

/// Stores mostly have the same series in the same order: each is first looked for behind the one before, and
/// by its labels only where it is not there.
void MergedSeriesSet::group_by_labels() {
  std::size_t all = 0;
  for (const auto& set : sets_) all += set->size();
  sources_.reserve(all);
  std::vector<std::uint32_t> last;  // of each series, the source seen last
  boost::unordered_flat_map<std::span<const PairId>, std::size_t, LabelsHash, LabelsEqual> by_labels;
  std::size_t indexed = 0;
  const auto find = [&](std::span<const PairId> wanted, std::size_t guess) {
    if (guess < series_.size() && LabelsEqual()(labels(guess), wanted)) return guess;
    for (; indexed < series_.size(); ++indexed) by_labels.emplace(labels(indexed), indexed);
    const auto at = by_labels.find(wanted);
    return at == by_labels.end() ? series_.size() : at->second;
  };
  for (std::uint32_t set = 0; set < sets_.size(); ++set) {
    std::size_t guess = 0;
    for (std::uint32_t i = 0; i < sets_[set]->size(); ++i) {
      const auto number = static_cast<std::uint32_t>(sources_.size());
      const Source source{set, i};
      // A store has each series once.
      const std::size_t series = set == 0 ? series_.size() : find(labels_of(source), guess);
      sources_.push_back(source);
      if (series == series_.size()) {
        series_.push_back(number);
        last.push_back(number);
      } else {
        sources_[last[series]].next = number;
        last[series] = number;
        guess = series + 1;
      }
    }
  }
}

/// Start timestamps are absent or as many as the times; a store without any may meet one with.
/// @param times, starts  how many there were before the last store appended its own
void even_out_start_times(SampleColumns& c, std::size_t times, std::size_t starts) {
  if (c.st.empty()) return;
  if (starts < times) c.st.insert(c.st.begin() + static_cast<std::ptrdiff_t>(starts), times - starts, 0);
  c.st.resize(c.t.size(), 0);
}

Result<void> MergedSeriesSet::samples(std::size_t i, TimeRange range, SampleColumns& out) const {
  const std::size_t base = out.t.size();
  for (std::uint32_t at = series_[i]; at != kNone; at = sources_[at].next) {
    const std::size_t times = out.t.size();
    const std::size_t starts = out.st.size();
    const Source& s = sources_[at];
    if (auto done = sets_[s.set]->samples(s.index, range, out); !done) return done;
    even_out_start_times(out, times, starts);
    if (times > base && times < out.t.size() && out.t[times] <= out.t[times - 1]) {
      merge_appended(out, base, times);
    }
  }
  return {};
}

std::vector<std::string> merge_texts(std::vector<std::string> texts, std::size_t limit) {
  std::ranges::sort(texts);
  texts.erase(std::ranges::unique(texts).begin(), texts.end());
  if (limit > 0 && texts.size() > limit) texts.resize(limit);
  return texts;
}

}  // namespace

void merge_appended(SampleColumns& c, std::size_t base, std::size_t begin) {
  SampleColumns merged;
  merged.t.reserve(c.t.size() - base);
  auto histogram = std::ranges::lower_bound(c.histograms, base, {}, &HistogramSample::index);
  const auto first_histogram = histogram - c.histograms.begin();
  auto later = std::ranges::lower_bound(c.histograms, begin, {}, &HistogramSample::index);
  const auto later_begin = later;
  const bool has_st = !c.st.empty();

  bool was_later = false;
  const auto take = [&](std::size_t i, auto& next, auto end) {
    const bool changes = std::exchange(was_later, i >= begin) != (i >= begin);
    while (next != end && next->index < i) ++next;
    if (next != end && next->index == i) {
      CounterResetHint& hint = next->value.hint;
      // Behind a sample of the other store nobody knows whether a counter was reset.
      if (changes && hint != CounterResetHint::gauge) hint = CounterResetHint::unknown;
      merged.histograms.push_back({base + merged.t.size(), std::move(next->value)});
      ++next;
    }
    merged.t.push_back(c.t[i]);
    merged.v.push_back(c.v[i]);
    if (has_st) merged.st.push_back(c.st[i]);
  };
  std::size_t a = base;
  std::size_t b = begin;
  while (a < begin || b < c.t.size()) {
    if (b == c.t.size() || (a < begin && c.t[a] <= c.t[b])) {
      if (b < c.t.size() && c.t[a] == c.t[b]) ++b;
      take(a++, histogram, later_begin);
    } else {
      take(b++, later, c.histograms.end());
    }
  }
  const auto cut = [](auto& column, std::size_t at, auto& from) {
    column.resize(at);
    column.insert(column.end(), from.begin(), from.end());
  };
  cut(c.t, base, merged.t);
  cut(c.v, base, merged.v);
  if (has_st) cut(c.st, base, merged.st);
  c.histograms.erase(c.histograms.begin() + first_histogram, c.histograms.end());
  std::ranges::move(merged.histograms, std::back_inserter(c.histograms));
}

Result<std::unique_ptr<SeriesSet>> MergeQuerier::select(TimeRange range, std::span<const Matcher> matchers,
                                                        LabelPool& pool, const SelectOptions& options) {
  if (stores_.size() == 1) return stores_.front()->select(range, matchers, pool, options);
  std::vector<std::unique_ptr<SeriesSet>> sets;
  for (const auto& store : stores_) {
    // No limit here: half of a series' samples would be missing where one store cut it off.
    auto set = store->select(range, matchers, pool, {.budget = options.budget});
    if (!set) return set;
    if ((*set)->size() > 0) sets.push_back(std::move(*set));
  }
  if (options.budget) {
    std::size_t series = 0;
    for (const auto& set : sets) series += set->size();
    if (auto held = options.budget->hold(series * MergedSeriesSet::kBytesPerSeries); !held) return pass(held);
  }
  auto merged = std::make_unique<MergedSeriesSet>(std::move(sets));
  if (options.sorted) merged->sort(pool);
  merged->truncate(options.limit);
  return merged;
}

Result<std::vector<std::string>> MergeQuerier::label_names(std::span<const Matcher> matchers,
                                                           std::size_t limit) {
  std::vector<std::string> all;
  for (const auto& store : stores_) {
    auto names = store->label_names(matchers, limit);
    if (!names) return names;
    std::ranges::move(*names, std::back_inserter(all));
  }
  return merge_texts(std::move(all), limit);
}

Result<std::vector<std::string>> MergeQuerier::label_values(std::string_view name,
                                                            std::span<const Matcher> matchers,
                                                            std::size_t limit) {
  std::vector<std::string> all;
  for (const auto& store : stores_) {
    auto values = store->label_values(name, matchers, limit);
    if (!values) return values;
    std::ranges::move(*values, std::back_inserter(all));
  }
  return merge_texts(std::move(all), limit);
}

}  // namespace narthex::storage

#include "tsdb/head/series_order.h"

#include <algorithm>
#include <cstdint>
#include <span>

namespace narthex::tsdb {
namespace {

/// Commits and queries get a turn between slices.
constexpr std::size_t kSlice = 4096;

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

struct Entry {
  std::uint64_t first_two;  ///< ranks of the first two pairs: nearly all comparisons end here
  std::span<const PairNumber> pairs;
  Ordinal ordinal;
};

}  // namespace

std::vector<Ordinal> order_by_labels(HeadState& head, const boost::unordered_flat_set<Ordinal>* only) {
  // Nothing published is forgotten while the turn to collect is held, so labels and their texts stay
  // where they are.
  std::vector<Entry> entries;
  PairRanks ranks(0);
  Ordinal end;
  {
    const sync::MutexLock lock(head.index_mutex);
    end = head.index.ordinals_end();
    ranks = PairRanks(head.index.dictionary().pairs_end());
    entries.reserve(only != nullptr ? only->size() : head.index.all().cardinality());
  }
  for (Ordinal begin = 0; begin < end; begin += kSlice) {
    const sync::MutexLock lock(head.index_mutex);
    for (Ordinal o = begin; o < std::min<std::size_t>(end, begin + kSlice); ++o) {
      if (!head.index.is_published(o) || (only != nullptr && !only->contains(o))) continue;
      const auto pairs = head.index.pairs(o);
      for (const PairNumber p : pairs) ranks.note(head.index.dictionary(), p);
      entries.push_back({0, pairs, o});
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
  std::vector<Ordinal> ordered;
  ordered.reserve(entries.size());
  for (const Entry& e : entries) ordered.push_back(e.ordinal);
  return ordered;
}

}  // namespace narthex::tsdb

#include "tsdb/head/matcher_postings.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <optional>
#include <string_view>

namespace narthex::tsdb {
namespace {

/// A matcher that is still to be applied, with what it will cost.
struct Step {
  const Matcher* matcher;
  NameNumber name;
  bool keeps;  // true: its pairs name what stays; false: what goes
  std::size_t cost;
};

Roaring series_of(const PairDictionary& dictionary, std::span<const PairNumber> pairs) {
  std::vector<const Roaring*> bitmaps;
  std::vector<Ordinal> small;
  for (const PairNumber p : pairs) {
    const Postings& postings = dictionary.postings(p);
    if (const Roaring* bitmap = postings.bitmap()) {
      bitmaps.push_back(bitmap);
    } else {
      postings.append_to(small);
    }
  }
  Roaring all = bitmaps.empty() ? Roaring() : Roaring::fastunion(bitmaps.size(), bitmaps.data());
  std::ranges::sort(small);
  all.addMany(small.size(), small.data());
  return all;
}

/// The values that a matcher of these kinds is about; other kinds have to be tried on each.
std::optional<std::vector<std::string_view>> literal_values(const Matcher& m) {
  if (!m.regex()) return std::vector<std::string_view>{m.value()};
  const auto& set = m.regex()->literal_set();
  if (set.empty()) return std::nullopt;
  return std::vector<std::string_view>(set.begin(), set.end());
}

bool is_negative(const Matcher& m) {
  return m.op() == MatchOp::not_equal || m.op() == MatchOp::not_regex;
}

/// True if the pairs with a value that `m` is about (its literals) are the ones that `keeps`
/// asks for, so that no other value has to be looked at.
bool literals_decide(const Matcher& m, bool keeps) {
  return is_negative(m) != keeps;
}

/// Pairs of the name that the matcher is satisfied by (keeps) or refuses (not keeps).
std::vector<PairNumber> deciding_pairs(const PairDictionary& dictionary, const Step& step) {
  std::vector<PairNumber> pairs;
  const Matcher& m = *step.matcher;
  if (step.name == kNoNumber) return pairs;
  if (const auto values = literal_values(m); values && literals_decide(m, step.keeps)) {
    for (const std::string_view v : *values) {
      if (const PairNumber p = dictionary.find(step.name, v); p != kNoNumber) pairs.push_back(p);
    }
    return pairs;
  }
  for (const PairNumber p : dictionary.pairs_of(step.name)) {
    if (m.matches(dictionary.value(p)) == step.keeps) pairs.push_back(p);
  }
  return pairs;
}

std::size_t cost_of(const PairDictionary& dictionary, const Matcher& m, NameNumber name, bool keeps) {
  if (name == kNoNumber) return 0;
  const auto values = literal_values(m);
  if (!values || !literals_decide(m, keeps)) return 1'000'000'000 + dictionary.pairs_of(name).size();
  std::size_t series = 0;
  for (const std::string_view v : *values) {
    const PairNumber p = dictionary.find(name, v);
    if (p != kNoNumber) series += dictionary.postings(p).count();
  }
  return series;
}

/// Tries the matcher on the values that the remaining series have.
void filter_one_by_one(const SeriesIndex& index, const Step& step, std::vector<Ordinal>& series) {
  boost::unordered_flat_map<PairNumber, bool> known;
  const bool absent_matches = step.matcher->matches_empty();
  std::erase_if(series, [&](Ordinal o) {
    const PairNumber p = step.name == kNoNumber ? kNoNumber : index.pair_of(o, step.name);
    if (p == kNoNumber) return !absent_matches;
    const auto [at, is_new] = known.try_emplace(p, false);
    if (is_new) at->second = step.matcher->matches(index.dictionary().value(p));
    return !at->second;
  });
}

std::vector<Ordinal> to_vector(const Roaring& bitmap) {
  std::vector<Ordinal> out(static_cast<std::size_t>(bitmap.cardinality()));
  bitmap.toUint32Array(out.data());
  return out;
}

std::vector<Step> plan(const PairDictionary& dictionary, std::span<const Matcher> matchers) {
  std::vector<Step> steps;
  for (const Matcher& m : matchers) {
    const NameNumber name = dictionary.find_name(m.name());
    const bool keeps = !m.matches_empty();
    steps.push_back({&m, name, keeps, cost_of(dictionary, m, name, keeps)});
  }
  // What keeps comes before what takes away: it makes the set small.
  std::ranges::sort(
      steps, [](const Step& a, const Step& b) { return a.keeps != b.keeps ? a.keeps : a.cost < b.cost; });
  return steps;
}

}  // namespace

std::vector<Ordinal> matching_series(const SeriesIndex& index, std::span<const Matcher> matchers) {
  /// A look at one series' labels costs about as much as trying a few values of the name.
  static constexpr std::size_t kFew = 64;
  const PairDictionary& dictionary = index.dictionary();
  const std::vector<Step> steps = plan(dictionary, matchers);
  if (steps.empty()) return to_vector(index.all());
  std::optional<Roaring> found;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    const std::uint64_t left = found ? found->cardinality() : index.all().cardinality();
    if (left == 0) return {};
    const std::size_t values = step.name == kNoNumber ? 0 : dictionary.pairs_of(step.name).size();
    if (found && (left <= kFew || left < values / 4)) {
      std::vector<Ordinal> series = to_vector(*found);
      for (const Step& rest : std::span(steps).subspan(i)) filter_one_by_one(index, rest, series);
      return series;
    }
    const Roaring decided = series_of(dictionary, deciding_pairs(dictionary, step));
    if (step.keeps) {
      found = found ? *found & decided : decided;
    } else {
      found = found ? *found - decided : index.all() - decided;
    }
  }
  return to_vector(*found);
}

}  // namespace narthex::tsdb

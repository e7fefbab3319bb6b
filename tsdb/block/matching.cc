#include "tsdb/block/matching.h"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <unordered_map>

namespace narthex::tsdb {
namespace {

/// Most matchers name a single value.
template <class T>
using Few = boost::container::small_vector<T, 1>;

/// The values that the matcher names one by one; empty if it does not.
Few<std::string_view> named_values(const Matcher& m) {
  if (m.op() == MatchOp::equal || m.op() == MatchOp::not_equal) return {std::string_view(m.value())};
  const std::vector<std::string>& set = m.regex()->literal_set();
  return {set.begin(), set.end()};
}

bool is_negative(const Matcher& m) {
  return m.op() == MatchOp::not_equal || m.op() == MatchOp::not_regex;
}

/// A matcher that is not a look-up. Either series without the label match (then those whose
/// value does not match are taken away) or not (then only those whose value matches stay).
struct Condition {
  const Matcher* matcher;
  std::uint64_t values;  ///< that the label has: what walking them costs
};

/// Decides conditions by the labels of single series.
class SeriesCheck {
 public:
  SeriesCheck(const IndexReader& index, const SymbolTable& symbols, std::span<const Condition> conditions)
      : index_(index), symbols_(symbols) {
    for (const Condition& c : conditions) checks_.push_back({c.matcher, symbols.find(c.matcher->name()), {}});
  }

  Result<bool> matches(std::uint32_t ref) {
    auto series = index_.series(ref);
    if (!series) return pass(series);
    values_.assign(checks_.size(), kAbsent);
    auto read = series->each_label([this](std::uint64_t name, std::uint64_t value) {
      for (std::size_t i = 0; i < checks_.size(); ++i)
        if (checks_[i].name == name) values_[i] = value;
    });
    if (!read) return pass(read);
    for (std::size_t i = 0; i < checks_.size(); ++i) {
      auto matched = matches(checks_[i], values_[i]);
      if (!matched || !*matched) return matched;
    }
    return true;
  }

 private:
  static constexpr std::uint64_t kAbsent = ~std::uint64_t{0};
  struct Check {
    const Matcher* matcher;
    std::optional<std::uint64_t> name;
    std::unordered_map<std::uint64_t, bool> decided;  ///< by value symbol
  };

  Result<bool> matches(Check& check, std::uint64_t value) {
    if (const auto known = check.decided.find(value); known != check.decided.end()) return known->second;
    bool matched = false;
    if (value == kAbsent) {
      matched = check.matcher->matches_empty();
    } else {
      auto text = symbols_.text(value);
      if (!text) return pass(text);
      matched = check.matcher->matches(*text);
    }
    check.decided.emplace(value, matched);
    return matched;
  }

  const IndexReader& index_;
  const SymbolTable& symbols_;
  std::vector<Check> checks_;
  std::vector<std::uint64_t> values_;
};

class Matching {
 public:
  Matching(const IndexReader& index, const PostingsTable& table, std::size_t matchers)
      : index_(index), table_(table) {
    required_.reserve(matchers);
  }

  Result<void> add(const Matcher& m);
  Result<SeriesRefs> run();

 private:
  struct Lists {
    Few<PostingsList> lists;
    std::size_t size = 0;
  };
  Result<Lists> look_up(const Matcher& m, std::span<const std::string_view> values) const;
  Result<SeriesRefs> walk_values(const Matcher& m, bool matching) const;
  Result<SeriesRefs> start();
  Result<void> decide_by_values(const Condition& condition, SeriesRefs& refs) const;
  Result<void> decide_by_series(std::span<const Condition> conditions, SeriesRefs& refs) const;

  const IndexReader& index_;
  const PostingsTable& table_;
  std::vector<Lists> required_;
  std::vector<Lists> excluded_;
  std::vector<Condition> conditions_;
};

Result<Matching::Lists> Matching::look_up(const Matcher& m, std::span<const std::string_view> values) const {
  Lists out;
  for (const std::string_view value : values) {
    auto list = index_.postings(m.name(), value);
    if (!list) return pass(list);
    if (list->size() == 0) continue;
    out.size += list->size();
    out.lists.push_back(*list);
  }
  return out;
}

Result<void> Matching::add(const Matcher& m) {
  const auto values = named_values(m);
  // An empty value is no entry in the table: it stands for series without the label.
  const bool plain = !values.empty() && std::ranges::find(values, std::string_view()) == values.end();
  if (!plain) {
    conditions_.push_back({&m, table_.count_values(m.name())});
    return {};
  }
  auto lists = look_up(m, values);
  if (!lists) return pass(lists);
  (is_negative(m) ? excluded_ : required_).push_back(*std::move(lists));
  return {};
}

/// The union of the postings of all values for which the matcher says `matching`.
Result<SeriesRefs> Matching::walk_values(const Matcher& m, bool matching) const {
  std::vector<PostingsList> lists;
  Result<void> fault;
  const bool by_prefix = matching && m.op() == MatchOp::regex;
  const std::string_view prefix = by_prefix ? m.regex()->prefix() : std::string_view();
  table_.each_value(m.name(), prefix, [&](std::string_view value, std::uint64_t offset) {
    if (m.matches(value) != matching) return true;
    auto list = index_.postings_at(offset);
    if (!list) {
      fault = pass(list);
      return false;
    }
    lists.push_back(*list);
    return true;
  });
  if (!fault) return pass(fault);
  return unite(lists);
}

/// The first candidates: by the shortest look-up, else by the label with the fewest values.
Result<SeriesRefs> Matching::start() {
  std::ranges::sort(required_, {}, &Lists::size);
  if (!required_.empty()) {
    auto refs = unite(required_.front().lists);
    required_.erase(required_.begin());
    return refs;
  }
  auto best = conditions_.end();
  for (auto c = conditions_.begin(); c != conditions_.end(); ++c) {
    if (c->matcher->matches_empty()) continue;
    if (best == conditions_.end() || c->values < best->values) best = c;
  }
  if (best != conditions_.end()) {
    const Matcher& m = *best->matcher;
    conditions_.erase(best);
    return walk_values(m, true);
  }
  auto all = index_.postings("", "");
  if (!all) return pass(all);
  return decode_postings(*all);
}

Result<void> Matching::decide_by_values(const Condition& condition, SeriesRefs& refs) const {
  const bool absent_matches = condition.matcher->matches_empty();
  auto found = walk_values(*condition.matcher, !absent_matches);
  if (!found) return pass(found);
  if (absent_matches)
    subtract(refs, *found);
  else
    intersect(refs, *found);
  return {};
}

Result<void> Matching::decide_by_series(std::span<const Condition> conditions, SeriesRefs& refs) const {
  auto symbols = index_.symbols();
  if (!symbols) return pass(symbols);
  SeriesCheck check(index_, **symbols, conditions);
  std::size_t kept = 0;
  for (const std::uint32_t ref : refs) {
    auto matched = check.matches(ref);
    if (!matched) return pass(matched);
    refs[kept] = ref;
    kept += *matched;
  }
  refs.resize(kept);
  return {};
}

Result<SeriesRefs> Matching::run() {
  auto refs = start();
  if (!refs) return refs;
  for (const Lists& lists : required_) {
    if (lists.lists.size() == 1) {
      intersect(*refs, lists.lists[0]);
      continue;
    }
    auto united = unite(lists.lists);
    if (!united) return united;
    intersect(*refs, *united);
  }
  for (const Lists& lists : excluded_)
    for (const PostingsList& list : lists.lists) subtract(*refs, list);
  std::vector<Condition> by_series;
  for (const Condition& condition : conditions_) {
    if (refs->size() <= 2 * condition.values) {
      by_series.push_back(condition);
    } else if (auto decided = decide_by_values(condition, *refs); !decided) {
      return pass(decided);
    }
  }
  if (!by_series.empty() && !refs->empty()) {
    if (auto decided = decide_by_series(by_series, *refs); !decided) return pass(decided);
  }
  return refs;
}

}  // namespace

Result<SeriesRefs> match_series(const IndexReader& index, std::span<const Matcher> matchers) {
  auto table = index.postings_table();
  if (!table) return pass(table);
  Matching matching(index, **table, matchers.size());
  for (const Matcher& m : matchers) {
    if (auto added = matching.add(m); !added) return pass(added);
  }
  return matching.run();
}

}  // namespace narthex::tsdb

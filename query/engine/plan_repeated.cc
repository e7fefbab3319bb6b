// QueryPlan: the parts that are written several times.
#include <compare>
#include <map>
#include <string>

#include "query/engine/plan.h"
#include "query/promql/parser.h"

namespace narthex::query {

namespace {

/// Longer texts are not compared: in a deeply nested query that would take its length squared.
constexpr std::size_t kLongestText = 4096;

std::size_t count_selectors(const Expr& e) {
  std::size_t n = e.as<VectorSelector>() ? 1 : 0;
  for_each_child(e, [&](const Expr& child) { n += count_selectors(child); });
  return n;
}

}  // namespace

/// Finds out how often each part stands in the query, and then which are worth evaluating once.
class QueryPlan::RepetitionFinder {
 public:
  RepetitionFinder(QueryPlan& plan, std::string_view text) : plan_(plan), text_(text) {}

  void run(const Expr& root) {
    count(root, nullptr);
    mark(root, 1);
  }

 private:
  /// A part is another where it stands on another grid, or where other things are wanted of its samples. Its
  /// text alone does not say what it means: the position of a selector ends before `smoothed`, as in
  /// Prometheus.
  struct Key {
    const Expr* subquery;
    std::string_view text;
    std::string printed;
    std::string selectors;
    auto operator<=>(const Key&) const = default;
  };

  /// @return  a letter for each selector below: whether only count and sum of its histograms are wanted
  std::string count(const Expr& e, const Expr* subquery) {
    std::string selectors;
    if (const auto* selector = e.as<VectorSelector>())
      selectors = plan_.wants_stats_only(*selector) ? "s" : "h";
    const Expr* below = e.as<Subquery>() ? &e : subquery;
    for_each_child(e, [&](const Expr& child) { selectors += count(child, below); });
    const std::size_t length = e.span.end - e.span.start;
    const bool is_part = e.as<MatrixSelector>() || (type_of(e) == ValueType::vector && !e.as<Paren>());
    if (selectors.empty() || !is_part || length > kLongestText) return selectors;
    Key key{subquery, text_.substr(e.span.start, length), print(e), selectors};
    const auto [at, is_new] = numbers_.try_emplace(std::move(key), places_.size());
    if (is_new) places_.push_back(0);
    ++places_[at->second];
    part_of_.emplace(&e, at->second);
    return selectors;
  }

  /// @param places  of what stands around `e` and is evaluated once already
  void mark(const Expr& e, std::size_t places) {
    if (const auto at = part_of_.find(&e); at != part_of_.end() && places_[at->second] > places) {
      places = places_[at->second];
      plan_.repeated_.emplace(&e, at->second);
      // Who else reads them may ask for other labels.
      if (const auto* selector = e.as<VectorSelector>()) plan_.aggregated_.erase(selector);
    }
    for_each_child(e, [&](const Expr& child) { mark(child, places); });
  }

  QueryPlan& plan_;
  std::string_view text_;
  std::map<Key, std::size_t> numbers_;
  std::vector<std::size_t> places_;  ///< of each part
  std::unordered_map<const Expr*, std::size_t> part_of_;
};

void QueryPlan::find_repeated(const Expr& root, std::string_view text) {
  if (count_selectors(root) > 1) RepetitionFinder(*this, text).run(root);
}

std::optional<std::size_t> QueryPlan::repeated_part(const Expr& e) const {
  const auto at = repeated_.find(&e);
  return at == repeated_.end() ? std::nullopt : std::optional(at->second);
}

}  // namespace narthex::query

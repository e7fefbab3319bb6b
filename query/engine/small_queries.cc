#include "query/engine/small_queries.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "query/promql/functions.h"

namespace narthex::query {

namespace {

constexpr std::size_t kMaxText = 1024;
constexpr std::int64_t kMaxSteps = 1000;
constexpr DurationMs kMaxSpan = DurationMs{24} * 3600 * 1000;
constexpr DurationMs kMaxWindow = DurationMs{1} * 3600 * 1000;
/// The bits of a place that are a second of the steady clock; differences of less than half of that are told.
constexpr std::uint64_t kSeconds = (std::uint64_t{1} << 24U) - 1;

std::uint64_t seconds_of(std::chrono::nanoseconds time) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

/// The same query at another time is the same.
std::uint64_t key_of(const QueryRequest& request) {
  std::uint64_t key = std::hash<std::string_view>()(request.query);
  const auto mix = [&key](std::uint64_t more) { key = (key ^ more) * 0xff51'afd7'ed55'8ccd; };
  mix(static_cast<std::uint64_t>(request.end) - static_cast<std::uint64_t>(request.start));
  mix(static_cast<std::uint64_t>(request.step));
  return key ^ key >> 32U;
}

std::size_t place_of(std::uint64_t key, std::size_t places) {
  return (key >> 24U) % places;
}

/// The series are named by some value of the label.
bool names_values(const Matcher& m) {
  if (m.op() == MatchOp::equal) return !m.value().empty();
  if (m.op() != MatchOp::regex) return false;
  const auto& values = m.regex()->literal_set();
  return !values.empty() && std::ranges::find(values, std::string()) == values.end();
}

/// Looks at the values of a label one by one.
bool walks_values(const Matcher& m) {
  return (m.op() == MatchOp::regex || m.op() == MatchOp::not_regex) && m.regex()->literal_set().empty();
}

bool is_looked_up(const VectorSelector& selector) {
  return std::ranges::any_of(selector.matchers, names_values) &&
         std::ranges::none_of(selector.matchers, walks_values);
}

bool is_short(const Duration& window) {
  return !window.expr && window.ms <= kMaxWindow;
}

bool has_short_steps(const ExprPtr& e) {
  return !e || SmallQueries::has_short_steps(*e);
}

struct ShortSteps {
  bool operator()(const NumberLiteral&) const { return true; }
  bool operator()(const StringLiteral&) const { return true; }
  bool operator()(const VectorSelector& selector) const { return is_looked_up(selector); }
  bool operator()(const MatrixSelector& matrix) const {
    return is_short(matrix.range) && has_short_steps(matrix.selector);
  }
  /// It has steps of its own, as many as it likes.
  bool operator()(const Subquery&) const { return false; }
  bool operator()(const Aggregate& aggregate) const {
    return has_short_steps(aggregate.expr) && has_short_steps(aggregate.param);
  }
  bool operator()(const Call& call) const {
    // info() looks for labels of any series.
    return call.function->id != FunctionId::info &&
           std::ranges::all_of(call.args, [](const ExprPtr& arg) { return has_short_steps(arg); });
  }
  bool operator()(const Binary& binary) const {
    return has_short_steps(binary.lhs) && has_short_steps(binary.rhs);
  }
  bool operator()(const Unary& unary) const { return has_short_steps(unary.expr); }
  bool operator()(const Paren& paren) const { return has_short_steps(paren.expr); }
};

}  // namespace

bool SmallQueries::has_short_steps(const Expr& root) {
  return std::visit(ShortSteps(), root.node);
}

bool SmallQueries::may_be_small(const QueryRequest& request, std::chrono::nanoseconds now) const {
  if (request.query.size() > kMaxText || request.profile != ProfileLevel::none) return false;
  // Times come from outside: their difference may be more than fits.
  const auto span = static_cast<double>(request.end) - static_cast<double>(request.start);
  if (span > kMaxSpan || (request.step > 0 && span / static_cast<double>(request.step) > kMaxSteps))
    return false;
  const std::uint64_t key = key_of(request);
  const std::uint64_t noted = given_up_[place_of(key, given_up_.size())].load(std::memory_order_relaxed);
  const bool is_over = ((noted - seconds_of(now)) & kSeconds) > kSeconds / 2;
  return is_over || ((noted ^ key) & ~kSeconds) != 0;
}

void SmallQueries::note_given_up(const QueryRequest& request, std::chrono::nanoseconds now, Limit met) {
  constexpr std::uint64_t kMemoryOfBytes = 60;
  constexpr std::uint64_t kMemoryOfTime = 2;
  const std::uint64_t key = key_of(request);
  const std::uint64_t until = seconds_of(now) + (met == Limit::bytes ? kMemoryOfBytes : kMemoryOfTime);
  given_up_[place_of(key, given_up_.size())].store((key & ~kSeconds) | (until & kSeconds),
                                                   std::memory_order_relaxed);
}

}  // namespace narthex::query

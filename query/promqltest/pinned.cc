#include "query/promqltest/pinned.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "query/promql/functions.h"
#include "query/promql/parser.h"

namespace narthex::query {
namespace {

constexpr std::array kTimeDependent = {
    FunctionId::time,        FunctionId::timestamp,    FunctionId::minute,         FunctionId::hour,
    FunctionId::day_of_week, FunctionId::day_of_month, FunctionId::day_of_year,    FunctionId::days_in_month,
    FunctionId::month,       FunctionId::year,         FunctionId::predict_linear, FunctionId::start,
    FunctionId::end,         FunctionId::range,        FunctionId::step,
};

/// False if the expression calls a function that depends on the time of evaluation.
class Pinner {
 public:
  explicit Pinner(Timestamp t) : at_{AtKind::timestamp, t} {}

  bool pin(Expr& e) {
    return std::visit([&](auto& node) { return pin(node); }, e.node);
  }

 private:
  bool pin(NumberLiteral&) { return true; }
  bool pin(StringLiteral&) { return true; }
  bool pin(VectorSelector& n) { return set(n.at); }
  bool pin(MatrixSelector& n) { return pin(*n.selector); }
  bool pin(Subquery& n) { return set(n.at); }
  bool pin(Aggregate& n) { return pin(*n.expr) && (!n.param || pin(*n.param)); }
  bool pin(Call& n) {
    if (std::ranges::find(kTimeDependent, n.function->id) != kTimeDependent.end()) return false;
    return std::ranges::all_of(n.args, [&](const ExprPtr& arg) { return pin(*arg); });
  }
  bool pin(Binary& n) { return pin(*n.lhs) && pin(*n.rhs); }
  bool pin(Unary& n) { return pin(*n.expr); }
  bool pin(Paren& n) { return pin(*n.expr); }

  bool set(AtModifier& at) {
    if (at.kind != AtKind::timestamp) at = at_;
    return true;
  }

  AtModifier at_;
};

}  // namespace

std::optional<std::string> pin(const Expr& query, Timestamp t) {
  const ExprPtr copy = clone(query);
  if (!Pinner(t).pin(*copy)) return std::nullopt;
  return print(*copy);
}

std::vector<Timestamp> times_for_pinned(Timestamp t) {
  if (t == 0) return {-1000, 0, 1000};
  return {-10 * t, 0, t / 5, t, 10 * t};
}

bool depends_on_query_range(std::string_view query) {
  return std::ranges::any_of(std::array<std::string_view, 4>{"start()", "end()", "range()", "step()"},
                             [&](std::string_view call) { return query.contains(call); });
}

}  // namespace narthex::query

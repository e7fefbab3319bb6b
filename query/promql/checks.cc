#include "query/promql/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "model/labels.h"
#include "query/promql/functions.h"

namespace narthex::query {
namespace {

/// A type's name within the language's implementation, which one error text shows.
std::string_view internal_name(ValueType t) {
  switch (t) {
    case ValueType::vector:
      return "vector";
    case ValueType::matrix:
      return "matrix";
    default:
      return documented_type(t);
  }
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool holds_samples_of_one_time(ValueType t) {
  return t == ValueType::scalar || t == ValueType::vector;
}

class Checker {
 public:
  Checker(std::string_view query, std::vector<ParseError>& errors) : query_(query), errors_(errors) {}

  ValueType check(Expr& e) {
    return std::visit([&](auto& node) { return check(e, node); }, e.node);
  }

 private:
  ValueType check(Expr&, NumberLiteral&) { return ValueType::scalar; }
  ValueType check(Expr&, StringLiteral&) { return ValueType::string; }
  ValueType check(Expr& e, VectorSelector& n);
  ValueType check(Expr&, MatrixSelector& n) {
    check(*n.selector);
    return ValueType::matrix;
  }
  ValueType check(Expr& e, Subquery& n);
  ValueType check(Expr& e, Aggregate& n);
  ValueType check(Expr& e, Call& n);
  ValueType check(Expr& e, Binary& n);
  ValueType check(Expr& e, Unary& n);
  ValueType check(Expr&, Paren& n) { return check(*n.expr); }

  void check_name(const Expr& e, const VectorSelector& n);
  void check_argument_count(const Expr& e, const Call& n);
  /// The selector, if it is one of labels only.
  const VectorSelector* check_info_selector(const Expr& call, const Expr& selector);
  void check_operator(const Expr& e, Binary& n, ValueType lhs, ValueType rhs);
  void check_matching(const Expr& e, Binary& n, ValueType lhs, ValueType rhs);
  void expect_type(Expr& e, ValueType want, std::string_view context);
  [[nodiscard]] Span operator_span(const Binary& n) const;
  void error(Span at, std::string text) { errors_.push_back({at, std::move(text)}); }

  std::string_view query_;
  std::vector<ParseError>& errors_;
  /// The second argument of info(), which may match everything.
  const VectorSelector* may_match_everything_ = nullptr;
};

ValueType Checker::check(Expr& e, VectorSelector& n) {
  if (!n.name.empty()) {
    check_name(e, n);
  } else if (&n != may_match_everything_ &&
             std::ranges::all_of(n.matchers, [](const Matcher& m) { return m.matches_empty(); })) {
    // A typo should not select every series there is.
    error(e.span, "vector selector must contain at least one non-empty matcher");
  }
  return ValueType::vector;
}

void Checker::check_name(const Expr& e, const VectorSelector& n) {
  for (std::size_t i = 0; i + 1 < n.matchers.size(); ++i) {
    const Matcher& m = n.matchers[i];
    if (m.name() == kMetricName)
      error(e.span,
            fmt::format("metric name must not be set twice: {} or {}", quote(n.name), quote(m.value())));
  }
}

ValueType Checker::check(Expr& e, Subquery& n) {
  const ValueType inner = check(*n.expr);
  if (inner != ValueType::vector)
    error(e.span,
          fmt::format("subquery is only allowed on instant vector, got {} instead", internal_name(inner)));
  return ValueType::matrix;
}

ValueType Checker::check(Expr&, Aggregate& n) {
  expect_type(*n.expr, ValueType::vector, "aggregation expression");
  if (n.param) {
    const auto want = n.op == AggregateOp::count_values ? ValueType::string : ValueType::scalar;
    expect_type(*n.param, want, "aggregation parameter");
  }
  return ValueType::vector;
}

ValueType Checker::check(Expr& e, Call& n) {
  const Function& f = *n.function;
  check_argument_count(e, n);
  const VectorSelector* info_labels =
      f.id == FunctionId::info && n.args.size() > 1 ? check_info_selector(e, *n.args[1]) : nullptr;
  for (std::size_t i = 0; i < n.args.size(); ++i) {
    if (i >= f.arg_types.size() && f.variadic == 0) break;
    if (i == 1) may_match_everything_ = info_labels;  // not before: the first may hold another info()
    const ValueType want = f.arg_types[std::min(i, f.arg_types.size() - 1)];
    const ValueType got = check(*n.args[i]);
    if (got != want)
      error(n.args[i]->span, fmt::format("expected type {} in call to function {}, got {}",
                                         documented_type(want), quote(f.name), documented_type(got)));
  }
  return f.return_type;
}

void Checker::check_argument_count(const Expr& e, const Call& n) {
  const Function& f = *n.function;
  const std::size_t types = f.arg_types.size();
  const std::size_t got = n.args.size();
  const auto refuse = [&](std::string_view how_many, std::size_t expected) {
    error(e.span, fmt::format("expected {}{} argument(s) in call to {}, got {}", how_many, expected,
                              quote(f.name), got));
  };
  if (f.variadic == 0) {
    if (got != types) refuse("", types);
    return;
  }
  const std::size_t least = types - 1;
  const std::size_t most = f.variadic > 0 ? least + static_cast<std::size_t>(f.variadic) : got;
  if (got < least) {
    refuse("at least ", least);
  } else if (got > most) {
    refuse("at most ", most);
  }
}

const VectorSelector* Checker::check_info_selector(const Expr& call, const Expr& selector) {
  const ValueType type = type_of(selector);
  if (type != ValueType::vector)
    error(call.span, fmt::format("expected type {} in call to function \"info\", got {}",
                                 documented_type(ValueType::vector), documented_type(type)));
  const auto* labels = selector.as<VectorSelector>();
  if (!labels) {
    error(selector.span, "expected label selectors only");
  } else if (!labels->name.empty()) {
    error(selector.span, "expected label selectors only, got vector selector instead");
    return nullptr;
  }
  return labels;
}

ValueType Checker::check(Expr& e, Binary& n) {
  const ValueType lhs = check(*n.lhs);
  const ValueType rhs = check(*n.rhs);
  check_operator(e, n, lhs, rhs);
  check_matching(e, n, lhs, rhs);
  const bool scalars = lhs == ValueType::scalar && rhs == ValueType::scalar;
  return scalars ? ValueType::scalar : ValueType::vector;
}

void Checker::check_operator(const Expr&, Binary& n, ValueType lhs, ValueType rhs) {
  const bool scalars = lhs == ValueType::scalar && rhs == ValueType::scalar;
  if (n.return_bool && !is_comparison(n.op))
    error(operator_span(n), "bool modifier can only be used on comparison operators");
  if (is_comparison(n.op) && !n.return_bool && scalars)
    error(operator_span(n), "comparisons between scalars must use BOOL modifier");

  VectorMatching& m = *n.matching;
  if (is_set_operator(n.op) && m.card == Cardinality::one_to_one) m.card = Cardinality::many_to_many;
  for (const std::string& label : m.labels)
    for (const std::string& included : m.include)
      if (m.on && label == included)
        error(operator_span(n),
              fmt::format("label {} must not occur in ON and GROUP clause at once", quote(label)));

  constexpr std::string_view kWrongOperand =
      "binary expression must contain only scalar and instant vector types";
  if (!holds_samples_of_one_time(lhs)) error(n.lhs->span, std::string(kWrongOperand));
  if (!holds_samples_of_one_time(rhs)) error(n.rhs->span, std::string(kWrongOperand));
}

void Checker::check_matching(const Expr& e, Binary& n, ValueType lhs, ValueType rhs) {
  const bool set = is_set_operator(n.op);
  const VectorMatching& m = *n.matching;
  const bool fills = m.fill_left || m.fill_right;
  if (lhs != ValueType::vector || rhs != ValueType::vector) {
    if (!m.labels.empty()) error(e.span, "vector matching only allowed between instant vectors");
    if (fills) error(e.span, "filling in missing series only allowed between instant vectors");
    n.matching.reset();
  } else if (set) {
    const bool grouped = m.card == Cardinality::one_to_many || m.card == Cardinality::many_to_one;
    if (grouped) error(e.span, fmt::format("no grouping allowed for {} operation", quote(text_of(n.op))));
    if (m.card != Cardinality::many_to_many) error(e.span, "set operations must always be many-to-many");
    if (fills) error(e.span, "filling in missing series not allowed for set operators");
  }
  if (set && (lhs == ValueType::scalar || rhs == ValueType::scalar))
    error(e.span,
          fmt::format("set operator {} not allowed in binary scalar expression", quote(text_of(n.op))));
}

ValueType Checker::check(Expr& e, Unary& n) {
  const ValueType type = check(*n.expr);
  if (!holds_samples_of_one_time(type))
    error(e.span, fmt::format("unary expression only allowed on expressions of type scalar or instant "
                              "vector, got {}",
                              quote(documented_type(type))));
  return type;
}

void Checker::expect_type(Expr& e, ValueType want, std::string_view context) {
  const ValueType got = check(e);
  if (got != want)
    error(e.span, fmt::format("expected type {} in {}, got {}", documented_type(want), context,
                              documented_type(got)));
}

/// The operator with its modifiers. Its end is the last character, not the one behind:
/// as Prometheus shows it.
Span Checker::operator_span(const Binary& n) const {
  std::uint32_t start = n.lhs->span.end;
  while (start + 1 < query_.size() && is_space(query_[start])) ++start;
  std::uint32_t end = n.rhs->span.start;
  if (end > 0) --end;
  while (end > 0 && is_space(query_[end])) --end;
  return {start, end};
}

}  // namespace

ValueType check_types(std::string_view query, Expr& e, std::vector<ParseError>& errors) {
  return Checker(query, errors).check(e);
}

}  // namespace narthex::query

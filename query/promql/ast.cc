#include "query/promql/ast.h"

#include <algorithm>
#include <utility>

#include "query/promql/functions.h"

namespace narthex::query {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

DurationExprPtr clone(const DurationExprPtr& e) {
  if (!e) return nullptr;
  auto copy = std::make_unique<DurationExpr>();
  copy->kind = e->kind;
  copy->seconds = e->seconds;
  copy->written_as_duration = e->written_as_duration;
  copy->parenthesised = e->parenthesised;
  copy->lhs = clone(e->lhs);
  copy->rhs = clone(e->rhs);
  copy->span = e->span;
  return copy;
}

Duration clone(const Duration& d) {
  return {d.ms, clone(d.expr)};
}

ExprPtr clone_or_null(const ExprPtr& e) {
  return e ? clone(*e) : nullptr;
}

using Node = decltype(Expr::node);

Node clone_node(const Node& node) {
  return std::visit(
      Overloaded{
          [](const NumberLiteral& n) -> Node { return n; },
          [](const StringLiteral& n) -> Node { return n; },
          [](const VectorSelector& n) -> Node {
            return VectorSelector{n.name, n.matchers, clone(n.offset), n.at, n.anchored, n.smoothed};
          },
          [](const MatrixSelector& n) -> Node {
            return MatrixSelector{clone_or_null(n.selector), clone(n.range)};
          },
          [](const Subquery& n) -> Node {
            return Subquery{clone_or_null(n.expr), clone(n.range),  clone(n.step),
                            n.step_given,          clone(n.offset), n.at};
          },
          [](const Aggregate& n) -> Node {
            return Aggregate{n.op, clone_or_null(n.expr), clone_or_null(n.param), n.grouping, n.without};
          },
          [](const Call& n) -> Node {
            Call copy{n.function, {}};
            copy.args.reserve(n.args.size());
            for (const ExprPtr& arg : n.args) copy.args.push_back(clone_or_null(arg));
            return copy;
          },
          [](const Binary& n) -> Node {
            return Binary{n.op, clone_or_null(n.lhs), clone_or_null(n.rhs), n.matching, n.return_bool};
          },
          [](const Unary& n) -> Node { return Unary{n.negate, clone_or_null(n.expr)}; },
          [](const Paren& n) -> Node { return Paren{clone_or_null(n.expr)}; },
      },
      node);
}

void add_selectors(const ExprPtr& e, std::vector<std::vector<Matcher>>& out) {
  if (!e) return;
  std::visit(Overloaded{
                 [](const NumberLiteral&) {},
                 [](const StringLiteral&) {},
                 [&](const VectorSelector& n) { out.push_back(n.matchers); },
                 [&](const MatrixSelector& n) { add_selectors(n.selector, out); },
                 [&](const Subquery& n) { add_selectors(n.expr, out); },
                 [&](const Aggregate& n) {
                   add_selectors(n.param, out);
                   add_selectors(n.expr, out);
                 },
                 [&](const Call& n) {
                   for (const ExprPtr& arg : n.args) add_selectors(arg, out);
                 },
                 [&](const Binary& n) {
                   add_selectors(n.lhs, out);
                   add_selectors(n.rhs, out);
                 },
                 [&](const Unary& n) { add_selectors(n.expr, out); },
                 [&](const Paren& n) { add_selectors(n.expr, out); },
             },
             e->node);
}

}  // namespace

std::vector<std::vector<Matcher>> selectors_of(const ExprPtr& e) {
  std::vector<std::vector<Matcher>> selectors;
  add_selectors(e, selectors);
  return selectors;
}

std::string_view documented_type(ValueType t) {
  switch (t) {
    case ValueType::none:
      return "none";
    case ValueType::scalar:
      return "scalar";
    case ValueType::vector:
      return "instant vector";
    case ValueType::matrix:
      return "range vector";
    case ValueType::string:
      return "string";
  }
  return "none";
}

bool is_comparison(BinaryOp op) {
  switch (op) {
    case BinaryOp::eq:
    case BinaryOp::ne:
    case BinaryOp::lt:
    case BinaryOp::le:
    case BinaryOp::gt:
    case BinaryOp::ge:
      return true;
    default:
      return false;
  }
}

bool is_set_operator(BinaryOp op) {
  return op == BinaryOp::logical_and || op == BinaryOp::logical_or || op == BinaryOp::unless;
}

std::string_view text_of(BinaryOp op) {
  switch (op) {
    case BinaryOp::add:
      return "+";
    case BinaryOp::sub:
      return "-";
    case BinaryOp::mul:
      return "*";
    case BinaryOp::div:
      return "/";
    case BinaryOp::mod:
      return "%";
    case BinaryOp::pow:
      return "^";
    case BinaryOp::atan2:
      return "atan2";
    case BinaryOp::eq:
      return "==";
    case BinaryOp::ne:
      return "!=";
    case BinaryOp::lt:
      return "<";
    case BinaryOp::le:
      return "<=";
    case BinaryOp::gt:
      return ">";
    case BinaryOp::ge:
      return ">=";
    case BinaryOp::trim_upper:
      return "</";
    case BinaryOp::trim_lower:
      return ">/";
    case BinaryOp::logical_and:
      return "and";
    case BinaryOp::logical_or:
      return "or";
    case BinaryOp::unless:
      return "unless";
  }
  return "";
}

std::string_view text_of(AggregateOp op) {
  switch (op) {
    case AggregateOp::sum:
      return "sum";
    case AggregateOp::avg:
      return "avg";
    case AggregateOp::min:
      return "min";
    case AggregateOp::max:
      return "max";
    case AggregateOp::count:
      return "count";
    case AggregateOp::group:
      return "group";
    case AggregateOp::stddev:
      return "stddev";
    case AggregateOp::stdvar:
      return "stdvar";
    case AggregateOp::topk:
      return "topk";
    case AggregateOp::bottomk:
      return "bottomk";
    case AggregateOp::quantile:
      return "quantile";
    case AggregateOp::count_values:
      return "count_values";
    case AggregateOp::limitk:
      return "limitk";
    case AggregateOp::limit_ratio:
      return "limit_ratio";
  }
  return "";
}

ValueType type_of(const Expr& e) {
  return std::visit(Overloaded{
                        [](const NumberLiteral&) { return ValueType::scalar; },
                        [](const StringLiteral&) { return ValueType::string; },
                        [](const VectorSelector&) { return ValueType::vector; },
                        [](const MatrixSelector&) { return ValueType::matrix; },
                        [](const Subquery&) { return ValueType::matrix; },
                        [](const Aggregate&) { return ValueType::vector; },
                        [](const Call& n) { return n.function ? n.function->return_type : ValueType::none; },
                        [](const Binary& n) {
                          const bool scalars =
                              type_of(*n.lhs) == ValueType::scalar && type_of(*n.rhs) == ValueType::scalar;
                          return scalars ? ValueType::scalar : ValueType::vector;
                        },
                        [](const Unary& n) { return type_of(*n.expr); },
                        [](const Paren& n) { return type_of(*n.expr); },
                    },
                    e.node);
}

ExprPtr clone(const Expr& e) {
  auto copy = std::make_unique<Expr>();
  copy->node = clone_node(e.node);
  copy->span = e.span;
  copy->depth = e.depth;
  return copy;
}

const Expr& unwrap(const Expr& e) {
  const Expr* at = &e;
  while (const auto* paren = at->as<Paren>()) at = paren->expr.get();
  return *at;
}

}  // namespace narthex::query

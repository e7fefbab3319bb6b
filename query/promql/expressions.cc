// Grammar: operators, calls, aggregations, literals.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "query/promql/functions.h"
#include "query/promql/grammar.h"
#include "query/promql/text.h"

namespace narthex::query {
namespace {

struct Infix {
  BinaryOp op;
  int power;
};

constexpr int kAnyOperator = 1;
constexpr int kPower = 6;

std::optional<Infix> infix(TokenKind k) {
  switch (k) {
    case TokenKind::logical_or:
      return Infix{BinaryOp::logical_or, 1};
    case TokenKind::logical_and:
      return Infix{BinaryOp::logical_and, 2};
    case TokenKind::unless:
      return Infix{BinaryOp::unless, 2};
    case TokenKind::eq:
      return Infix{BinaryOp::eq, 3};
    case TokenKind::ne:
      return Infix{BinaryOp::ne, 3};
    case TokenKind::lt:
      return Infix{BinaryOp::lt, 3};
    case TokenKind::le:
      return Infix{BinaryOp::le, 3};
    case TokenKind::gt:
      return Infix{BinaryOp::gt, 3};
    case TokenKind::ge:
      return Infix{BinaryOp::ge, 3};
    case TokenKind::trim_upper:
      return Infix{BinaryOp::trim_upper, 3};
    case TokenKind::trim_lower:
      return Infix{BinaryOp::trim_lower, 3};
    case TokenKind::add:
      return Infix{BinaryOp::add, 4};
    case TokenKind::sub:
      return Infix{BinaryOp::sub, 4};
    case TokenKind::mul:
      return Infix{BinaryOp::mul, 5};
    case TokenKind::div:
      return Infix{BinaryOp::div, 5};
    case TokenKind::mod:
      return Infix{BinaryOp::mod, 5};
    case TokenKind::atan2:
      return Infix{BinaryOp::atan2, 5};
    case TokenKind::pow:
      return Infix{BinaryOp::pow, kPower};
    default:
      return std::nullopt;
  }
}

AggregateOp aggregate_op(TokenKind k) {
  switch (k) {
    case TokenKind::avg:
      return AggregateOp::avg;
    case TokenKind::bottomk:
      return AggregateOp::bottomk;
    case TokenKind::count:
      return AggregateOp::count;
    case TokenKind::count_values:
      return AggregateOp::count_values;
    case TokenKind::group:
      return AggregateOp::group;
    case TokenKind::max:
      return AggregateOp::max;
    case TokenKind::min:
      return AggregateOp::min;
    case TokenKind::quantile:
      return AggregateOp::quantile;
    case TokenKind::stddev:
      return AggregateOp::stddev;
    case TokenKind::stdvar:
      return AggregateOp::stdvar;
    case TokenKind::topk:
      return AggregateOp::topk;
    case TokenKind::limitk:
      return AggregateOp::limitk;
    case TokenKind::limit_ratio:
      return AggregateOp::limit_ratio;
    default:
      return AggregateOp::sum;
  }
}

bool takes_parameter(AggregateOp op) {
  switch (op) {
    case AggregateOp::topk:
    case AggregateOp::bottomk:
    case AggregateOp::count_values:
    case AggregateOp::quantile:
    case AggregateOp::limitk:
    case AggregateOp::limit_ratio:
      return true;
    default:
      return false;
  }
}

/// Words that call a function where a parenthesis follows.
bool can_name_function(TokenKind k) {
  return k == TokenKind::identifier || (k >= TokenKind::start && k <= TokenKind::min_of);
}

bool can_be_label(TokenKind k) {
  switch (k) {
    case TokenKind::without:
      return false;
    case TokenKind::bool_modifier:
    case TokenKind::group_left:
    case TokenKind::group_right:
    case TokenKind::ignoring:
    case TokenKind::on:
    case TokenKind::atan2:
      return true;
    default:
      return can_name_metric(k);
  }
}

bool begins_operand(TokenKind k) {
  switch (k) {
    case TokenKind::number:
    case TokenKind::duration:
    case TokenKind::string:
    case TokenKind::left_paren:
    case TokenKind::left_brace:
    case TokenKind::add:
    case TokenKind::sub:
      return true;
    default:
      return can_name_metric(k);
  }
}

bool is_postfix(TokenKind k) {
  return k == TokenKind::left_bracket || k == TokenKind::offset || k == TokenKind::at ||
         k == TokenKind::anchored || k == TokenKind::smoothed;
}

}  // namespace

ExprPtr Grammar::query() {
  if (at(TokenKind::end_of_input)) {
    error({}, "no expression found in input");
    return nullptr;
  }
  ExprPtr e = expression(kAnyOperator);
  return e && expect_end() ? std::move(e) : nullptr;
}

ExprPtr Grammar::expression(int weakest) {
  if (!enter()) return nullptr;
  ExprPtr e = operand();
  while (e) {
    const TokenKind k = peek().kind;
    if (is_postfix(k)) {
      e = postfix(std::move(e));
      continue;
    }
    const auto op = infix(k);
    if (!op || op->power < weakest) break;
    take();
    e = binary(std::move(e), op->op, op->power);
  }
  leave();
  return e;
}

ExprPtr Grammar::operand() {
  switch (peek().kind) {
    case TokenKind::number:
    case TokenKind::duration:
      return number_literal();
    case TokenKind::string:
      return string_literal();
    case TokenKind::left_paren:
      return parenthesised();
    case TokenKind::add:
    case TokenKind::sub:
      return unary();
    case TokenKind::left_brace:
      return vector_selector(std::nullopt);
    default:
      if (can_name_metric(peek().kind)) return operand_named_by_word();
      unexpected();
      return nullptr;
  }
}

ExprPtr Grammar::operand_named_by_word() {
  const Token word = take();
  const TokenKind after = peek().kind;
  if (is_aggregator(word.kind) &&
      (after == TokenKind::by || after == TokenKind::without || after == TokenKind::left_paren))
    return aggregate(word);
  if (can_name_function(word.kind) && after == TokenKind::left_paren) return call(word);
  return vector_selector(word);
}

ExprPtr Grammar::number_literal() {
  const Token t = take();
  const bool is_duration = t.kind == TokenKind::duration;
  const double value = is_duration ? duration_seconds(t) : number(t);
  return make(NumberLiteral{value, is_duration}, t.span(), 0);
}

ExprPtr Grammar::string_literal() {
  const Token t = take();
  return make(StringLiteral{unquoted(t)}, t.span(), 0);
}

ExprPtr Grammar::parenthesised() {
  const Token open = take();
  ExprPtr inner = expression(kAnyOperator);
  if (!inner || !expect(TokenKind::right_paren)) return nullptr;
  const std::uint32_t depth = inner->depth;
  return make(Paren{std::move(inner)}, {open.pos, token_.span().end}, depth);
}

/// Binds as strongly as *, so only ^ is taken into its operand.
ExprPtr Grammar::unary() {
  const Token sign = take();
  ExprPtr e = expression(kPower);
  if (!e) return nullptr;
  const bool negate = sign.kind == TokenKind::sub;
  if (auto* literal = e->as<NumberLiteral>()) {
    if (negate) literal->value = -literal->value;
    e->span.start = sign.pos;
    return e;
  }
  const Span span{sign.pos, e->span.end};
  const std::uint32_t depth = e->depth;
  return make(Unary{negate, std::move(e)}, span, depth);
}

ExprPtr Grammar::binary(ExprPtr lhs, BinaryOp op, int power) {
  Binary b;
  b.op = op;
  b.matching.emplace();
  if (!bool_modifier_and_matching(b)) return nullptr;
  // ^ binds to the right, the others to the left.
  b.rhs = expression(op == BinaryOp::pow ? power : power + 1);
  if (!b.rhs) return nullptr;
  b.lhs = std::move(lhs);
  const Span span{b.lhs->span.start, b.rhs->span.end};
  if (!options_.binop_fill_modifiers && (b.matching->fill_left || b.matching->fill_right))
    error(span, "binop fill modifiers are experimental and not enabled");
  const std::uint32_t depth = std::max(b.lhs->depth, b.rhs->depth);
  return make(std::move(b), span, depth);
}

bool Grammar::bool_modifier_and_matching(Binary& b) {
  VectorMatching& m = *b.matching;
  if (at(TokenKind::bool_modifier)) {
    take();
    b.return_bool = true;
  }
  if (at(TokenKind::on) || at(TokenKind::ignoring)) {
    m.on = take().kind == TokenKind::on;
    if (!grouping(m.labels)) return false;
    if (at(TokenKind::group_left) || at(TokenKind::group_right)) {
      const bool left = take().kind == TokenKind::group_left;
      m.card = left ? Cardinality::many_to_one : Cardinality::one_to_many;
      // The labels may be left out if an operand follows; it cannot begin with a parenthesis.
      const bool labels_left_out = peek().kind != TokenKind::left_paren && begins_operand(peek().kind);
      if (!labels_left_out && !grouping(m.include)) return false;
    }
  }
  return fill_modifiers(m);
}

bool Grammar::fill_modifiers(VectorMatching& m) {
  const auto fill = [&](std::optional<double>& side) {
    take();
    side = fill_value();
    return side.has_value();
  };
  switch (peek().kind) {
    case TokenKind::fill:
      if (!fill(m.fill_left)) return false;
      m.fill_right = m.fill_left;
      return true;
    case TokenKind::fill_left:
      return fill(m.fill_left) && (!at(TokenKind::fill_right) || fill(m.fill_right));
    case TokenKind::fill_right:
      return fill(m.fill_right) && (!at(TokenKind::fill_left) || fill(m.fill_left));
    default:
      return true;
  }
}

std::optional<double> Grammar::fill_value() {
  if (!expect(TokenKind::left_paren)) return std::nullopt;
  bool negate = false;
  if (at(TokenKind::add) || at(TokenKind::sub)) negate = take().kind == TokenKind::sub;
  if (!at(TokenKind::number) && !at(TokenKind::duration)) {
    unexpected();
    return std::nullopt;
  }
  const Token t = take();
  const double value = t.kind == TokenKind::duration ? duration_seconds(t) : number(t);
  if (!expect(TokenKind::right_paren)) return std::nullopt;
  return negate ? -value : value;
}

/// Labels in parentheses behind by, without, on, ignoring, group_left and group_right.
bool Grammar::grouping(std::vector<std::string>& labels) {
  constexpr std::string_view kWhere = "grouping opts";
  if (!at(TokenKind::left_paren)) {
    unexpected({kWhere, "\"(\""});
    return false;
  }
  take();
  while (!at(TokenKind::right_paren)) {
    auto label = grouping_label();
    if (!label) {
      unexpected({kWhere, "label"});
      return false;
    }
    labels.push_back(std::move(*label));
    if (at(TokenKind::comma)) {
      take();
    } else if (!at(TokenKind::right_paren)) {
      unexpected({kWhere, "\",\" or \")\""});
      return false;
    }
  }
  take();
  return true;
}

std::optional<std::string> Grammar::grouping_label() {
  const TokenKind k = peek().kind;
  if (k != TokenKind::string && !can_be_label(k)) return std::nullopt;
  const Token t = take();
  std::string label = k == TokenKind::string ? unquoted(t) : std::string(t.text);
  if (!is_utf8_name(label)) error(t.span(), fmt::format("invalid label name for grouping: {}", quote(label)));
  return label;
}

ExprPtr Grammar::call(const Token& name) {
  Call c;
  if (!arguments(c.args)) return nullptr;
  c.function = find_function(name.text);
  if (!c.function) {
    error(name.span(), fmt::format("unknown function with name {}", quote(name.text)));
  } else if (c.function->experimental && !options_.experimental_functions) {
    error(name.span(), fmt::format("function {} is not enabled", quote(name.text)));
  }
  std::uint32_t depth = 0;
  for (const ExprPtr& arg : c.args) depth = std::max(depth, arg->depth);
  return make(std::move(c), {name.pos, last_closing_}, depth);
}

/// Arguments in parentheses.
bool Grammar::arguments(std::vector<ExprPtr>& args) {
  if (!expect(TokenKind::left_paren)) return false;
  if (at(TokenKind::right_paren)) {
    take();
    return true;
  }
  for (bool first = true; first || at(TokenKind::comma); first = false) {
    if (!first) {
      const Token comma = take();
      if (!begins_operand(peek().kind)) {
        error(comma.span(), "trailing commas not allowed in function call args");
        continue;
      }
    }
    ExprPtr arg = expression(kAnyOperator);
    if (!arg) return false;
    args.push_back(std::move(arg));
  }
  return expect(TokenKind::right_paren);
}

ExprPtr Grammar::aggregate(const Token& op) {
  Aggregate a;
  a.op = aggregate_op(op.kind);
  std::vector<ExprPtr> args;
  std::uint32_t end = 0;
  {
    const ContextScope scope(*this, {"aggregation", ""});
    const bool modifier_first = !at(TokenKind::left_paren);
    if (modifier_first && !aggregate_modifier(a)) return nullptr;
    if (!arguments(args)) return nullptr;
    if (modifier_first) {
      end = last_closing_;
    } else if (at(TokenKind::by) || at(TokenKind::without)) {
      if (!aggregate_modifier(a)) return nullptr;
      end = last_closing_;
    } else {
      end = end_before_read_ahead();
    }
  }
  const Span span{op.pos, end};
  place_aggregate_arguments(a, std::move(args), span);
  std::uint32_t depth = 0;
  for (const ExprPtr* child : {&a.expr, &a.param})
    if (*child) depth = std::max(depth, (*child)->depth);
  return make(std::move(a), span, depth);
}

bool Grammar::aggregate_modifier(Aggregate& a) {
  a.without = take().kind == TokenKind::without;
  return grouping(a.grouping);
}

void Grammar::place_aggregate_arguments(Aggregate& a, std::vector<ExprPtr> args, Span span) {
  if (args.empty()) return error(span, "no arguments for aggregate expression provided");
  const bool with_parameter = takes_parameter(a.op);
  const bool experimental = a.op == AggregateOp::limitk || a.op == AggregateOp::limit_ratio;
  if (experimental && !options_.experimental_functions)
    return error(span, fmt::format("{}() is experimental and must be enabled with "
                                   "--enable-feature=promql-experimental-functions",
                                   text_of(a.op)));
  const std::size_t wanted = with_parameter ? 2 : 1;
  if (args.size() != wanted)
    return error(span, fmt::format("wrong number of arguments for aggregate expression provided, "
                                   "expected {}, got {}",
                                   wanted, args.size()));
  if (with_parameter) a.param = std::move(args.front());
  a.expr = std::move(args.back());
}

/// Where an aggregation without modifier behind it ends. The next token had to be read to
/// know that there is none, and if it closes something, last_closing_ is its end.
std::uint32_t Grammar::end_before_read_ahead() const {
  const std::uint32_t next = lexer_.last_position();
  if (last_closing_ == 0 || last_closing_ > query_.size() || next == 0 || next >= query_.size() ||
      query_[next] != ')')
    return last_closing_;
  const std::size_t before = query_.find_last_not_of(" \t\n\r", next - 1);
  if (before == std::string_view::npos || before == 0 || query_[before] != ')') return last_closing_;
  return static_cast<std::uint32_t>(before) + 1;
}

}  // namespace narthex::query

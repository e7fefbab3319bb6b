// Grammar: durations in brackets and behind offset, which may be expressions.
#include "query/promql/durations.h"

#include <cmath>
#include <limits>
#include <utility>

#include "query/promql/grammar.h"

namespace narthex::query {
namespace {

constexpr int kAnyOperator = 1;
constexpr int kPower = 3;
/// Of what fits int64 nanoseconds.
constexpr double kMostSeconds = 0x1p63 / 1e9;

using Kind = DurationExpr::Kind;

struct Infix {
  Kind kind;
  int power;
};

std::optional<Infix> infix(TokenKind k) {
  switch (k) {
    case TokenKind::add:
      return Infix{Kind::add, 1};
    case TokenKind::sub:
      return Infix{Kind::sub, 1};
    case TokenKind::mul:
      return Infix{Kind::mul, 2};
    case TokenKind::div:
      return Infix{Kind::div, 2};
    case TokenKind::mod:
      return Infix{Kind::mod, 2};
    case TokenKind::pow:
      return Infix{Kind::pow, kPower};
    default:
      return std::nullopt;
  }
}

bool is_sign(TokenKind k) {
  return k == TokenKind::add || k == TokenKind::sub;
}
bool is_literal(TokenKind k) {
  return k == TokenKind::number || k == TokenKind::duration;
}
bool is_call(TokenKind k) {
  return k >= TokenKind::step && k <= TokenKind::min_of;
}

Kind kind_of_call(TokenKind k) {
  switch (k) {
    case TokenKind::step:
      return Kind::step;
    case TokenKind::range:
      return Kind::range;
    case TokenKind::max_of:
      return Kind::max_of;
    default:
      return Kind::min_of;
  }
}

DurationExprPtr part(Kind kind, Span span) {
  auto e = std::make_unique<DurationExpr>();
  e->kind = kind;
  e->span = span;
  return e;
}

}  // namespace

DurationMs duration_from_seconds(double seconds) {
  const double ns = std::round(seconds * 1e9);
  if (!(ns >= -0x1p63 && ns < 0x1p63))
    return ns > 0 ? std::numeric_limits<std::int64_t>::max() / 1'000'000
                  : std::numeric_limits<std::int64_t>::min() / 1'000'000;
  return static_cast<std::int64_t>(ns) / 1'000'000;
}

Duration to_duration(DurationExprPtr e) {
  if (e->kind == DurationExpr::Kind::literal) return {duration_from_seconds(e->seconds), nullptr};
  return {0, std::move(e)};
}

/// Notes an error once a duration has too many parts: recursion over it must end.
bool Grammar::count_duration_part(Span at) {
  if (++duration_parts_ <= kMaxDurationParts) return true;
  error(at, "duration expression is too long: simplify it");
  return false;
}

void Grammar::needs_duration_expressions(const DurationExpr& e) {
  if (!options_.duration_expressions) error(e.span, "experimental duration expression is not enabled");
}

void Grammar::refuse_out_of_range(DurationExpr& e, Span at) {
  if (e.seconds >= -kMostSeconds && e.seconds <= kMostSeconds) return;
  error(at, "duration out of range");
  e = DurationExpr();
}

/// A duration in brackets. Nothing after a syntax error.
std::optional<Duration> Grammar::positive_duration() {
  duration_parts_ = 0;
  DurationExprPtr e = duration_expression(kAnyOperator);
  if (!e) return std::nullopt;
  if (e->kind == Kind::literal && !(e->seconds > 0)) error(e->span, "duration must be greater than 0");
  return to_duration(std::move(e));
}

DurationExprPtr Grammar::duration_expression(int weakest) {
  DurationExprPtr e = duration_operand();
  return e ? duration_operators(std::move(e), weakest) : nullptr;
}

DurationExprPtr Grammar::duration_operators(DurationExprPtr lhs, int weakest) {
  while (lhs) {
    const auto op = infix(peek().kind);
    if (!op || op->power < weakest) break;
    const Token token = take();
    // Only ^ binds to the right.
    DurationExprPtr rhs = duration_expression(op->kind == Kind::pow ? kPower : op->power + 1);
    lhs = rhs ? duration_binary(std::move(lhs), op->kind, token.span(), std::move(rhs)) : nullptr;
  }
  return lhs;
}

DurationExprPtr Grammar::duration_operand() {
  const TokenKind k = peek().kind;
  if (!is_literal(k) && !is_call(k) && !is_sign(k) && k != TokenKind::left_paren) {
    unexpected();
    return nullptr;
  }
  const Token t = take();
  if (!count_duration_part(t.span())) return nullptr;
  if (is_literal(k)) {
    DurationExprPtr e = duration_literal(t);
    refuse_out_of_range(*e, t.span());
    return e;
  }
  if (is_call(k)) {
    DurationExprPtr e = duration_call(t);
    if (e) needs_duration_expressions(*e);
    return e;
  }
  if (k == TokenKind::left_paren) {
    DurationExprPtr e = duration_expression(kAnyOperator);
    if (!e || !expect(TokenKind::right_paren)) return nullptr;
    needs_duration_expressions(*e);
    return wrapped(std::move(e), {t.pos, token_.span().end});
  }
  // A sign binds as strongly as *.
  DurationExprPtr e = duration_expression(kPower);
  return e ? signed_duration(t, std::move(e)) : nullptr;
}

DurationExprPtr Grammar::duration_literal(const Token& t) {
  DurationExprPtr e = part(Kind::literal, t.span());
  e->written_as_duration = t.kind == TokenKind::duration;
  e->seconds = e->written_as_duration ? duration_seconds(t) : number(t);
  return e;
}

/// step(), range(), max_of(a, b), min_of(a, b).
DurationExprPtr Grammar::duration_call(const Token& name) {
  DurationExprPtr e = part(kind_of_call(name.kind), name.span());
  if (!expect(TokenKind::left_paren)) return nullptr;
  if (e->kind == Kind::step || e->kind == Kind::range) {
    if (!expect(TokenKind::right_paren)) return nullptr;
    e->span.end = token_.span().end;
    return e;
  }
  e->lhs = duration_expression(kAnyOperator);
  if (!e->lhs || !expect(TokenKind::comma)) return nullptr;
  e->rhs = duration_expression(kAnyOperator);
  if (!e->rhs || !expect(TokenKind::right_paren)) return nullptr;
  e->span = {e->lhs->span.start, e->rhs->span.end};
  return e;
}

/// Remembers parentheses. A bare number has no place for that and gets a plus around it.
DurationExprPtr Grammar::wrapped(DurationExprPtr e, Span parentheses) {
  if (e->kind == Kind::literal) {
    DurationExprPtr plus = part(Kind::plus, {parentheses.start, e->span.end});
    plus->lhs = std::move(e);
    e = std::move(plus);
  }
  e->parenthesised = true;
  return e;
}

DurationExprPtr Grammar::signed_duration(const Token& sign, DurationExprPtr e) {
  const bool negate = sign.kind == TokenKind::sub;
  if (e->kind == Kind::literal) {
    if (negate) e->seconds = -e->seconds;
    e->span.start = sign.pos;
    refuse_out_of_range(*e, sign.span());
    return e;
  }
  if (!negate) return e;
  DurationExprPtr minus = part(Kind::negate, {sign.pos, e->span.end});
  minus->lhs = std::move(e);
  return minus;
}

DurationExprPtr Grammar::duration_binary(DurationExprPtr lhs, Kind kind, Span op, DurationExprPtr rhs) {
  needs_duration_expressions(*lhs);
  const bool by_zero = rhs->kind == Kind::literal && rhs->seconds == 0;
  if (by_zero && (kind == Kind::div || kind == Kind::mod)) {
    error(op, kind == Kind::div ? "division by zero" : "modulo by zero");
    return part(Kind::literal, {});
  }
  DurationExprPtr e = part(kind, {lhs->span.start, rhs->span.end});
  e->lhs = std::move(lhs);
  e->rhs = std::move(rhs);
  return e;
}

/// Behind offset, an operator after a number, a call or a sign with either belongs to the
/// whole expression: `a offset 5m + b` adds b. After a parenthesis it belongs to the
/// duration.
DurationExprPtr Grammar::offset_duration() {
  duration_parts_ = 0;
  const TokenKind k = peek().kind;
  if (is_literal(k) || is_call(k)) return duration_operand();
  if (is_sign(k)) return signed_offset_duration();
  return duration_expression(kAnyOperator);
}

DurationExprPtr Grammar::signed_offset_duration() {
  const Token sign = take();
  const TokenKind k = peek().kind;
  if (is_literal(k)) return signed_duration(sign, duration_literal(take()));
  if (is_call(k)) {
    DurationExprPtr call = duration_call(take());
    if (!call) return nullptr;
    const Kind kind = sign.kind == TokenKind::sub ? Kind::negate : Kind::plus;
    DurationExprPtr e = part(kind, {sign.pos, call->span.end});
    e->lhs = std::move(call);
    needs_duration_expressions(*e);
    return e;
  }
  if (k == TokenKind::left_paren) {
    take();
    DurationExprPtr e = duration_expression(kAnyOperator);
    if (!e || !expect(TokenKind::right_paren)) return nullptr;
    const Span inner = e->span;
    return signed_duration(sign, wrapped(std::move(e), inner));
  }
  DurationExprPtr e = duration_expression(kPower);
  return e ? duration_operators(signed_duration(sign, std::move(e)), kAnyOperator) : nullptr;
}

}  // namespace narthex::query

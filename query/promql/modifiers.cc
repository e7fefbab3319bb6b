// Grammar: what stands behind an expression: [range], [range:step], offset, @, anchored,
// smoothed.
#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "query/promql/durations.h"
#include "query/promql/grammar.h"

namespace narthex::query {
namespace {

constexpr std::string_view kDurationWords = "number, duration, step(), or range()";

/// Seconds to milliseconds, to the nearest; the ends of time where int64 ends.
Timestamp timestamp_from_seconds(double seconds) {
  const double ms = std::round(seconds * 1000);
  if (ms >= 0x1p63) return kMaxTime;
  return ms >= -0x1p63 ? static_cast<Timestamp>(ms) : kMinTime;
}

}  // namespace

ExprPtr Grammar::postfix(ExprPtr lhs) {
  switch (peek().kind) {
    case TokenKind::left_bracket:
      return brackets(std::move(lhs));
    case TokenKind::offset:
      return offset(*lhs) ? std::move(lhs) : nullptr;
    case TokenKind::at:
      return at_modifier(*lhs) ? std::move(lhs) : nullptr;
    case TokenKind::anchored:
      take();
      set_anchored(*lhs);
      return lhs;
    default:
      take();
      set_smoothed(*lhs);
      return lhs;
  }
}

ExprPtr Grammar::brackets(ExprPtr lhs) {
  const Token open = take();
  ContextScope scope(*this, {"subquery or range selector", kDurationWords});
  auto range = positive_duration();
  if (!range) return nullptr;
  if (at(TokenKind::right_bracket)) {
    const Token close = take();
    return matrix(std::move(lhs), std::move(*range), {open.pos, close.span().end});
  }
  if (!at(TokenKind::colon)) {
    unexpected({"subquery or range", "\":\" or \"]\""});
    return nullptr;
  }
  take();

  Subquery subquery;
  subquery.range = std::move(*range);
  if (!at(TokenKind::right_bracket)) {
    const ContextScope step_scope(*this,
                                  {"subquery selector", "number, duration, step(), range(), or \"]\""});
    auto step = positive_duration();
    if (!step) return nullptr;
    subquery.step = std::move(*step);
    // A step below a millisecond is no step at all.
    subquery.step_given = subquery.step.expr || subquery.step.ms != 0;
    if (!at(TokenKind::right_bracket)) {
      unexpected({"subquery selector", "\"]\""});
      return nullptr;
    }
  }
  const Span span{lhs->span.start, take().span().end};
  const std::uint32_t depth = lhs->depth;
  subquery.expr = std::move(lhs);
  return make(std::move(subquery), span, depth);
}

ExprPtr Grammar::matrix(ExprPtr lhs, Duration range, Span brackets) {
  const auto* selector = lhs->as<VectorSelector>();
  if (!selector) {
    error(brackets, "ranges only allowed for vector selectors");
  } else if (selector->offset.ms != 0 || selector->offset.expr) {
    error(brackets, "no offset modifiers allowed before range");
  } else if (selector->at.kind != AtKind::none) {
    error(brackets, "no @ modifiers allowed before range");
  }
  const Span span{lhs->span.start, last_closing_};
  const std::uint32_t depth = lhs->depth;
  return make(MatrixSelector{std::move(lhs), std::move(range)}, span, depth);
}

/// The parts of `target` that offset and @ set; notes an error if it has none.
std::optional<Grammar::Modifiable> Grammar::modifiable(Expr& target, std::string_view modifier) {
  if (auto* selector = target.as<VectorSelector>()) return Modifiable{&selector->offset, &selector->at};
  if (auto* subquery = target.as<Subquery>()) return Modifiable{&subquery->offset, &subquery->at};
  if (auto* range = target.as<MatrixSelector>()) {
    if (auto* selector = range->selector->as<VectorSelector>())
      return Modifiable{&selector->offset, &selector->at};
    error(target.span, "ranges only allowed for vector selectors");
    return std::nullopt;
  }
  error(target.span, fmt::format("{} modifier must be preceded by an instant vector selector or range "
                                 "vector selector or a subquery",
                                 modifier));
  return std::nullopt;
}

bool Grammar::offset(Expr& target) {
  take();
  const ContextScope scope(*this, {"offset", kDurationWords});
  DurationExprPtr by = offset_duration();
  if (!by) return false;
  const auto parts = modifiable(target, "offset");
  if (!parts) return true;
  if (parts->offset->ms != 0 || parts->offset->expr) {
    error(target.span, "offset may not be set multiple times");
  } else {
    *parts->offset = to_duration(std::move(by));
  }
  target.span.end = last_closing_;
  return true;
}

bool Grammar::at_modifier(Expr& target) {
  take();
  const ContextScope scope(*this, {"@", "timestamp"});
  if (at(TokenKind::start) || at(TokenKind::end)) {
    const AtKind kind = take().kind == TokenKind::start ? AtKind::start : AtKind::end;
    if (!expect(TokenKind::left_paren) || !expect(TokenKind::right_paren)) return false;
    set_at(target, {kind, 0});
    return true;
  }
  const auto seconds = signed_number();
  if (!seconds) return false;
  set_timestamp(target, *seconds);
  return true;
}

std::optional<double> Grammar::signed_number() {
  bool negate = false;
  if (at(TokenKind::add) || at(TokenKind::sub)) negate = take().kind == TokenKind::sub;
  if (!at(TokenKind::number) && !at(TokenKind::duration)) {
    unexpected();
    return std::nullopt;
  }
  const Token t = take();
  const double value = t.kind == TokenKind::duration ? duration_seconds(t) : number(t);
  return negate ? -value : value;
}

void Grammar::set_timestamp(Expr& target, double seconds) {
  if (!(seconds > -0x1p63 && seconds < 0x1p63)) {
    const std::string text = std::isnan(seconds)   ? "NaN"
                             : std::isinf(seconds) ? (seconds > 0 ? "+Inf" : "-Inf")
                                                   : fmt::format("{:f}", seconds);
    error(target.span, "timestamp out of bounds for @ modifier: " + text);
  }
  set_at(target, {AtKind::timestamp, timestamp_from_seconds(seconds)});
}

void Grammar::set_at(Expr& target, AtModifier at) {
  const auto parts = modifiable(target, "@");
  if (!parts) return;
  if (parts->at->kind != AtKind::none)
    return error(target.span, "@ <timestamp> may not be set multiple times");
  *parts->at = at;
  target.span.end = last_closing_;
}

/// The selector that anchored or smoothed applies to; notes an error if there is none.
VectorSelector* Grammar::extended_range_target(Expr& target, std::string_view name) {
  if (!options_.extended_range_selectors) {
    error(target.span, fmt::format("{} modifier is experimental and not enabled", name));
    return nullptr;
  }
  if (auto* selector = target.as<VectorSelector>()) return selector;
  // A range behind something else than a selector has been refused already.
  if (auto* range = target.as<MatrixSelector>()) return range->selector->as<VectorSelector>();
  const bool is_subquery = target.as<Subquery>() != nullptr;
  error(target.span, fmt::format("{} modifier {}", name,
                                 is_subquery ? "is not supported for subqueries" : "not implemented"));
  return nullptr;
}

void Grammar::set_anchored(Expr& target) {
  VectorSelector* selector = extended_range_target(target, "anchored");
  if (!selector) return;
  selector->anchored = true;
  if (selector->smoothed) error(target.span, "anchored and smoothed modifiers cannot be used together");
}

void Grammar::set_smoothed(Expr& target) {
  VectorSelector* selector = extended_range_target(target, "smoothed");
  if (!selector) return;
  selector->smoothed = true;
  if (selector->anchored) error(target.span, "anchored and smoothed modifiers cannot be used together");
}

}  // namespace narthex::query

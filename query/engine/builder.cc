#include "query/engine/builder.h"

#include <fmt/format.h>

#include "query/engine/aggregation.h"
#include "query/engine/binary.h"
#include "query/engine/profiled_operators.h"
#include "query/engine/repeated_part.h"
#include "query/engine/repeated_samples.h"
#include "query/engine/scalar_operators.h"
#include "query/engine/selector.h"
#include "query/engine/set_operators.h"
#include "query/engine/step_invariant.h"
#include "query/engine/subquery.h"
#include "query/engine/vector_scalar.h"

namespace narthex::query {

Result<VectorOperatorPtr> OperatorBuilder::vector(const Expr& e, EvalContext& context) const {
  const auto repeated = context.query.shares_parts ? plan_.repeated_part(e) : std::nullopt;
  return repeated ? repeated_vector(e, *repeated, context) : own_vector(e, context);
}

Result<VectorOperatorPtr> OperatorBuilder::repeated_vector(const Expr& e, std::size_t number,
                                                           EvalContext& context) const {
  const auto make_own = [this, &e, &context] { return own_vector(e, context); };
  auto& part = context.query.repeated_parts[{&context, number}];
  if (part) {
    const ProfileScope profile(e, context, plan_.is_step_invariant(e));
    profile.mark_repeated();
    return profile.observed(Result<VectorOperatorPtr>(RepeatedPart::read_at(part, e.span, make_own)));
  }
  part = std::make_shared<RepeatedPart>(context, e.span);
  auto source = own_vector(e, part->inner());
  if (!source) return source;
  part->set_source(std::move(*source));
  return RepeatedPart::read_at(part, e.span, make_own);
}

Result<VectorOperatorPtr> OperatorBuilder::own_vector(const Expr& e, EvalContext& context) const {
  const QueryBudget::PlaceScope place(context.query.budget, e.span);
  // The column that its operator works on, kept to the query's end.
  if (auto charged = context.query.budget.charge(0, context.steps.count() * sizeof(double), e.span); !charged)
    return pass(charged);
  const bool step_invariant = plan_.is_step_invariant(e);
  const ProfileScope profile(e, context, step_invariant);
  if (!step_invariant) return profile.observed(vector_node(e, context));
  return profile.observed(
      make_step_invariant(context, [&](EvalContext& once) { return vector_node(e, once); }));
}

Result<ScalarOperatorPtr> OperatorBuilder::scalar(const Expr& e, EvalContext& context) const {
  const QueryBudget::PlaceScope place(context.query.budget, e.span);
  const bool step_invariant = plan_.is_step_invariant(e);
  const ProfileScope profile(e, context, step_invariant);
  if (!step_invariant) return profile.observed(scalar_node(e, context));
  return profile.observed(
      make_step_invariant_scalar(context, [&](EvalContext& once) { return scalar_node(e, once); }));
}

Result<VectorOperatorPtr> OperatorBuilder::vector_node(const Expr& e, EvalContext& context) const {
  if (const auto* selector = e.as<VectorSelector>())
    return make_instant_selector(context, selector_spec(*selector, e.span));
  if (const auto* paren = e.as<Paren>()) return vector(*paren->expr, context);
  if (const auto* node = e.as<Binary>()) return binary(e, *node, context);
  if (const auto* node = e.as<Aggregate>()) return aggregate(e, *node, context);
  if (const auto* node = e.as<Call>()) return call(e, *node, context);
  if (const auto* unary = e.as<Unary>()) {
    auto child = vector(*unary->expr, context);
    if (!child || !unary->negate) return child;
    return make_negation(context, std::move(*child));
  }
  return fail(Code::internal, "expression is no instant vector");
}

Result<ScalarOperatorPtr> OperatorBuilder::scalar_node(const Expr& e, EvalContext& context) const {
  if (const auto* number = e.as<NumberLiteral>()) return make_number(context, number->value);
  if (const auto* paren = e.as<Paren>()) return scalar(*paren->expr, context);
  if (const auto* node = e.as<Call>()) return scalar_call(*node, context);
  if (const auto* unary = e.as<Unary>()) {
    auto child = scalar(*unary->expr, context);
    if (!child || !unary->negate) return child;
    return make_scalar_negation(std::move(*child));
  }
  if (const auto* node = e.as<Binary>()) {
    auto lhs = scalar(*node->lhs, context);
    if (!lhs) return lhs;
    auto rhs = scalar(*node->rhs, context);
    if (!rhs) return rhs;
    return make_scalar_binary(node->op, std::move(*lhs), std::move(*rhs));
  }
  return fail(Code::internal, "expression is no scalar");
}

Result<ScalarOperatorPtr> OperatorBuilder::scalar_call(const Call& node, EvalContext& context) const {
  if (const auto constant = plan_.constant(node)) return make_number(context, *constant);
  switch (node.function->id) {
    case FunctionId::time:
      return make_time(context);
    case FunctionId::pi:
      return make_number(context, 3.141592653589793);
    case FunctionId::scalar: {
      auto child = vector(unwrap(*node.args[0]), context);
      if (!child) return pass(child);
      return make_scalar_of(context, std::move(*child));
    }
    case FunctionId::min_of:
    case FunctionId::max_of: {
      auto a = scalar(unwrap(*node.args[0]), context);
      if (!a) return a;
      auto b = scalar(unwrap(*node.args[1]), context);
      if (!b) return b;
      return make_scalar_extreme(node.function->id == FunctionId::max_of, std::move(*a), std::move(*b));
    }
    default:
      return fail(Code::internal, fmt::format("function {} yields no scalar", node.function->name));
  }
}

Result<VectorOperatorPtr> OperatorBuilder::binary(const Expr& e, const Binary& node,
                                                  EvalContext& context) const {
  const bool scalar_left = type_of(*node.lhs) == ValueType::scalar;
  const bool scalar_right = type_of(*node.rhs) == ValueType::scalar;
  if (scalar_left || scalar_right) {
    // Left before right: annotations that differ in place alone show the later one.
    auto left_scalar = scalar_left ? scalar(*node.lhs, context) : Result<ScalarOperatorPtr>(nullptr);
    if (!left_scalar) return pass(left_scalar);
    auto child = vector(scalar_left ? *node.rhs : *node.lhs, context);
    if (!child) return child;
    auto right_scalar = scalar_right ? scalar(*node.rhs, context) : Result<ScalarOperatorPtr>(nullptr);
    if (!right_scalar) return pass(right_scalar);
    return make_vector_scalar(context, std::move(*child),
                              std::move(scalar_left ? *left_scalar : *right_scalar),
                              {node.op, scalar_left, node.return_bool, e.span});
  }
  auto lhs = vector(*node.lhs, context);
  if (!lhs) return lhs;
  auto rhs = vector(*node.rhs, context);
  if (!rhs) return rhs;
  if (is_set_operator(node.op))
    return make_set_operator(context, node.op, *node.matching, std::move(*lhs), std::move(*rhs));
  return make_vector_binary(context, {node.op, node.return_bool, e.span}, *node.matching, std::move(*lhs),
                            std::move(*rhs));
}

Result<VectorOperatorPtr> OperatorBuilder::aggregate(const Expr& e, const Aggregate& node,
                                                     EvalContext& context) const {
  AggregateSpec spec{node.op, node.grouping, node.without, {}, unwrap(*node.expr).span, e.span};
  ScalarOperatorPtr param;
  if (node.param && node.op != AggregateOp::count_values) {
    const Expr& inner = unwrap(*node.param);
    spec.param_span = inner.span;
    auto built = scalar(inner, context);
    if (!built) return pass(built);
    param = std::move(*built);
  }
  auto child = vector(unwrap(*node.expr), context);
  if (!child) return child;
  switch (node.op) {
    case AggregateOp::topk:
    case AggregateOp::bottomk:
    case AggregateOp::limitk:
    case AggregateOp::limit_ratio:
      return make_choice(context, spec, std::move(*child), std::move(param));
    case AggregateOp::count_values:
      return make_count_values(context, spec, std::move(*child),
                               unwrap(*node.param).as<StringLiteral>()->value);
    default:
      return make_aggregation(context, spec, std::move(*child), std::move(param));
  }
}

Result<OperatorBuilder::Range> OperatorBuilder::range(const Expr& e, EvalContext& context,
                                                      bool is_result) const {
  const QueryBudget::PlaceScope place(context.query.budget, e.span);
  const ProfileScope profile(e, context, false);
  auto made = e.as<Subquery>() ? subquery(*e.as<Subquery>(), context, is_result) : range_selector(e, context);
  if (!made) return made;
  if (made->repeated) profile.mark_repeated();
  auto source = profile.observed(Result<RangeSourcePtr>(std::move(made->source)));
  if (!source) return pass(source);
  made->source = std::move(*source);
  return made;
}

Result<OperatorBuilder::Range> OperatorBuilder::range_selector(const Expr& e, EvalContext& context) const {
  const auto* node = e.as<MatrixSelector>();
  if (!node) return fail(Code::internal, "expression is no range vector");
  SelectorSpec spec = selector_spec(*node->selector->as<VectorSelector>(), node->selector->span);
  const DurationMs range = plan_.ms(node->range);
  Range out;
  out.shape = {range, spec.offset, spec.at, 0, 0, false};
  out.anchored = spec.anchored;
  out.smoothed = spec.smoothed;
  if (spec.anchored || spec.smoothed) out.shape.before = context.query.lookback;
  if (spec.smoothed) out.shape.after = context.query.lookback;
  const auto repeated = context.query.shares_parts ? plan_.repeated_part(e) : std::nullopt;
  if (!repeated) {
    out.source = make_range_selector(context, std::move(spec), range);
    return out;
  }
  auto& samples = context.query.repeated_samples[{&context, *repeated}];
  out.repeated = samples != nullptr;
  if (!samples)
    samples =
        std::make_shared<RepeatedSamples>(context, make_range_selector(context, std::move(spec), range));
  out.source = RepeatedSamples::read_at(samples);
  return out;
}

Result<OperatorBuilder::Range> OperatorBuilder::subquery(const Subquery& node, EvalContext& context,
                                                         bool is_result) const {
  SubquerySpec spec;
  spec.range = plan_.ms(node.range);
  spec.step = node.step_given ? plan_.ms(node.step) : context.query.default_subquery_step;
  if (spec.step <= 0) spec.step = context.query.default_subquery_step;
  spec.offset = plan_.ms(node.offset);
  spec.at = plan_.at(node.at);
  spec.is_result = is_result;
  auto source = make_subquery(context, spec, [&](EvalContext& inner) { return vector(*node.expr, inner); });
  if (!source) return pass(source);
  Range out;
  out.source = std::move(*source);
  out.shape = {spec.range, spec.offset, spec.at, 0, 0, true};
  return out;
}

SelectorSpec OperatorBuilder::selector_spec(const VectorSelector& s, Span span) const {
  SelectorSpec spec;
  spec.matchers = s.matchers;
  spec.offset = plan_.ms(s.offset);
  spec.at = plan_.at(s.at);
  spec.anchored = s.anchored;
  spec.smoothed = s.smoothed;
  spec.stats_only = plan_.wants_stats_only(s);
  spec.wanted_labels = plan_.wanted_labels(s);
  spec.span = span;
  return spec;
}

LabelIds OperatorBuilder::labels_of_absent(const Expr& argument, LabelPool& pool) const {
  const auto* selector = argument.as<VectorSelector>();
  if (const auto* matrix = argument.as<MatrixSelector>()) selector = matrix->selector->as<VectorSelector>();
  LabelIds labels;
  if (!selector) return labels;
  std::vector<std::string_view> seen;
  for (const auto& m : selector->matchers) {
    if (m.name() == kMetricName) continue;
    const bool again = std::find(seen.begin(), seen.end(), m.name()) != seen.end();
    if (m.op() == MatchOp::equal && !again) {
      pool.set(labels, pool.name(m.name()), m.value());
      seen.push_back(m.name());
    } else {
      pool.remove(labels, pool.name(m.name()));
    }
  }
  return labels;
}

}  // namespace narthex::query

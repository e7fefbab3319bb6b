// OperatorBuilder: function calls.
#include <fmt/format.h>

#include <algorithm>

#include "query/engine/absent_over_time.h"
#include "query/engine/builder.h"
#include "query/engine/scalar_operators.h"
#include "query/engine/selector.h"
#include "query/functions/elementwise.h"
#include "query/functions/histogram_quantile.h"
#include "query/functions/histogram_values.h"
#include "query/functions/info.h"
#include "query/functions/labels.h"
#include "query/functions/range_functions.h"
#include "query/functions/sort.h"

namespace narthex::query {

namespace {

const std::string& string_argument(const Call& node, std::size_t i) {
  return unwrap(*node.args[i]).as<StringLiteral>()->value;
}

std::vector<std::string> string_arguments(const Call& node, std::size_t from) {
  std::vector<std::string> out;
  for (std::size_t i = from; i < node.args.size(); ++i) out.push_back(string_argument(node, i));
  return out;
}

bool may_be_anchored(FunctionId id) {
  switch (id) {
    case FunctionId::changes:
    case FunctionId::delta:
    case FunctionId::increase:
    case FunctionId::rate:
    case FunctionId::resets:
      return true;
    default:
      return false;
  }
}

bool may_be_smoothed(FunctionId id) {
  return may_be_anchored(id) && id != FunctionId::changes && id != FunctionId::resets;
}

/// The time modifiers under which the first selector of an expression is evaluated: its own,
/// then those of the subqueries around it, until an `@` fixes the time.
bool find_select_time(const Expr& e, const QueryPlan& plan, InfoSpec& into) {
  if (const auto* selector = e.as<VectorSelector>()) {
    into.at = plan.at(selector->at);
    into.offset = plan.ms(selector->offset);
    return true;
  }
  bool found = false;
  for_each_child(e, [&](const Expr& child) { found = found || find_select_time(child, plan, into); });
  const auto* subquery = e.as<Subquery>();
  if (found && subquery && !into.at) {
    into.offset += plan.ms(subquery->offset);
    into.at = plan.at(subquery->at);
  }
  return found;
}

}  // namespace

Result<VectorOperatorPtr> OperatorBuilder::call(const Expr& e, const Call& node, EvalContext& context) const {
  for (std::size_t i = 0; i < node.args.size(); ++i)
    if (type_of(*node.args[i]) == ValueType::matrix) return range_call(node, i, context);
  switch (node.function->id) {
    case FunctionId::label_replace:
    case FunctionId::label_join:
      return label_call(node, context);
    case FunctionId::histogram_quantile:
    case FunctionId::histogram_quantiles:
    case FunctionId::histogram_fraction:
      return histogram_call(node, context);
    case FunctionId::info:
      return info_call(node, context);
    case FunctionId::timestamp:
    case FunctionId::start_timestamp:
      return timestamp_call(node, context);
    case FunctionId::vector: {
      auto of = scalar(unwrap(*node.args[0]), context);
      if (!of) return pass(of);
      return make_vector_of(context, std::move(*of));
    }
    case FunctionId::absent: {
      const Expr& argument = unwrap(*node.args[0]);
      auto child = vector(argument, context);
      if (!child) return child;
      return make_absent(context, std::move(*child), labels_of_absent(argument, context.query.pool));
    }
    case FunctionId::sort:
    case FunctionId::sort_desc:
    case FunctionId::sort_by_label:
    case FunctionId::sort_by_label_desc: {
      auto child = vector(unwrap(*node.args[0]), context);
      if (!child) return child;
      return make_sort(context, node.function->id, std::move(*child), string_arguments(node, 1), e.span);
    }
    default:
      return elementwise_call(node, context);
  }
}

Result<VectorOperatorPtr> OperatorBuilder::range_call(const Call& node, std::size_t range_argument,
                                                      EvalContext& context) const {
  const Expr& argument = unwrap(*node.args[range_argument]);
  const auto id = node.function->id;
  // A subquery argument has lost its place in Prometheus when annotations are made.
  const bool is_subquery = argument.as<Subquery>() != nullptr;
  Span first = unwrap(*node.args[0]).span;
  if (is_subquery && range_argument == 0) first = {};
  auto from = range(argument, context, false);
  if (!from) return pass(from);
  if (from->anchored && !may_be_anchored(id))
    return fail(Code::execution, fmt::format("anchored modifier can only be used with: changes, delta, "
                                             "increase, rate, resets - not with {}",
                                             node.function->name));
  if (from->smoothed && !may_be_smoothed(id))
    return fail(Code::execution,
                fmt::format("smoothed modifier can only be used with: delta, increase, rate - not with {}",
                            node.function->name));
  if (id == FunctionId::absent_over_time)
    return make_absent_over_time(context, std::move(from->source), from->shape,
                                 labels_of_absent(argument, context.query.pool));
  RangeCallParts parts;
  for (std::size_t i = 0; i < node.args.size(); ++i) {
    if (i == range_argument) continue;
    auto other = scalar(unwrap(*node.args[i]), context);
    if (!other) return pass(other);
    parts.scalars.push_back(std::move(*other));
  }
  parts.source = std::move(from->source);
  parts.shape = from->shape;
  parts.id = id;
  parts.first_argument = first;
  parts.make_function = [id, first, anchored = from->anchored, smoothed = from->smoothed,
                         rank = context.query.next_rank++](AnnotationCollector& notes) {
    return make_range_function(id, {Annotator(notes, rank), first, anchored, smoothed});
  };
  return make_range_call(context, std::move(parts));
}

Result<VectorOperatorPtr> OperatorBuilder::label_call(const Call& node, EvalContext& context) const {
  auto child = vector(unwrap(*node.args[0]), context);
  if (!child) return child;
  if (node.function->id == FunctionId::label_replace)
    return make_label_replace(context, std::move(*child),
                              {string_argument(node, 1), string_argument(node, 2), string_argument(node, 3),
                               string_argument(node, 4)});
  return make_label_join(context, std::move(*child),
                         {string_argument(node, 1), string_argument(node, 2), string_arguments(node, 3)});
}

Result<VectorOperatorPtr> OperatorBuilder::histogram_call(const Call& node, EvalContext& context) const {
  // Arguments in their order, for annotations.
  std::vector<ScalarOperatorPtr> scalars;
  std::vector<Span> spans;
  HistogramArgument histogram;
  for (const auto& arg : node.args) {
    const Expr& inner = unwrap(*arg);
    if (inner.as<StringLiteral>()) continue;
    if (type_of(inner) == ValueType::scalar) {
      auto built = scalar(inner, context);
      if (!built) return pass(built);
      scalars.push_back(std::move(*built));
      spans.push_back(inner.span);
    } else {
      auto built = vector(inner, context);
      if (!built) return built;
      histogram = {std::move(*built), inner.span};
    }
  }
  switch (node.function->id) {
    case FunctionId::histogram_quantile:
      return make_histogram_quantile(context, {std::move(scalars[0]), spans[0]}, std::move(histogram));
    case FunctionId::histogram_fraction:
      return make_histogram_fraction(context, std::move(scalars[0]), std::move(scalars[1]),
                                     std::move(histogram));
    default: {
      std::vector<QuantileArgument> qs;
      for (std::size_t i = 0; i < scalars.size(); ++i) qs.push_back({std::move(scalars[i]), spans[i]});
      return make_histogram_quantiles(context, std::move(histogram), string_argument(node, 1), std::move(qs));
    }
  }
}

Result<VectorOperatorPtr> OperatorBuilder::info_call(const Call& node, EvalContext& context) const {
  InfoSpec spec;
  find_select_time(*node.args[0], plan_, spec);
  if (node.args.size() > 1) {
    spec.has_selector = true;
    spec.matchers = unwrap(*node.args[1]).as<VectorSelector>()->matchers;
  }
  auto base = vector(unwrap(*node.args[0]), context);
  if (!base) return base;
  return make_info(context, std::move(*base), std::move(spec));
}

Result<VectorOperatorPtr> OperatorBuilder::timestamp_call(const Call& node, EvalContext& context) const {
  const Expr& argument = unwrap(*node.args[0]);
  const bool of_start = node.function->id == FunctionId::start_timestamp;
  const auto* selector = argument.as<VectorSelector>();
  if (selector && !plan_.is_step_invariant(argument)) {
    SelectorSpec spec = selector_spec(*selector, argument.span);
    spec.looks_at_bare_at = true;
    spec.smoothed = false;
    return make_unnamed(
        context, make_instant_selector(context, std::move(spec),
                                       of_start ? InstantValue::start_timestamp : InstantValue::timestamp));
  }
  auto child = vector(argument, context);
  if (!child) return child;
  return of_start ? make_nothing(context, std::move(*child))
                  : make_evaluation_time(context, std::move(*child));
}

Result<VectorOperatorPtr> OperatorBuilder::elementwise_call(const Call& node, EvalContext& context) const {
  const auto id = node.function->id;
  if (node.args.empty()) return make_calendar_of_time(context, id);
  auto child = vector(unwrap(*node.args[0]), context);
  if (!child) return child;
  std::vector<ScalarOperatorPtr> scalars;
  for (std::size_t i = 1; i < node.args.size(); ++i) {
    auto built = scalar(unwrap(*node.args[i]), context);
    if (!built) return pass(built);
    scalars.push_back(std::move(*built));
  }
  switch (id) {
    case FunctionId::histogram_count:
    case FunctionId::histogram_sum:
    case FunctionId::histogram_avg:
    case FunctionId::histogram_stddev:
    case FunctionId::histogram_stdvar:
      return make_histogram_value(context, id, std::move(*child));
    default:
      break;
  }
  auto made = make_elementwise(context, id, std::move(*child), std::move(scalars));
  if (!made) return fail(Code::internal, fmt::format("function {} is not known", node.function->name));
  return made;
}

}  // namespace narthex::query

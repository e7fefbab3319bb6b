#include "query/engine/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "query/functions/go_math.h"
#include "query/promql/functions.h"

namespace narthex::query {

namespace {

/// How far from the epoch `@` goes. Behind it there is room for the offsets, ranges and lookbacks of
/// 292 years each that are added at every level of a query, of which there are 2000 at most.
constexpr Timestamp kFarthestAt = kMaxTime - (Timestamp{1} << 57);

double seconds(DurationMs ms) {
  return static_cast<double>(ms) / 1000;
}

std::unexpected<Error> bad_duration(const DurationExpr& e, std::string_view why) {
  return fail(Code::invalid, fmt::format("{}:{}: {}", e.span.start, e.span.end, why));
}

/// Functions whose result depends on the time of evaluation even if their arguments do not.
bool depends_on_step(FunctionId id) {
  switch (id) {
    case FunctionId::days_in_month:
    case FunctionId::day_of_month:
    case FunctionId::day_of_week:
    case FunctionId::day_of_year:
    case FunctionId::hour:
    case FunctionId::minute:
    case FunctionId::month:
    case FunctionId::year:
    case FunctionId::predict_linear:
    case FunctionId::time:
    case FunctionId::timestamp:
      return true;
    default:
      return false;
  }
}

/// The series it chooses stay what they are, or it looks at more than their labels.
bool keeps_labels(AggregateOp op) {
  switch (op) {
    case AggregateOp::topk:
    case AggregateOp::bottomk:
    case AggregateOp::limitk:
    case AggregateOp::limit_ratio:
    case AggregateOp::count_values:
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<QueryPlan> QueryPlan::make(const Expr& root, std::string_view text, Timestamp start, Timestamp end,
                                  DurationMs step) {
  QueryPlan plan(start, end, step);
  if (auto resolved = plan.resolve_durations(root); !resolved) return pass(resolved);
  plan.find_stats_only(root, false);
  plan.find_aggregated(root);
  plan.find_repeated(root, text);
  if (plan.find_invariant(root).wrap) plan.invariant_.insert(&root);
  return plan;
}

/// Source: Prometheus promql/engine.go, detectHistogramStatsDecoding
void QueryPlan::find_stats_only(const Expr& e, bool wanted) {
  if (const auto* selector = e.as<VectorSelector>()) {
    if (wanted) stats_only_.insert(selector);
    return;
  }
  const auto* binary = e.as<Binary>();
  // Below these whole histograms are needed, whatever stands around them.
  bool needs_buckets = e.as<Subquery>() != nullptr ||
                       (binary && (binary->op == BinaryOp::trim_upper || binary->op == BinaryOp::trim_lower));
  if (const auto* call = e.as<Call>()) {
    switch (call->function->id) {
      case FunctionId::histogram_count:
      case FunctionId::histogram_sum:
      case FunctionId::histogram_avg:
        wanted = true;
        break;
      case FunctionId::histogram_quantile:
      case FunctionId::histogram_quantiles:
      case FunctionId::histogram_fraction:
        needs_buckets = true;
        break;
      default:
        break;
    }
  }
  if (needs_buckets) return;
  for_each_child(e, [&](const Expr& child) { find_stats_only(child, wanted); });
}

void QueryPlan::find_aggregated(const Expr& e) {
  if (const auto* node = e.as<Aggregate>(); node && !node->without && !keeps_labels(node->op))
    if (const auto* selector = unwrap(*node->expr).as<VectorSelector>()) aggregated_.emplace(selector, node);
  for_each_child(e, [&](const Expr& child) { find_aggregated(child); });
}

std::optional<std::vector<std::string>> QueryPlan::wanted_labels(const VectorSelector& s) const {
  const auto at = aggregated_.find(&s);
  if (at == aggregated_.end()) return std::nullopt;
  std::vector<std::string> names = at->second->grouping;
  // Annotations about histograms in sums and those of smoothing say the metric's name.
  const AggregateOp op = at->second->op;
  if (op == AggregateOp::sum || op == AggregateOp::avg || s.smoothed) names.emplace_back(kMetricName);
  return names;
}

DurationMs QueryPlan::ms(const Duration& d) const {
  if (!d.expr) return d.ms;
  return durations_.at(&d);
}

std::optional<Timestamp> QueryPlan::at(const AtModifier& m) const {
  switch (m.kind) {
    case AtKind::none:
      return std::nullopt;
    case AtKind::timestamp:
      return std::clamp(m.t, -kFarthestAt, kFarthestAt);
    case AtKind::start:
      return start_;
    case AtKind::end:
      return end_;
  }
  return std::nullopt;
}

std::optional<double> QueryPlan::constant(const Call& call) const {
  switch (call.function->id) {
    case FunctionId::start:
      return seconds(start_);
    case FunctionId::end:
      return seconds(end_);
    case FunctionId::range:
      return seconds(end_ - start_);
    case FunctionId::step:
      return start_ == end_ ? 0 : seconds(step_);
    default:
      return std::nullopt;
  }
}

Result<void> QueryPlan::resolve_durations(const Expr& e) {
  Result<void> done;
  if (const auto* selector = e.as<VectorSelector>()) done = resolve(selector->offset, true);
  if (const auto* matrix = e.as<MatrixSelector>()) done = resolve(matrix->range, false);
  if (const auto* subquery = e.as<Subquery>()) {
    done = resolve(subquery->offset, true);
    if (done && subquery->step_given) done = resolve(subquery->step, false);
    if (done) done = resolve(subquery->range, false);
  }
  if (!done) return done;
  for_each_child(e, [&](const Expr& child) {
    if (done) done = resolve_durations(child);
  });
  return done;
}

Result<void> QueryPlan::resolve(const Duration& d, bool may_be_negative) {
  if (!d.expr) return {};
  auto value = evaluate(*d.expr);
  if (!value) return pass(value);
  if (!std::isfinite(*value)) return bad_duration(*d.expr, "duration is NaN or infinite");
  if (*value <= 0 && !may_be_negative) return bad_duration(*d.expr, "duration must be greater than 0");
  constexpr double kLimit = 9223372036854775808.0 / 1e9;  // what fits Go's nanoseconds
  if (*value > kLimit || *value < -kLimit) return bad_duration(*d.expr, "duration is out of range");
  durations_[&d] = static_cast<DurationMs>(*value * 1000);
  return {};
}

Result<double> QueryPlan::evaluate(const DurationExpr& e) const {
  double lhs = 0;
  double rhs = 0;
  if (e.lhs) {
    auto value = evaluate(*e.lhs);
    if (!value) return value;
    lhs = *value;
  }
  if (e.rhs) {
    auto value = evaluate(*e.rhs);
    if (!value) return value;
    rhs = *value;
  }
  switch (e.kind) {
    case DurationExpr::Kind::literal:
      return e.seconds;
    case DurationExpr::Kind::negate:
      return -lhs;
    case DurationExpr::Kind::plus:
      return lhs;
    case DurationExpr::Kind::add:
      return lhs + rhs;
    case DurationExpr::Kind::sub:
      return lhs - rhs;
    case DurationExpr::Kind::mul:
      return lhs * rhs;
    case DurationExpr::Kind::div:
      if (rhs == 0) return bad_duration(e, "division by zero");
      return lhs / rhs;
    case DurationExpr::Kind::mod:
      if (rhs == 0) return bad_duration(e, "modulo by zero");
      return std::fmod(lhs, rhs);
    case DurationExpr::Kind::pow:
      return std::pow(lhs, rhs);
    case DurationExpr::Kind::step:
      return seconds(step_);
    case DurationExpr::Kind::range:
      return seconds(end_ - start_);
    case DurationExpr::Kind::min_of:
      return go_min(lhs, rhs);
    case DurationExpr::Kind::max_of:
      return go_max(lhs, rhs);
  }
  return 0.0;
}

QueryPlan::Invariance QueryPlan::find_invariant(const Expr& e) {
  if (const auto* selector = e.as<VectorSelector>()) {
    const bool fixed = selector->at.kind != AtKind::none;
    return {fixed, fixed};
  }
  if (const auto* aggregate = e.as<Aggregate>()) return find_invariant(unwrap(*aggregate->expr));
  if (const auto* binary = e.as<Binary>()) return find_invariant_sides(*binary);
  if (const auto* call = e.as<Call>()) {
    if (constant(*call)) return {true, false};
    return find_invariant_call(*call);
  }
  // Functions evaluate matrix selectors directly: never a part of their own.
  if (const auto* matrix = e.as<MatrixSelector>())
    return {find_invariant(*matrix->selector).invariant, false};
  if (const auto* subquery = e.as<Subquery>()) {
    if (find_invariant(*subquery->expr).invariant) invariant_.insert(subquery->expr.get());
    return {subquery->at.kind != AtKind::none, false};
  }
  if (const auto* paren = e.as<Paren>()) return find_invariant(*paren->expr);
  if (const auto* unary = e.as<Unary>()) return find_invariant(*unary->expr);
  return {true, false};  // literals
}

QueryPlan::Invariance QueryPlan::find_invariant_sides(const Binary& binary) {
  const auto lhs = find_invariant(*binary.lhs);
  const auto rhs = find_invariant(*binary.rhs);
  if (lhs.invariant && rhs.invariant) return {true, true};
  if (lhs.wrap) invariant_.insert(binary.lhs.get());
  if (rhs.wrap) invariant_.insert(binary.rhs.get());
  return {};
}

QueryPlan::Invariance QueryPlan::find_invariant_call(const Call& call) {
  bool invariant = !depends_on_step(call.function->id);
  // timestamp(x @ 1) is the same at every step, timestamp(abs(x @ 1)) is not.
  bool is_fixed_timestamp = call.function->id == FunctionId::timestamp;
  std::vector<const Expr*> to_wrap;
  for (const auto& arg : call.args) {
    const Expr& inner = unwrap(*arg);
    const auto found = find_invariant(inner);
    invariant = invariant && found.invariant;
    if (!found.invariant || !inner.as<VectorSelector>()) is_fixed_timestamp = false;
    if (found.wrap) to_wrap.push_back(&inner);
  }
  if (invariant || is_fixed_timestamp) return {true, true};
  invariant_.insert(to_wrap.begin(), to_wrap.end());
  return {};
}

TimeRange QueryPlan::time_range(const Expr& root, DurationMs lookback) const {
  TimeRange range{kMaxTime, kMinTime};
  widen(root, {}, 0, lookback, range);
  if (range.maxt == kMinTime) return {0, 0};
  return range;
}

void QueryPlan::widen(const Expr& e, Outer outer, DurationMs range, DurationMs lookback,
                      TimeRange& into) const {
  if (const auto* selector = e.as<VectorSelector>())
    return widen_selector(*selector, outer, range, lookback, into);
  if (const auto* matrix = e.as<MatrixSelector>())
    return widen(*matrix->selector, outer, ms(matrix->range), lookback, into);
  if (const auto* subquery = e.as<Subquery>()) {
    const auto fixed = at(subquery->at);
    if (fixed) outer = {0, 0, fixed, outer.info};
    outer.offset += ms(subquery->offset);
    outer.range += ms(subquery->range);
  }
  if (const auto* call = e.as<Call>(); call && call->function->id == FunctionId::info) outer.info = true;
  for_each_child(e, [&](const Expr& child) { widen(child, outer, 0, lookback, into); });
}

void QueryPlan::widen_selector(const VectorSelector& s, const Outer& outer, DurationMs range,
                               DurationMs lookback, TimeRange& into) const {
  Timestamp from = outer.at.value_or(start_);
  Timestamp to = outer.at.value_or(end_);
  if (const auto fixed = at(s.at)) {
    from = to = *fixed;
  } else {
    from -= outer.offset + outer.range;
    to -= outer.offset;
  }
  from -= range - 1;
  if (range == 0 || s.anchored || s.smoothed || outer.info) from -= lookback;
  if (s.smoothed) to += lookback;
  const auto offset = ms(s.offset);
  into.mint = std::min(into.mint, from - offset);
  into.maxt = std::max(into.maxt, to - offset);
}

}  // namespace narthex::query

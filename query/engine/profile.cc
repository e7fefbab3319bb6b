#include "query/engine/profile.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/json_writer.h"
#include "query/promql/functions.h"
#include "query/promql/parser.h"

namespace narthex::query {

namespace {

constexpr std::size_t kShownTextBytes = 300;

std::string list_of(std::string_view word, const std::vector<std::string>& names) {
  return fmt::format(" {} ({})", word, fmt::join(names, ", "));
}

std::string detail_of(const Aggregate& a) {
  std::string text(text_of(a.op));
  if (a.without || !a.grouping.empty()) text += list_of(a.without ? "without" : "by", a.grouping);
  return text;
}

std::string detail_of(const Binary& b) {
  std::string text(text_of(b.op));
  if (b.return_bool) text += " bool";
  if (!b.matching) return text;
  const VectorMatching& m = *b.matching;
  if (m.on || !m.labels.empty()) text += list_of(m.on ? "on" : "ignoring", m.labels);
  if (m.card == Cardinality::many_to_one) text += list_of("group_left", m.include);
  if (m.card == Cardinality::one_to_many) text += list_of("group_right", m.include);
  return text;
}

void describe(const Expr& e, ProfileNode& node) {
  if (e.as<VectorSelector>()) node.operation = "selector";
  if (e.as<MatrixSelector>()) node.operation = "range_selector";
  if (e.as<Subquery>()) node.operation = "subquery";
  if (const auto* a = e.as<Aggregate>()) {
    node.operation = "aggregation";
    node.detail = detail_of(*a);
  }
  if (const auto* b = e.as<Binary>()) {
    node.operation = "binary";
    node.detail = detail_of(*b);
  }
  if (const auto* call = e.as<Call>()) {
    node.operation = "function";
    node.detail = call->function->name;
  }
  if (const auto* unary = e.as<Unary>()) {
    node.operation = "unary";
    node.detail = unary->negate ? "-" : "+";
  }
  if (const auto* number = e.as<NumberLiteral>()) {
    node.operation = "number";
    node.detail = fmt::format("{}", number->value);
  }
}

double seconds(std::chrono::nanoseconds t) {
  return std::chrono::duration<double>(t).count();
}

void write_node(JsonWriter& json, const ProfileNode& node, bool measured, std::string_view query) {
  json.begin_object().key("operator").string(node.operation);
  if (!node.detail.empty()) json.key("detail").string(node.detail);
  const auto start = std::min<std::size_t>(node.span.start, query.size());
  const auto length = std::min<std::size_t>(node.span.end - node.span.start, kShownTextBytes);
  json.key("expr").string(query.substr(start, length));
  json.key("position").string(position_text(query, node.span.start));
  json.key("stepInvariant").boolean(node.step_invariant);
  if (node.repeated) json.key("repeated").boolean(true);
  if (measured) {
    std::chrono::nanoseconds below{0};
    for (const ProfileNode* child : node.children) below += child->time;
    json.key("series").number(node.series).key("samples").number(node.samples);
    json.key("bytes").number(node.bytes).key("seconds").number(seconds(node.time));
    json.key("selfSeconds").number(seconds(std::max(node.time - below, std::chrono::nanoseconds(0))));
  }
  json.key("children").begin_array();
  for (const ProfileNode* child : node.children) write_node(json, *child, measured, query);
  json.end_array().end_object();
}

}  // namespace

ProfileNode& QueryProfile::enter(const Expr& e, bool step_invariant) {
  ProfileNode& node = nodes_.emplace_back();
  node.span = e.span;
  node.step_invariant = step_invariant || next_is_step_invariant_;
  next_is_step_invariant_ = false;
  describe(e, node);
  if (!open_.empty()) open_.back()->children.push_back(&node);
  open_.push_back(&node);
  return node;
}

std::string profile_json(const QueryProfile& profile, std::string_view query) {
  std::string out;
  JsonWriter json(out);
  if (const ProfileNode* root = profile.root())
    write_node(json, *root, profile.level() == ProfileLevel::measured, query);
  else
    json.null();
  return out;
}

NodeTimer::~NodeTimer() {
  node_.time += clock_.steady() - start_;
  held_ += static_cast<std::int64_t>(budget_.bytes()) - static_cast<std::int64_t>(bytes_);
  node_.bytes = std::max(node_.bytes, static_cast<std::uint64_t>(std::max<std::int64_t>(held_, 0)));
}

}  // namespace narthex::query

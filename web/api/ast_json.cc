#include "web/api/ast_json.h"

#include "model/json_writer.h"
#include "model/value.h"
#include "query/promql/functions.h"

namespace narthex::web {

namespace {

using namespace query;

void write(JsonWriter& json, const Expr& e);

void write_or_null(JsonWriter& json, const ExprPtr& e) {
  if (e)
    write(json, *e);
  else
    json.null();
}

void write_list(JsonWriter& json, const std::vector<std::string>& list) {
  json.begin_array();
  for (const std::string& text : list) json.string(text);
  json.end_array();
}

std::string_view type_name(ValueType type) {
  switch (type) {
    case ValueType::none:
      return "none";
    case ValueType::scalar:
      return "scalar";
    case ValueType::vector:
      return "vector";
    case ValueType::matrix:
      return "matrix";
    case ValueType::string:
      return "string";
  }
  return "none";
}

std::string_view cardinality_name(Cardinality card) {
  switch (card) {
    case Cardinality::one_to_one:
      return "one-to-one";
    case Cardinality::many_to_one:
      return "many-to-one";
    case Cardinality::one_to_many:
      return "one-to-many";
    case Cardinality::many_to_many:
      return "many-to-many";
  }
  return "";
}

std::string_view operator_text(DurationExpr::Kind kind) {
  using Kind = DurationExpr::Kind;
  switch (kind) {
    case Kind::literal:
      return "";
    case Kind::plus:
    case Kind::add:
      return "+";
    case Kind::negate:
    case Kind::sub:
      return "-";
    case Kind::mul:
      return "*";
    case Kind::div:
      return "/";
    case Kind::mod:
      return "%";
    case Kind::pow:
      return "^";
    case Kind::step:
      return "step";
    case Kind::range:
      return "range";
    case Kind::min_of:
      return "min_of";
    case Kind::max_of:
      return "max_of";
  }
  return "";
}

void write_duration(JsonWriter& json, const DurationExpr* e) {
  using Kind = DurationExpr::Kind;
  if (!e) {
    json.null();
    return;
  }
  json.begin_object();
  if (e->kind == Kind::literal) {
    json.key("duration").boolean(e->written_as_duration).key("type").string("numberLiteral");
    json.key("val").string(format_plain(e->seconds)).end_object();
    return;
  }
  // A sign stands before its right side.
  const bool is_sign = e->kind == Kind::negate || e->kind == Kind::plus;
  write_duration(json.key("lhs"), is_sign ? nullptr : e->lhs.get());
  json.key("op").string(operator_text(e->kind));
  write_duration(json.key("rhs"), is_sign ? e->lhs.get() : e->rhs.get());
  json.key("type").string("durationExpr").key("wrapped").boolean(e->parenthesised).end_object();
}

/// Milliseconds and, under `name` + "Expr", how they were written.
void write_duration(JsonWriter& json, std::string_view name, const Duration& d) {
  json.key(name).number(d.expr ? DurationMs{0} : d.ms);
  write_duration(json.key(std::string(name) + "Expr"), d.expr.get());
}

void write_start_or_end(JsonWriter& json, const AtModifier& at) {
  json.key("startOrEnd");
  if (at.kind == AtKind::start || at.kind == AtKind::end)
    json.string(at.kind == AtKind::start ? "start" : "end");
  else
    json.null();
}

void write_timestamp(JsonWriter& json, const AtModifier& at) {
  json.key("timestamp");
  if (at.kind == AtKind::timestamp)
    json.number(at.t);
  else
    json.null();
}

void write_matchers(JsonWriter& json, const std::vector<Matcher>& matchers) {
  json.key("matchers").begin_array();
  for (const Matcher& m : matchers) {
    json.begin_object().key("name").string(m.name()).key("type").string(operator_text(m.op()));
    json.key("value").string(m.value()).end_object();
  }
  json.end_array();
}

/// @param range  of a matrix selector, else null
void write_selector(JsonWriter& json, const VectorSelector& s, const Duration* range) {
  json.key("anchored").boolean(s.anchored);
  write_matchers(json, s.matchers);
  json.key("name").string(s.name);
  write_duration(json, "offset", s.offset);
  if (range) write_duration(json, "range", *range);
  json.key("smoothed").boolean(s.smoothed);
  write_start_or_end(json, s.at);
  write_timestamp(json, s.at);
  json.key("type").string(range ? "matrixSelector" : "vectorSelector");
}

void write_matching(JsonWriter& json, const std::optional<VectorMatching>& matching) {
  if (!matching) {
    json.null();
    return;
  }
  const auto fill = [&](std::string_view side, const std::optional<double>& value) {
    json.key(side);
    if (value)
      json.number(*value);
    else
      json.null();
  };
  json.begin_object().key("card").string(cardinality_name(matching->card));
  json.key("fillValues").begin_object();
  fill("lhs", matching->fill_left);
  fill("rhs", matching->fill_right);
  json.end_object();
  write_list(json.key("include"), matching->include);
  write_list(json.key("labels"), matching->labels);
  json.key("on").boolean(matching->on).end_object();
}

void write_node(JsonWriter& json, const Aggregate& n) {
  write(json.key("expr"), *n.expr);
  write_list(json.key("grouping"), n.grouping);
  json.key("op").string(text_of(n.op));
  write_or_null(json.key("param"), n.param);
  json.key("type").string("aggregation").key("without").boolean(n.without);
}

void write_node(JsonWriter& json, const Binary& n) {
  json.key("bool").boolean(n.return_bool);
  write(json.key("lhs"), *n.lhs);
  write_matching(json.key("matching"), n.matching);
  json.key("op").string(text_of(n.op));
  write(json.key("rhs"), *n.rhs);
  json.key("type").string("binaryExpr");
}

void write_node(JsonWriter& json, const Call& n) {
  json.key("args").begin_array();
  for (const ExprPtr& arg : n.args) write(json, *arg);
  json.end_array().key("func").begin_object().key("argTypes").begin_array();
  for (const ValueType type : n.function->arg_types) json.string(type_name(type));
  json.end_array().key("name").string(n.function->name);
  json.key("returnType").string(type_name(n.function->return_type));
  json.key("variadic").number(std::int64_t{n.function->variadic}).end_object();
  json.key("type").string("call");
}

void write_node(JsonWriter& json, const Subquery& n) {
  write(json.key("expr"), *n.expr);
  write_duration(json, "offset", n.offset);
  write_duration(json, "range", n.range);
  write_start_or_end(json, n.at);
  write_duration(json, "step", n.step);
  write_timestamp(json, n.at);
  json.key("type").string("subquery");
}

void write_node(JsonWriter& json, const NumberLiteral& n) {
  json.key("type").string("numberLiteral").key("val").string(format_plain(n.value));
}

void write_node(JsonWriter& json, const StringLiteral& n) {
  json.key("type").string("stringLiteral").key("val").string(n.value);
}

void write_node(JsonWriter& json, const VectorSelector& n) {
  write_selector(json, n, nullptr);
}

void write_node(JsonWriter& json, const MatrixSelector& n) {
  write_selector(json, *n.selector->as<VectorSelector>(), &n.range);
}

void write_node(JsonWriter& json, const Unary& n) {
  write(json.key("expr"), *n.expr);
  json.key("op").string(n.negate ? "-" : "+").key("type").string("unaryExpr");
}

void write_node(JsonWriter& json, const Paren& n) {
  write(json.key("expr"), *n.expr);
  json.key("type").string("parenExpr");
}

void write(JsonWriter& json, const Expr& e) {
  json.begin_object();
  std::visit([&](const auto& node) { write_node(json, node); }, e.node);
  json.end_object();
}

}  // namespace

std::string ast_json(const query::Expr& e) {
  std::string out;
  JsonWriter json(out);
  write(json, e);
  return out;
}

}  // namespace narthex::web

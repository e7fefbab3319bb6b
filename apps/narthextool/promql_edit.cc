#include "apps/narthextool/promql_edit.h"

#include <functional>

namespace narthex::apps {

namespace {

using namespace query;

using EditSelector = std::function<void(VectorSelector&)>;

void edit_selectors(Expr& e, const EditSelector& edit);

void edit_below(VectorSelector& n, const EditSelector& edit) {
  edit(n);
}
void edit_below(MatrixSelector& n, const EditSelector& edit) {
  edit_selectors(*n.selector, edit);
}
void edit_below(Subquery& n, const EditSelector& edit) {
  edit_selectors(*n.expr, edit);
}
void edit_below(Aggregate& n, const EditSelector& edit) {
  if (n.param) edit_selectors(*n.param, edit);
  edit_selectors(*n.expr, edit);
}
void edit_below(Call& n, const EditSelector& edit) {
  for (ExprPtr& arg : n.args) edit_selectors(*arg, edit);
}
void edit_below(Binary& n, const EditSelector& edit) {
  edit_selectors(*n.lhs, edit);
  edit_selectors(*n.rhs, edit);
}
void edit_below(Unary& n, const EditSelector& edit) {
  edit_selectors(*n.expr, edit);
}
void edit_below(Paren& n, const EditSelector& edit) {
  edit_selectors(*n.expr, edit);
}
void edit_below(NumberLiteral& /*n*/, const EditSelector& /*edit*/) {}
void edit_below(StringLiteral& /*n*/, const EditSelector& /*edit*/) {}

void edit_selectors(Expr& e, const EditSelector& edit) {
  std::visit([&](auto& node) { edit_below(node, edit); }, e.node);
}

Result<std::string> edited(std::string_view query, const ParserOptions& options, const EditSelector& edit) {
  auto e = parse(query, options);
  if (!e) return pass(e);
  edit_selectors(**e, edit);
  return pretty_print(**e) + "\n";
}

}  // namespace

Result<std::string> format_promql(std::string_view query, const ParserOptions& options) {
  return edited(query, options, [](VectorSelector& /*selector*/) {});
}

Result<std::string> set_label_matcher(std::string_view query, MatchOp op, const std::string& name,
                                      const std::string& value, const ParserOptions& options) {
  const auto matcher = Matcher::make(op, name, value);
  if (!matcher) return std::unexpected(matcher.error());
  return edited(query, options, [&](VectorSelector& selector) {
    bool found = false;
    for (Matcher& m : selector.matchers) {
      if (m.name() != name) continue;
      m = *matcher;
      found = true;
    }
    if (!found) selector.matchers.push_back(*matcher);
  });
}

Result<std::string> delete_label_matcher(std::string_view query, std::string_view name,
                                         const ParserOptions& options) {
  return edited(query, options, [&](VectorSelector& selector) {
    std::erase_if(selector.matchers, [&](const Matcher& m) { return m.name() == name; });
  });
}

}  // namespace narthex::apps

// Pretty printing: expressions longer than a line are split at their operators, arguments
// and parentheses, and indented by level.
//
// Source: Prometheus promql/parser/prettier.go
#include <string>
#include <utility>

#include "query/promql/functions.h"
#include "query/promql/parser.h"
#include "query/promql/printer.h"

namespace narthex::query {
namespace {

class PrettyPrinter {
 public:
  PrettyPrinter(const Expr& e, std::size_t width) : width_(width) {
    measure_.keep_lengths();
    measure_.print(e);
  }

  void print(const Expr& e, std::size_t level) {
    std::visit([&](const auto& node) { print(e, node, level); }, e.node);
  }
  [[nodiscard]] std::string& text() { return printer_.text(); }

 private:
  void print(const Expr& e, const Subquery& n, std::size_t level) {
    // Prometheus does not indent a subquery that fits.
    if (fits(e)) return printer_.print(e);
    print(*n.expr, level);
    printer_.print_suffix(n);
  }
  void print(const Expr& e, const Aggregate& n, std::size_t level) {
    indent(level);
    if (fits(e)) return printer_.print(e);
    printer_.print_head(n);
    text() += "(\n";
    if (n.param) {
      print(*n.param, level + 1);
      text() += ",\n";
    }
    print(*n.expr, level + 1);
    close(level);
  }
  void print(const Expr& e, const Call& n, std::size_t level) {
    indent(level);
    if (fits(e)) return printer_.print(e);
    text() += n.function->name;
    text() += "(\n";
    for (std::size_t i = 0; i < n.args.size(); ++i) {
      if (i > 0) text() += ",\n";
      print(*n.args[i], level + 1);
    }
    close(level);
  }
  void print(const Expr& e, const Binary& n, std::size_t level) {
    if (fits(e)) {
      indent(level);
      return printer_.print(e);
    }
    print(*n.lhs, level + 1);
    text() += '\n';
    indent(level);
    text() += text_of(n.op);
    printer_.print_modifiers(n);
    text() += '\n';
    print(*n.rhs, level + 1);
  }
  void print(const Expr&, const Unary& n, std::size_t level) {
    indent(level);
    text() += n.negate ? '-' : '+';
    // The operand follows its sign, so the spaces in front of it go.
    const std::size_t operand = text().size();
    print(*n.expr, level);
    text().erase(operand, text().find_first_not_of(' ', operand) - operand);
  }
  void print(const Expr& e, const Paren& n, std::size_t level) {
    indent(level);
    if (fits(e)) return printer_.print(e);
    text() += "(\n";
    print(*n.expr, level + 1);
    close(level);
  }
  /// Literals and selectors are never split.
  template <class Leaf>
  void print(const Expr& e, const Leaf&, std::size_t level) {
    indent(level);
    printer_.print(e);
  }

  [[nodiscard]] bool fits(const Expr& e) const { return measure_.lengths().at(&e) <= width_; }
  void indent(std::size_t level) { text().append(2 * level, ' '); }
  void close(std::size_t level) {
    text() += '\n';
    indent(level);
    text() += ')';
  }

  std::size_t width_;
  Printer measure_;
  Printer printer_;
};

}  // namespace

std::string pretty_print(const Expr& e, std::size_t width) {
  PrettyPrinter pretty(e, width);
  pretty.print(e, 0);
  return std::move(pretty.text());
}

}  // namespace narthex::query

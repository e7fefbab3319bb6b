#include "query/promql/printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "model/labels.h"
#include "model/value.h"
#include "query/promql/durations.h"
#include "query/promql/functions.h"
#include "query/promql/parser.h"

namespace narthex::query {

std::string print(const Expr& e) {
  Printer printer;
  printer.print(e);
  return std::move(printer.text());
}

void Printer::print(const Expr& e) {
  const std::size_t before = text_.size();
  std::visit([&](const auto& node) { print(node); }, e.node);
  if (keep_lengths_) lengths_[&e] = text_.size() - before;
}

void Printer::print(const NumberLiteral& n) {
  print_number(n.value, n.duration);
}

void Printer::print_number(double value, bool as_duration) {
  if (!as_duration) {
    text_ += format_plain(value);
    return;
  }
  if (value < 0) text_ += '-';
  text_ += format_duration(duration_from_seconds(value < 0 ? -value : value));
}

void Printer::print(const StringLiteral& n) {
  text_ += quote(n.value);
}

void Printer::print(const VectorSelector& n) {
  print_name_and_matchers(n);
  print_at(n.at);
  print_extension(n);
  print_offset(n.offset);
}

void Printer::print(const MatrixSelector& n) {
  const auto& selector = *n.selector->as<VectorSelector>();
  print_name_and_matchers(selector);
  text_ += '[';
  print(n.range);
  text_ += ']';
  print_extension(selector);
  print_at(selector.at);
  print_offset(selector.offset);
}

void Printer::print(const Subquery& n) {
  print(*n.expr);
  print_suffix(n);
}

void Printer::print_suffix(const Subquery& n) {
  text_ += '[';
  print(n.range);
  text_ += ':';
  if (n.step_given) print(n.step);
  text_ += ']';
  print_at(n.at);
  print_offset(n.offset);
}

void Printer::print(const Aggregate& n) {
  print_head(n);
  text_ += '(';
  if (n.param) {
    print(*n.param);
    text_ += ", ";
  }
  print(*n.expr);
  text_ += ')';
}

void Printer::print_head(const Aggregate& n) {
  text_ += text_of(n.op);
  if (!n.without && n.grouping.empty()) return;
  text_ += n.without ? " without (" : " by (";
  print_labels(n.grouping);
  text_ += ") ";
}

void Printer::print(const Call& n) {
  text_ += n.function->name;
  text_ += '(';
  for (std::size_t i = 0; i < n.args.size(); ++i) {
    if (i > 0) text_ += ", ";
    print(*n.args[i]);
  }
  text_ += ')';
}

void Printer::print(const Binary& n) {
  print(*n.lhs);
  text_ += ' ';
  text_ += text_of(n.op);
  print_modifiers(n);
  text_ += ' ';
  print(*n.rhs);
}

void Printer::print_modifiers(const Binary& n) {
  if (n.return_bool) text_ += " bool";
  if (!n.matching) return;
  const VectorMatching& m = *n.matching;
  const bool grouped = m.card == Cardinality::many_to_one || m.card == Cardinality::one_to_many;
  if (!m.labels.empty() || m.on || grouped) {
    text_ += m.on ? " on (" : " ignoring (";
    print_labels(m.labels);
    text_ += ')';
  }
  if (grouped) {
    text_ += m.card == Cardinality::many_to_one ? " group_left (" : " group_right (";
    print_labels(m.include);
    text_ += ')';
  }
  if (m.fill_left && m.fill_right && *m.fill_left == *m.fill_right) {
    text_ += fmt::format(" fill ({})", format_general(*m.fill_left));
    return;
  }
  if (m.fill_left) text_ += fmt::format(" fill_left ({})", format_general(*m.fill_left));
  if (m.fill_right) text_ += fmt::format(" fill_right ({})", format_general(*m.fill_right));
}

void Printer::print(const Unary& n) {
  text_ += n.negate ? '-' : '+';
  print(*n.expr);
}

void Printer::print(const Paren& n) {
  text_ += '(';
  print(*n.expr);
  text_ += ')';
}

void Printer::print(const Duration& d) {
  if (d.expr) {
    print(*d.expr);
  } else {
    text_ += format_duration(d.ms);
  }
}

void Printer::print(const DurationExpr& e) {
  using Kind = DurationExpr::Kind;
  const auto infix = [&](std::string_view op) {
    print(*e.lhs);
    text_ += op;
    print(*e.rhs);
  };
  const auto call = [&](std::string_view name) {
    text_ += name;
    infix(", ");
    text_ += ')';
  };
  if (e.parenthesised) text_ += '(';
  switch (e.kind) {
    case Kind::literal:
      print_number(e.seconds, e.written_as_duration);
      break;
    case Kind::negate:
      text_ += '-';
      print(*e.lhs);
      break;
    case Kind::plus:
      print(*e.lhs);
      break;
    case Kind::add:
      infix(" + ");
      break;
    case Kind::sub:
      infix(" - ");
      break;
    case Kind::mul:
      infix(" * ");
      break;
    case Kind::div:
      infix(" / ");
      break;
    case Kind::mod:
      infix(" % ");
      break;
    case Kind::pow:
      infix(" ^ ");
      break;
    case Kind::step:
      text_ += "step()";
      break;
    case Kind::range:
      text_ += "range()";
      break;
    case Kind::min_of:
      call("min_of(");
      break;
    case Kind::max_of:
      call("max_of(");
      break;
  }
  if (e.parenthesised) text_ += ')';
}

void Printer::print_name_and_matchers(const VectorSelector& n) {
  std::vector<std::string> matchers;
  for (const Matcher& m : n.matchers) {
    const bool is_name = m.name() == kMetricName && m.op() == MatchOp::equal && m.value() == n.name;
    if (!is_name || m.value().empty()) matchers.push_back(m.to_string());
  }
  text_ += n.name;
  if (matchers.empty()) {
    // Prometheus prints nothing for the {} of info(a, {}), which cannot be parsed again.
    if (n.name.empty()) text_ += "{}";
    return;
  }
  std::ranges::sort(matchers);
  for (std::size_t i = 0; i < matchers.size(); ++i) {
    text_ += i == 0 ? '{' : ',';
    text_ += matchers[i];
  }
  text_ += '}';
}

void Printer::print_extension(const VectorSelector& n) {
  if (n.anchored) {
    text_ += " anchored";
  } else if (n.smoothed) {
    text_ += " smoothed";
  }
}

void Printer::print_at(const AtModifier& at) {
  switch (at.kind) {
    case AtKind::none:
      break;
    case AtKind::timestamp:
      text_ += fmt::format(" @ {:.3f}", static_cast<double>(at.t) / 1000);
      break;
    case AtKind::start:
      text_ += " @ start()";
      break;
    case AtKind::end:
      text_ += " @ end()";
      break;
  }
}

void Printer::print_offset(const Duration& offset) {
  if (!offset.expr && offset.ms == 0) return;
  text_ += " offset ";
  print(offset);
}

void Printer::print_labels(const std::vector<std::string>& labels) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (i > 0) text_ += ", ";
    text_ += is_legacy_label_name(labels[i]) ? labels[i] : quote(labels[i]);
  }
}

}  // namespace narthex::query

// Grammar: selectors, their matchers, and metrics.
#include <utility>

#include "query/promql/grammar.h"

namespace narthex::query {
namespace {

constexpr std::string_view kMatching = "label matching";
constexpr std::string_view kLabelSet = "label set";

bool is_match_operator(TokenKind k) {
  return k == TokenKind::equal || k == TokenKind::ne || k == TokenKind::eq_regex || k == TokenKind::ne_regex;
}

MatchOp match_op(TokenKind k) {
  switch (k) {
    case TokenKind::ne:
      return MatchOp::not_equal;
    case TokenKind::eq_regex:
      return MatchOp::regex;
    case TokenKind::ne_regex:
      return MatchOp::not_regex;
    default:
      return MatchOp::equal;
  }
}

}  // namespace

ExprPtr Grammar::selector() {
  std::optional<Token> name;
  if (can_name_metric(peek().kind)) name = take();
  if (!name && !at(TokenKind::left_brace)) {
    unexpected();
    return nullptr;
  }
  ExprPtr e = vector_selector(name);
  return e && expect_end() ? std::move(e) : nullptr;
}

ExprPtr Grammar::vector_selector(std::optional<Token> name) {
  VectorSelector selector;
  Span span = name ? name->span() : peek().span();
  if (at(TokenKind::left_brace) && !matchers(selector.matchers, span.end)) return nullptr;
  if (name) {
    selector.name = name->text;
    selector.matchers.push_back(Matcher::literal(MatchOp::equal, std::string(kMetricName), selector.name));
  }
  return make(std::move(selector), span, 0);
}

bool Grammar::matchers(std::vector<Matcher>& out, std::uint32_t& end) {
  take();
  while (!at(TokenKind::right_brace)) {
    if (!matcher(out)) return false;
    if (at(TokenKind::comma)) {
      take();
    } else if (!at(TokenKind::right_brace)) {
      unexpected({kMatching, "\",\" or \"}\""});
      return false;
    }
  }
  end = take().span().end;
  return true;
}

/// `name="value"`, `"name"="value"`, or a metric name in quotes.
bool Grammar::matcher(std::vector<Matcher>& out) {
  const bool quoted = at(TokenKind::string);
  if (!quoted && !at(TokenKind::identifier)) {
    unexpected({kMatching, "identifier or \"}\""});
    return false;
  }
  const Token label = take();
  std::string name = quoted ? unquoted(label) : std::string(label.text);
  if (!is_match_operator(peek().kind)) {
    if (!quoted) {
      unexpected({kMatching, "label matching operator"});
      return false;
    }
    out.push_back(Matcher::literal(MatchOp::equal, std::string(kMetricName), std::move(name)));
    return true;
  }
  const MatchOp op = match_op(take().kind);
  if (!at(TokenKind::string)) {
    unexpected({kMatching, "string"});
    return false;
  }
  const Token value = take();
  auto made = Matcher::make(op, std::move(name), unquoted(value), options_.regex_memory);
  if (made) {
    out.push_back(std::move(*made));
  } else {
    error({label.pos, value.span().end}, std::move(made.error().text));
  }
  return true;
}

std::optional<Labels> Grammar::metric() {
  auto labels = metric_labels();
  return labels && expect_end() ? std::move(labels) : std::nullopt;
}

std::optional<Labels> Grammar::metric_labels() {
  std::optional<Token> name;
  if (can_name_metric(peek().kind)) name = take();
  LabelsBuilder labels;
  if (at(TokenKind::left_brace) && !label_set(labels)) return std::nullopt;
  if (name) labels.set(kMetricName, name->text);
  return labels.labels();
}

bool Grammar::label_set(LabelsBuilder& out) {
  take();
  while (!at(TokenKind::right_brace)) {
    if (!label_set_item(out)) return false;
    if (at(TokenKind::comma)) {
      take();
    } else if (!at(TokenKind::right_brace)) {
      unexpected({kLabelSet, "\",\" or \"}\""});
      return false;
    }
  }
  take();
  return true;
}

bool Grammar::label_set_item(LabelsBuilder& out) {
  const bool quoted = at(TokenKind::string);
  if (!quoted && !at(TokenKind::identifier)) {
    unexpected({kLabelSet, "identifier or \"}\""});
    return false;
  }
  const Token label = take();
  const std::string name = quoted ? unquoted(label) : std::string(label.text);
  if (!at(TokenKind::equal)) {
    if (!quoted) {
      unexpected({kLabelSet, "\"=\""});
      return false;
    }
    out.set(kMetricName, name);
    return true;
  }
  take();
  if (!at(TokenKind::string)) {
    unexpected({kLabelSet, "string"});
    return false;
  }
  out.set(name, unquoted(take()));
  return true;
}

}  // namespace narthex::query

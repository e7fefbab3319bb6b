#include "query/promql/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "query/promql/checks.h"
#include "query/promql/grammar.h"
#include "query/promql/text.h"

namespace narthex::query {
namespace {

struct Parsed {
  ExprPtr expr;  ///< null only if there are errors
  std::vector<ParseError> errors;
};

std::optional<ParseError> refuse_length(std::string_view text) {
  if (text.size() <= kMaxQueryBytes) return std::nullopt;
  return ParseError{
      {}, fmt::format("query is too long: {} bytes, at most {} are accepted", text.size(), kMaxQueryBytes)};
}

Parsed parse_and_check(std::string_view query, const ParserOptions& options) {
  if (auto refused = refuse_length(query)) return {nullptr, {std::move(*refused)}};
  Grammar grammar(query, options);
  Parsed parsed;
  parsed.expr = grammar.query();
  parsed.errors = std::move(grammar.errors());
  if (parsed.errors.empty()) check_types(query, *parsed.expr, parsed.errors);
  return parsed;
}

/// As users see it.
std::unexpected<Error> shown(std::string_view query, const ParseError& e) {
  return fail(Code::invalid, fmt::format("{}: parse error: {}", position_text(query, e.span.start), e.text));
}

}  // namespace

Result<ExprPtr> parse(std::string_view query, const ParserOptions& options) {
  Parsed parsed = parse_and_check(query, options);
  if (!parsed.errors.empty()) return shown(query, parsed.errors.front());
  return std::move(parsed.expr);
}

Result<void> check_length(std::string_view query) {
  if (auto refused = refuse_length(query)) return shown(query, *refused);
  return {};
}

std::vector<ParseError> parse_errors(std::string_view query, const ParserOptions& options) {
  return parse_and_check(query, options).errors;
}

Result<std::vector<Matcher>> parse_selector(std::string_view text) {
  if (auto refused = refuse_length(text)) return shown(text, *refused);
  Grammar grammar(text, ParserOptions());
  ExprPtr e = grammar.selector();
  if (!grammar.errors().empty()) return shown(text, grammar.errors().front());
  return std::move(e->as<VectorSelector>()->matchers);
}

Result<Labels> parse_metric(std::string_view text) {
  if (auto refused = refuse_length(text)) return shown(text, *refused);
  Grammar grammar(text, ParserOptions());
  auto labels = grammar.metric();
  if (!grammar.errors().empty()) return shown(text, grammar.errors().front());
  return std::move(*labels);
}

std::string position_text(std::string_view query, std::uint32_t offset) {
  if (query.empty()) return "unknown position";
  if (offset > query.size()) return "invalid position";
  const std::string_view before = query.substr(0, offset);
  const auto line = 1 + std::ranges::count(before, '\n');
  const std::size_t line_break = before.rfind('\n');
  const std::size_t column = line_break == std::string_view::npos ? offset + 1 : offset - line_break;
  return fmt::format("{}:{}", line, column);
}

const Token& Grammar::peek() {
  if (have_token_) return token_;
  do {
    token_ = lexer_.next();
  } while (token_.kind == TokenKind::comment);
  have_token_ = true;
  switch (token_.kind) {
    case TokenKind::error:
      error({lexer_.start(), static_cast<std::uint32_t>(query_.size())}, lexer_.error());
      break;
    case TokenKind::right_brace:
    case TokenKind::right_paren:
    case TokenKind::right_bracket:
    case TokenKind::duration:
    case TokenKind::number:
      last_closing_ = token_.span().end;
      break;
    default:
      break;
  }
  return token_;
}

Token Grammar::take() {
  peek();
  have_token_ = false;
  return token_;
}

void Grammar::unexpected(Context c) {
  if (peek().kind == TokenKind::error) return;
  std::string text = fmt::format("unexpected {}", describe(token_));
  if (!c.where.empty()) text += fmt::format(" in {}", c.where);
  if (!c.expected.empty()) text += fmt::format(", expected {}", c.expected);
  error(token_.span(), std::move(text));
}

bool Grammar::expect(TokenKind k) {
  if (!at(k)) {
    unexpected();
    return false;
  }
  take();
  return true;
}

bool Grammar::expect_end() {
  return expect(TokenKind::end_of_input);
}

std::string Grammar::unquoted(const Token& t) {
  auto text = unquote(t.text);
  if (!text) {
    error(t.span(), fmt::format("error unquoting string {}: invalid syntax", quote(t.text)));
    return {};
  }
  return std::move(*text);
}

double Grammar::number(const Token& t) {
  auto value = parse_number(t.text);
  if (value) return *value;
  error(t.span(), std::move(value.error().text));
  return 0;
}

double Grammar::duration_seconds(const Token& t) {
  auto ms = parse_duration(t.text);
  if (ms) {
    // Whole seconds and the rest apart, as Go's Duration.Seconds does: the last bit depends on it.
    const DurationMs whole = *ms / 1000;
    return static_cast<double>(whole) + static_cast<double>(*ms % 1000) / 1000;
  }
  error(t.span(), std::move(ms.error().text));
  return 0;
}

/// Null, with an error noted, where the tree becomes too deep.
ExprPtr Grammar::make(Node node, Span span, std::uint32_t depth_below) {
  auto e = std::make_unique<Expr>();
  e->node = std::move(node);
  e->span = span;
  e->depth = depth_below + 1;
  if (e->depth <= kMaxDepth) return e;
  error(span, fmt::format("expression has more than {} levels: simplify it", kMaxDepth));
  return nullptr;
}

bool Grammar::enter() {
  if (++nesting_ <= kMaxDepth) return true;
  peek();
  error(token_.span(), fmt::format("expression has more than {} levels: simplify it", kMaxDepth));
  return false;
}

}  // namespace narthex::query

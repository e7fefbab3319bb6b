// What tokens are called, and which of them can name a metric.
#include <fmt/format.h>

#include "model/labels.h"
#include "model/unicode.h"
#include "query/promql/lexer.h"
#include "query/promql/text.h"

namespace narthex::query {
namespace {

/// The first `n` characters.
std::string_view leading_characters(std::string_view text, int n) {
  std::size_t bytes = 0;
  while (n-- > 0 && bytes < text.size()) bytes += decode_rune(text.substr(bytes)).size;
  return text.substr(0, bytes);
}

/// Kinds whose words say nothing about the text: it follows behind them.
std::string_view kind_in_words(TokenKind k) {
  switch (k) {
    case TokenKind::comment:
      return "comment";
    case TokenKind::identifier:
      return "identifier";
    case TokenKind::metric_identifier:
      return "metric identifier";
    case TokenKind::string:
      return "string";
    case TokenKind::number:
      return "number";
    case TokenKind::duration:
      return "duration";
    default:
      return is_histogram_descriptor(k) || (k >= TokenKind::hint_unknown && k <= TokenKind::hint_gauge)
                 ? "histogram word"
                 : "";
  }
}

}  // namespace

bool can_name_metric(TokenKind k) {
  switch (k) {
    case TokenKind::identifier:
    case TokenKind::metric_identifier:
    case TokenKind::by:
    case TokenKind::without:
    case TokenKind::fill:
    case TokenKind::fill_left:
    case TokenKind::fill_right:
    case TokenKind::logical_and:
    case TokenKind::logical_or:
    case TokenKind::unless:
    case TokenKind::offset:
    case TokenKind::anchored:
    case TokenKind::smoothed:
    case TokenKind::start:
    case TokenKind::end:
    case TokenKind::step:
    case TokenKind::range:
    case TokenKind::max_of:
    case TokenKind::min_of:
      return true;
    default:
      return is_aggregator(k);
  }
}

std::string describe(const Token& t) {
  if (t.kind == TokenKind::end_of_input) return "end of input";
  if (const auto words = kind_in_words(t.kind); !words.empty()) {
    const bool whole =
        t.kind == TokenKind::identifier || t.kind == TokenKind::metric_identifier || t.text.size() <= 10;
    return whole ? fmt::format("{} {}", words, quote(t.text))
                 : fmt::format("{} {}...", words, quote(leading_characters(t.text, 10)));
  }
  if (is_keyword(t.kind)) return fmt::format("<{}>", t.text);
  if (is_operator(t.kind)) return fmt::format("<op:{}>", t.text);
  if (is_aggregator(t.kind)) return fmt::format("<aggr:{}>", t.text);
  return quote(t.text);
}

}  // namespace narthex::query

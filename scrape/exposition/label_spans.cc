#include "scrape/exposition/label_spans.h"

#include <algorithm>

namespace narthex::scrape {

namespace {

std::string_view without_quotes(std::string_view text) {
  return text.starts_with('"') ? text.substr(1, text.size() - 2) : text;
}

/// Reads `="value"` behind a label's name; `t` is the token that follows the name.
Result<void> read_label_value(Lexer& lexer, std::size_t line_start, Token t, std::string_view name,
                              LabelSpans& spans) {
  if (t != Token::equal) return unexpected_token(lexer, line_start, "expected equal", t);
  if (t = lexer.next(); t != Token::label_value)
    return unexpected_token(lexer, line_start, "expected label value", t);
  const std::string_view value = lexer.token_text();
  if (!is_valid_utf8(value)) return fail(Code::invalid, "invalid UTF-8 label value: " + quote(value));
  spans.labels.push_back({without_quotes(name), without_quotes(value)});
  return {};
}

}  // namespace

std::unexpected<Error> failed_while_parsing(const Lexer& lexer, std::size_t line_start,
                                            std::string_view what) {
  const std::string_view line = lexer.text().substr(line_start, lexer.position() - line_start);
  return fail(Code::invalid, std::string(what) + " while parsing: " + quote(line));
}

std::unexpected<Error> unexpected_token(const Lexer& lexer, std::size_t line_start, std::string_view what,
                                        Token got) {
  // With the byte that was looked at last.
  const std::size_t end = std::min(lexer.text().size(), lexer.position() + 1);
  std::string text(what);
  text += ", got " + quote(lexer.text().substr(lexer.token_start(), end - lexer.token_start()));
  text += " (" + quote(token_name(got)) + ") while parsing: ";
  text += quote(lexer.text().substr(line_start, end - line_start));
  return fail(Code::invalid, std::move(text));
}

Result<void> read_labels(Lexer& lexer, std::size_t line_start, bool exemplar, LabelSpans& spans) {
  Token t = lexer.next();
  for (;;) {
    if (t == Token::brace_close) return {};
    if (t != Token::label_name && t != Token::quoted)
      return unexpected_token(lexer, line_start, "expected label name", t);
    const bool is_quoted = t == Token::quoted;
    const std::string_view name = lexer.token_text();

    t = lexer.next();
    // A quoted string without a value is the metric's name.
    if (is_quoted && (t == Token::comma || t == Token::brace_close)) {
      if (exemplar) return unexpected_token(lexer, line_start, "expected label name", t);
      if (spans.metric_name) return failed_while_parsing(lexer, line_start, "metric name already set");
      spans.metric_name = without_quotes(name);
      if (t == Token::brace_close) return {};
      t = lexer.next();
      continue;
    }
    if (auto read = read_label_value(lexer, line_start, t, name, spans); !read) return read;
    // The text format does without commas; both allow one at the end.
    t = lexer.next();
    if (t == Token::comma) {
      t = lexer.next();
    } else if (lexer.format() == Format::open_metrics && t != Token::brace_close) {
      return unexpected_token(lexer, line_start, "expected comma or brace close", t);
    }
  }
}

Result<void> read_series_spans(std::string_view series_text, Format format, LabelSpans& spans) {
  Lexer lexer(format, series_text);
  Token t = lexer.next();
  if (t == Token::metric_name) {
    // From the start of the text: Prometheus takes blanks in front of a line into the name.
    spans.metric_name = series_text.substr(0, lexer.position());
    t = lexer.next();
  }
  if (t == Token::brace_open) {
    if (auto read = read_labels(lexer, 0, false, spans); !read) return read;
    t = lexer.next();
  }
  if (t != Token::end) return unexpected_token(lexer, 0, "expected value after metric", t);
  if (!spans.metric_name) return failed_while_parsing(lexer, 0, "metric name not set");
  return {};
}

}  // namespace narthex::scrape

// Lexer: the tokens of both text formats, exactly as Prometheus' generated lexers cut them,
// with their treatment of blanks, NUL bytes and unfinished input. The parser's fast path does
// without it; everything unusual and every error goes through it.
//
// Threads: one at a time.
// Source: Prometheus model/textparse/promlex.l, openmetricslex.l
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace narthex::scrape {

enum class Format : std::uint8_t {
  text,          ///< text/plain: Prometheus' own
  open_metrics,  ///< application/openmetrics-text
};

enum class Token : std::uint8_t {
  invalid,
  end,
  linebreak,
  whitespace,
  help,
  type,
  unit,
  eof_word,
  text,
  comment,
  metric_name,
  quoted,
  brace_open,
  brace_close,
  label_name,
  label_value,
  comma,
  equal,
  timestamp,
  value,
};

/// As Prometheus' error texts name it: `INVALID`, `MNAME`.
std::string_view token_name(Token token);

class Lexer {
 public:
  /// @param text  must outlive this; the text format expects a newline at its end
  Lexer(Format format, std::string_view text) : format_(format), text_(text) {}

  /// The next token; in the text format blanks between tokens are skipped.
  Token next();
  /// Goes on at the start of a line.
  void start_line(std::size_t at) {
    at_ = at;
    start_ = at;
    state_ = State::line_start;
  }

  [[nodiscard]] Format format() const { return format_; }
  /// Where the current token starts and where the next one will.
  [[nodiscard]] std::size_t token_start() const { return start_; }
  [[nodiscard]] std::size_t position() const { return at_; }
  /// Valid while the text lives.
  [[nodiscard]] std::string_view token_text() const { return text_.substr(start_, at_ - start_); }
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  enum class State : std::uint8_t {
    line_start,
    comment,
    meta_name,
    meta_text,
    labels,
    label_value,
    value,
    timestamp,
    exemplar,
    exemplar_value,
    exemplar_timestamp,
  };

  Token lex_text();
  Token lex_text_line_start(char c);
  Token lex_text_comment(char c);
  Token lex_text_meta(char c);
  Token lex_text_labels(char c);
  Token lex_text_value(char c);
  Token consume_comment();

  Token lex_open_metrics();
  Token lex_open_metrics_line_start(char c);
  Token lex_open_metrics_comment(char c);
  Token lex_open_metrics_meta(char c);
  Token lex_open_metrics_labels(char c);
  Token lex_open_metrics_value(char c);
  Token lex_open_metrics_exemplar(char c);

  /// The byte here; 0 behind the end.
  [[nodiscard]] char current() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  /// Steps on. NUL bytes in label values, help texts and comments are stepped over.
  char advance() {
    ++at_;
    if (state_ == State::label_value || state_ == State::meta_text || state_ == State::comment)
      while (at_ < text_.size() && text_[at_] == '\0') ++at_;
    return current();
  }
  bool match_word(char& c, std::string_view word);
  Token single(State next_state, Token token);
  Token name(State next_state, Token token, bool colons);
  Token quoted_string(State next_state, Token token, bool newlines);
  /// At least one byte, up to a space or newline; in the text format also up to a tab or brace.
  Token run_until_blank(State next_state, Token token);

  Format format_;
  State state_ = State::line_start;
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t start_ = 0;
};

}  // namespace narthex::scrape

#include "scrape/exposition/lexer.h"

namespace narthex::scrape {

namespace {

bool is_letter(char c) {
  return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return '0' <= c && c <= '9';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

}  // namespace

std::string_view token_name(Token token) {
  switch (token) {
    case Token::invalid:
      return "INVALID";
    case Token::end:
      return "EOF";
    case Token::linebreak:
      return "LINEBREAK";
    case Token::whitespace:
      return "WHITESPACE";
    case Token::help:
      return "HELP";
    case Token::type:
      return "TYPE";
    case Token::unit:
      return "UNIT";
    case Token::eof_word:
      return "EOFWORD";
    case Token::text:
      return "TEXT";
    case Token::comment:
      return "COMMENT";
    case Token::metric_name:
      return "MNAME";
    case Token::quoted:
      return "QSTRING";
    case Token::brace_open:
      return "BOPEN";
    case Token::brace_close:
      return "BCLOSE";
    case Token::label_name:
      return "LNAME";
    case Token::label_value:
      return "LVALUE";
    case Token::comma:
      return "COMMA";
    case Token::equal:
      return "EQUAL";
    case Token::timestamp:
      return "TIMESTAMP";
    case Token::value:
      return "VALUE";
  }
  return "INVALID";
}

Token Lexer::next() {
  if (format_ == Format::open_metrics) return lex_open_metrics();
  for (;;)
    if (const Token token = lex_text(); token != Token::whitespace) return token;
}

bool Lexer::match_word(char& c, std::string_view word) {
  for (const char wanted : word) {
    if (c != wanted) return false;
    c = advance();
  }
  return true;
}

Token Lexer::single(State next_state, Token token) {
  advance();
  state_ = next_state;
  return token;
}

Token Lexer::name(State next_state, Token token, bool colons) {
  for (char c = current(); is_letter(c) || is_digit(c) || (colons && c == ':');) c = advance();
  state_ = next_state;
  return token;
}

Token Lexer::quoted_string(State next_state, Token token, bool newlines) {
  for (char c = advance(); c != '"'; c = advance()) {
    if (c == '\\') {
      c = advance();
      if (c == '\n') return Token::invalid;
    }
    if (c == '\0' || (c == '\n' && !newlines)) return Token::invalid;
  }
  advance();
  state_ = next_state;
  return token;
}

Token Lexer::run_until_blank(State next_state, Token token) {
  const std::size_t first = at_;
  const bool text = format_ == Format::text;
  for (char c = current(); c != '\0' && c != ' ' && c != '\n' && !(text && (c == '\t' || c == '{'));)
    c = advance();
  if (at_ == first) return Token::invalid;
  state_ = next_state;
  return token;
}

// The text format.

Token Lexer::lex_text() {
  if (at_ >= text_.size()) return Token::end;
  start_ = at_;
  const char c = current();
  switch (state_) {
    case State::line_start:
      return lex_text_line_start(c);
    case State::comment:
      return lex_text_comment(c);
    case State::meta_name:
    case State::meta_text:
      return lex_text_meta(c);
    case State::labels:
    case State::label_value:
      return lex_text_labels(c);
    default:
      return lex_text_value(c);
  }
}

Token Lexer::lex_text_line_start(char c) {
  if (c == '\0') return single(State::line_start, Token::end);
  if (c == '\n') return single(State::line_start, Token::linebreak);
  if (c == '{') return single(State::labels, Token::brace_open);
  if (is_letter(c) || c == ':') return name(State::value, Token::metric_name, true);
  if (is_blank(c)) {
    while (is_blank(c)) c = advance();
    return Token::whitespace;
  }
  if (c != '#') return Token::invalid;
  c = advance();
  if (!is_blank(c)) return consume_comment();
  while (is_blank(c)) c = advance();
  state_ = State::comment;
  return lex_text_comment(c);
}

Token Lexer::lex_text_comment(char c) {
  const bool help = c == 'H';
  if (!match_word(c, help ? "HELP" : "TYPE") || !is_blank(c)) return consume_comment();
  while (is_blank(c)) c = advance();
  state_ = State::meta_name;
  return help ? Token::help : Token::type;
}

Token Lexer::consume_comment() {
  for (char c = current();; c = advance()) {
    // A NUL byte ends the page, as it does at the start of a line.
    if (c == '\0') return Token::end;
    if (c == '\n') break;
  }
  state_ = State::line_start;
  return Token::comment;
}

Token Lexer::lex_text_meta(char c) {
  if (state_ == State::meta_name) {
    if (c == '"') return quoted_string(State::meta_text, Token::metric_name, true);
    if (is_letter(c) || c == ':') return name(State::meta_text, Token::metric_name, true);
  }
  bool only_blanks = is_blank(c);
  while (is_blank(c)) c = advance();
  if (state_ == State::meta_name) return only_blanks ? Token::whitespace : Token::invalid;
  // A text of blanks is as long as the blanks, which win; the text is then the empty one behind.
  for (; c != '\n' && c != '\0'; c = advance()) only_blanks = false;
  if (only_blanks) return Token::whitespace;
  state_ = State::line_start;
  return Token::text;
}

Token Lexer::lex_text_labels(char c) {
  if (is_blank(c)) {
    while (is_blank(c)) c = advance();
    return Token::whitespace;
  }
  if (state_ == State::label_value)
    return c == '"' ? quoted_string(State::labels, Token::label_value, true) : Token::invalid;
  switch (c) {
    case '"':
      return quoted_string(State::labels, Token::quoted, true);
    case '}':
      return single(State::value, Token::brace_close);
    case '=':
      return single(State::label_value, Token::equal);
    case ',':
      return single(State::labels, Token::comma);
    default:
      return is_letter(c) ? name(State::labels, Token::label_name, false) : Token::invalid;
  }
}

/// Behind the series: its value, then its timestamp.
Token Lexer::lex_text_value(char c) {
  if (is_blank(c)) {
    while (is_blank(c)) c = advance();
    return Token::whitespace;
  }
  if (state_ == State::value) {
    if (c == '{') return single(State::labels, Token::brace_open);
    return run_until_blank(State::timestamp, Token::value);
  }
  if (c == '\n') return single(State::line_start, Token::linebreak);
  if (!is_digit(c)) return Token::invalid;
  while (is_digit(c)) c = advance();
  return Token::timestamp;
}

// OpenMetrics: single spaces, and nothing between the tokens.

Token Lexer::lex_open_metrics() {
  if (at_ >= text_.size()) return Token::end;
  start_ = at_;
  const char c = current();
  switch (state_) {
    case State::line_start:
      return lex_open_metrics_line_start(c);
    case State::comment:
      return lex_open_metrics_comment(c);
    case State::meta_name:
    case State::meta_text:
      return lex_open_metrics_meta(c);
    case State::labels:
    case State::label_value:
      return lex_open_metrics_labels(c);
    case State::value:
    case State::timestamp:
      return lex_open_metrics_value(c);
    default:
      return lex_open_metrics_exemplar(c);
  }
}

Token Lexer::lex_open_metrics_line_start(char c) {
  if (c == '{') return single(State::labels, Token::brace_open);
  if (is_letter(c) || c == ':') return name(State::value, Token::metric_name, true);
  if (c != '#' || advance() != ' ') return Token::invalid;
  c = advance();
  state_ = State::comment;
  return lex_open_metrics_comment(c);
}

Token Lexer::lex_open_metrics_comment(char c) {
  const auto word = [&](std::string_view text, Token token) {
    if (!match_word(c, text)) return Token::invalid;
    state_ = State::meta_name;
    return token;
  };
  switch (c) {
    case 'H':
      return word("HELP ", Token::help);
    case 'T':
      return word("TYPE ", Token::type);
    case 'U':
      return word("UNIT ", Token::unit);
    default:
      break;
  }
  if (!match_word(c, "EOF")) return Token::invalid;
  if (c == '\n') advance();
  state_ = State::line_start;
  return Token::eof_word;
}

Token Lexer::lex_open_metrics_meta(char c) {
  if (state_ == State::meta_name) {
    if (c == '"') return quoted_string(State::meta_text, Token::metric_name, true);
    if (is_letter(c) || c == ':') return name(State::meta_text, Token::metric_name, true);
    return Token::invalid;
  }
  if (c != ' ') return Token::invalid;
  for (c = advance(); c != '\n'; c = advance())
    if (c == '\0') return Token::invalid;
  return single(State::line_start, Token::text);
}

Token Lexer::lex_open_metrics_labels(char c) {
  if (state_ == State::label_value)
    return c == '"' ? quoted_string(State::labels, Token::label_value, false) : Token::invalid;
  return lex_text_labels(is_blank(c) ? '\0' : c);
}

Token Lexer::lex_open_metrics_value(char c) {
  if (state_ == State::value && c == '{') return single(State::labels, Token::brace_open);
  if (state_ == State::timestamp && c == '\n') return single(State::line_start, Token::linebreak);
  if (c != ' ') return Token::invalid;
  c = advance();
  if (state_ == State::value) return run_until_blank(State::timestamp, Token::value);
  // " # {" opens an exemplar; " #" alone is a timestamp, if a bad one.
  const std::size_t first = at_;
  if (c == '#' && advance() == ' ') {
    if (advance() != '{') return Token::invalid;
    return single(State::exemplar, Token::comment);
  }
  at_ = first;
  return run_until_blank(State::timestamp, Token::timestamp);
}

Token Lexer::lex_open_metrics_exemplar(char c) {
  switch (state_) {
    case State::exemplar:
      if (c == '"') return quoted_string(State::exemplar, Token::quoted, false);
      if (c == '}') return single(State::exemplar_value, Token::brace_close);
      if (c == '=') return single(State::exemplar_value, Token::equal);
      if (c == ',') return single(State::exemplar, Token::comma);
      return is_letter(c) ? name(State::exemplar, Token::label_name, false) : Token::invalid;
    case State::exemplar_value:
      if (c == '"') return quoted_string(State::exemplar, Token::label_value, false);
      if (c != ' ') return Token::invalid;
      advance();
      return run_until_blank(State::exemplar_timestamp, Token::value);
    default:
      if (c == '\n') return single(State::line_start, Token::linebreak);
      if (c != ' ') return Token::invalid;
      advance();
      return run_until_blank(State::exemplar_timestamp, Token::timestamp);
  }
}

}  // namespace narthex::scrape

#include "query/promql/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "model/labels.h"
#include "model/unicode.h"
#include "query/promql/text.h"

namespace narthex::query {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kHexDigits = "0123456789abcdefABCDEF";

struct Word {
  std::string_view text;
  TokenKind kind;
};

constexpr std::array kKeywords = {
    Word{"and", TokenKind::logical_and},
    Word{"or", TokenKind::logical_or},
    Word{"unless", TokenKind::unless},
    Word{"atan2", TokenKind::atan2},
    Word{"sum", TokenKind::sum},
    Word{"avg", TokenKind::avg},
    Word{"count", TokenKind::count},
    Word{"min", TokenKind::min},
    Word{"max", TokenKind::max},
    Word{"group", TokenKind::group},
    Word{"stddev", TokenKind::stddev},
    Word{"stdvar", TokenKind::stdvar},
    Word{"topk", TokenKind::topk},
    Word{"bottomk", TokenKind::bottomk},
    Word{"count_values", TokenKind::count_values},
    Word{"quantile", TokenKind::quantile},
    Word{"limitk", TokenKind::limitk},
    Word{"limit_ratio", TokenKind::limit_ratio},
    Word{"offset", TokenKind::offset},
    Word{"smoothed", TokenKind::smoothed},
    Word{"anchored", TokenKind::anchored},
    Word{"by", TokenKind::by},
    Word{"without", TokenKind::without},
    Word{"on", TokenKind::on},
    Word{"ignoring", TokenKind::ignoring},
    Word{"group_left", TokenKind::group_left},
    Word{"group_right", TokenKind::group_right},
    Word{"fill", TokenKind::fill},
    Word{"fill_left", TokenKind::fill_left},
    Word{"fill_right", TokenKind::fill_right},
    Word{"bool", TokenKind::bool_modifier},
    Word{"start", TokenKind::start},
    Word{"end", TokenKind::end},
    Word{"step", TokenKind::step},
    Word{"range", TokenKind::range},
    Word{"max_of", TokenKind::max_of},
    Word{"min_of", TokenKind::min_of},
    Word{"inf", TokenKind::number},
    Word{"nan", TokenKind::number},
};

constexpr std::array kDurationKeywords = {
    Word{"step", TokenKind::step},
    Word{"range", TokenKind::range},
    Word{"max_of", TokenKind::max_of},
    Word{"min_of", TokenKind::min_of},
};

template <std::size_t N>
const Word* find_word(const std::array<Word, N>& words, std::string_view text) {
  const auto same = [&](const Word& w) {
    return w.text.size() == text.size() &&
           std::ranges::equal(w.text, text, [](char a, char b) { return a == ascii_lower(b); });
  };
  const auto it = std::ranges::find_if(words, same);
  return it == words.end() ? nullptr : &*it;
}

bool is_space(std::int32_t c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_digit(std::int32_t c) {
  return c >= '0' && c <= '9';
}
bool is_alpha(std::int32_t c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_alphanumeric(std::int32_t c) {
  return is_alpha(c) || is_digit(c);
}
bool starts_duration_keyword(std::int32_t c) {
  return is_alpha(c) && std::string_view("srm").contains(ascii_lower(static_cast<char>(c)));
}

int hex_value(std::int32_t c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

}  // namespace

Token Lexer::next() {
  emitted_ = false;
  while (!emitted_) {
    switch (place_) {
      case Place::statement:
        lex_statement();
        break;
      case Place::braces:
        lex_braces();
        break;
      case Place::duration_expression:
        lex_duration_expression();
        break;
      case Place::values:
        lex_values();
        break;
      case Place::histogram:
        lex_histogram();
        break;
      case Place::histogram_buckets:
        lex_histogram_buckets();
        break;
      case Place::finished:
        start_ = pos_;
        emit(TokenKind::end_of_input);
        break;
    }
  }
  last_position_ = token_.pos;
  return token_;
}

std::int32_t Lexer::advance() {
  if (pos_ >= text_.size()) {
    width_ = 0;
    return kEnd;
  }
  if (const auto c = static_cast<unsigned char>(text_[pos_]); c < 0x80) {
    width_ = 1;
    ++pos_;
    return c;
  }
  const Rune c = decode_rune(text_.substr(pos_));
  width_ = c.size;
  pos_ += width_;
  return static_cast<std::int32_t>(c.code);
}

std::int32_t Lexer::peek() {
  const std::int32_t c = advance();
  back_up();
  return c;
}

bool Lexer::accept(std::string_view set) {
  const std::int32_t c = advance();
  if (c > 0 && c < 128 && set.contains(static_cast<char>(c))) return true;
  back_up();
  return false;
}

bool Lexer::looking_at(std::string_view set) {
  const std::int32_t c = peek();
  return c > 0 && c < 128 && set.contains(static_cast<char>(c));
}

void Lexer::skip_spaces() {
  while (is_space(peek())) advance();
  start_ = pos_;
}

void Lexer::emit(TokenKind kind) {
  token_ = {kind, start_, text_.substr(start_, pos_ - start_)};
  start_ = pos_;
  emitted_ = true;
}

void Lexer::fail(std::string text) {
  token_ = {TokenKind::error, start_, {}};
  error_ = std::move(text);
  emitted_ = true;
  place_ = Place::finished;
}

void Lexer::lex_statement() {
  if (histogram_ != HistogramTail::none) {
    place_ = Place::histogram;
    return;
  }
  if (brace_open_) {
    place_ = Place::braces;
    return;
  }
  const std::int32_t c = advance();
  if (c == '#') return lex_comment();
  if (c == kEnd) {
    if (paren_depth_ != 0) return fail("unclosed left parenthesis");
    if (bracket_open_) return fail("unclosed left bracket");
    emit(TokenKind::end_of_input);
    place_ = Place::finished;
    return;
  }
  if (is_space(c)) return skip_spaces();
  if (is_digit(c) || (c == '.' && is_digit(peek()))) {
    pos_ = start_;
    return lex_number_or_duration();
  }
  if (c == '"' || c == '\'') {
    quote_ = c;
    return lex_string();
  }
  if (c == '`') {
    quote_ = c;
    return lex_raw_string();
  }
  if (is_alpha(c) || c == ':') return lex_word_or_colon(c);
  lex_operator_or_bracket(c);
}

void Lexer::lex_operator_or_bracket(std::int32_t c) {
  const auto or_with = [&](std::int32_t second, TokenKind both) {
    if (peek() != second) return false;
    advance();
    emit(both);
    return true;
  };
  switch (c) {
    case ',':
      return emit(TokenKind::comma);
    case '*':
      return emit(TokenKind::mul);
    case '/':
      return emit(TokenKind::div);
    case '%':
      return emit(TokenKind::mod);
    case '+':
      return emit(TokenKind::add);
    case '-':
      return emit(TokenKind::sub);
    case '^':
      return emit(TokenKind::pow);
    case '@':
      return emit(TokenKind::at);
    case '=':
      if (or_with('=', TokenKind::eq)) return;
      if (peek() == '~') return fail("unexpected character after '=': '~'");
      return emit(TokenKind::equal);
    case '!': {
      const std::int32_t after = advance();
      if (after != '=')
        return fail(fmt::format("unexpected character after '!': {}", quote_character(after)));
      return emit(TokenKind::ne);
    }
    case '<':
      if (or_with('=', TokenKind::le) || or_with('/', TokenKind::trim_upper)) return;
      return emit(TokenKind::lt);
    case '>':
      if (or_with('=', TokenKind::ge) || or_with('/', TokenKind::trim_lower)) return;
      return emit(TokenKind::gt);
    case '(':
      ++paren_depth_;
      return emit(TokenKind::left_paren);
    case ')':
      emit(TokenKind::right_paren);
      if (--paren_depth_ < 0) fail("unexpected right parenthesis ')'");
      return;
    case '{':
      brace_open_ = true;
      place_ = Place::braces;
      return emit(TokenKind::left_brace);
    case '[':
      if (bracket_open_) return fail("unexpected left bracket '['");
      got_colon_ = false;
      emit(TokenKind::left_bracket);
      skip_spaces();
      bracket_open_ = true;
      place_ = Place::duration_expression;
      return;
    case ']':
      if (!bracket_open_) return fail("unexpected right bracket ']'");
      bracket_open_ = false;
      return emit(TokenKind::right_bracket);
    default:
      return fail(fmt::format("unexpected character: {}", quote_character(c)));
  }
}

/// A word, or a colon. Inside brackets only the colon of a subquery and the words of
/// duration expressions are known.
void Lexer::lex_word_or_colon(std::int32_t c) {
  if (!bracket_open_) {
    pos_ = start_;
    return lex_keyword_or_identifier();
  }
  if (c == ':') {
    if (got_colon_) return fail("unexpected colon ':'");
    got_colon_ = true;
    return emit(TokenKind::colon);
  }
  if (starts_duration_keyword(c) && lex_duration_keyword()) return;
  fail(fmt::format("unexpected character: {}, expected ':'", quote_character(c)));
}

void Lexer::lex_comment() {
  for (std::int32_t c = advance(); c != '\n' && c != '\r' && c != kEnd;) c = advance();
  back_up();
  emit(TokenKind::comment);
}

void Lexer::lex_braces() {
  const std::int32_t c = advance();
  if (c == '#') return lex_comment();
  if (c == kEnd) return fail("unexpected end of input inside braces");
  if (is_space(c)) return skip_spaces();
  if (is_alpha(c)) return lex_identifier();
  switch (c) {
    case ',':
      return emit(TokenKind::comma);
    case '"':
    case '\'':
      quote_ = c;
      return lex_string();
    case '`':
      quote_ = c;
      return lex_raw_string();
    case '=':
      if (peek() != '~') return emit(TokenKind::equal);
      advance();
      return emit(TokenKind::eq_regex);
    case '!': {
      const std::int32_t after = advance();
      if (after == '~') return emit(TokenKind::ne_regex);
      if (after == '=') return emit(TokenKind::ne);
      return fail(fmt::format("unexpected character after '!' inside braces: {}", quote_character(after)));
    }
    case '{':
      return fail("unexpected left brace '{'");
    case '}':
      brace_open_ = false;
      place_ = language_ == Language::series_description ? Place::values : Place::statement;
      return emit(TokenKind::right_brace);
    default:
      return fail(fmt::format("unexpected character inside braces: {}", quote_character(c)));
  }
}

/// Inside braces every word is a label name.
void Lexer::lex_identifier() {
  while (is_alphanumeric(peek())) advance();
  emit(TokenKind::identifier);
}

void Lexer::lex_keyword_or_identifier() {
  while (is_alphanumeric(peek()) || peek() == ':') advance();
  const std::string_view word = text_.substr(start_, pos_ - start_);
  if (const Word* known = find_word(kKeywords, word)) {
    const bool fills = known->kind == TokenKind::fill || known->kind == TokenKind::fill_left ||
                       known->kind == TokenKind::fill_right;
    // Metrics may be named fill: it is a keyword only in front of a parenthesis.
    emit(fills && !followed_by_paren() ? TokenKind::identifier : known->kind);
  } else {
    emit(word.contains(':') ? TokenKind::metric_identifier : TokenKind::identifier);
  }
  place_ = language_ == Language::series_description && peek() != '{' ? Place::values : Place::statement;
}

bool Lexer::followed_by_paren() const {
  const std::size_t next = text_.find_first_not_of(" \t\n\r", pos_);
  return next != std::string_view::npos && text_[next] == '(';
}

/// step, range, max_of or min_of, whose first letter has been read.
bool Lexer::lex_duration_keyword() {
  while (is_alpha(peek())) advance();
  const Word* known = find_word(kDurationKeywords, text_.substr(start_, pos_ - start_));
  if (!known) return false;
  emit(known->kind);
  return true;
}

/// Behind `[`, until a number or duration has been read: from there on the brackets'
/// content is lexed like any statement.
void Lexer::lex_duration_expression() {
  const std::int32_t c = advance();
  if (c == kEnd) return fail("unexpected end of input in duration expression");
  if (is_space(c)) return skip_spaces();
  if (is_digit(c) || (c == '.' && is_digit(peek()))) {
    pos_ = start_;
    got_duration_ = true;
    place_ = Place::statement;
    return lex_number_or_duration();
  }
  switch (c) {
    case ']':
      bracket_open_ = false;
      got_colon_ = false;
      place_ = Place::statement;
      return emit(TokenKind::right_bracket);
    case ':':
      emit(TokenKind::colon);
      if (!got_duration_) return fail("unexpected colon before duration in duration expression");
      if (got_colon_) return fail("unexpected repeated colon in duration expression");
      got_colon_ = true;
      return;
    case '(':
      ++paren_depth_;
      return emit(TokenKind::left_paren);
    case ')':
      emit(TokenKind::right_paren);
      if (--paren_depth_ < 0) fail("unexpected right parenthesis ')'");
      return;
    case '+':
      return emit(TokenKind::add);
    case '-':
      return emit(TokenKind::sub);
    case '*':
      return emit(TokenKind::mul);
    case '/':
      return emit(TokenKind::div);
    case '%':
      return emit(TokenKind::mod);
    case '^':
      return emit(TokenKind::pow);
    case ',':
      return emit(TokenKind::comma);
    default:
      if (starts_duration_keyword(c) && lex_duration_keyword()) return;
      return fail(fmt::format("unexpected character in duration expression: {}", quote_character(c)));
  }
}

void Lexer::lex_number_or_duration() {
  if (scan_number()) return emit(TokenKind::number);
  if (scan_rest_of_duration()) return emit(TokenKind::duration);
  fail(fmt::format("bad number or duration syntax: {}", quote(text_.substr(start_, pos_ - start_))));
}

void Lexer::lex_number() {
  if (scan_number()) return emit(TokenKind::number);
  fail(fmt::format("bad number syntax: {}", quote(text_.substr(start_, pos_ - start_))));
}

/// What looks like a number; whether it is one the parser finds out.
bool Lexer::scan_number() {
  const std::uint32_t begin = pos_;
  std::string_view digits = kDigits;
  // In series descriptions 0x3 means "a zero, three times".
  if (language_ == Language::query && accept("0") && accept("xX")) {
    accept("_");
    digits = kHexDigits;
  }
  accept(".");
  accept(digits);
  if (!scan_digits_and_exponent(digits) || pos_ == begin) return false;
  const std::int32_t after = peek();
  return !is_alphanumeric(after) || (language_ == Language::series_description && after == 'x');
}

bool Lexer::scan_digits_and_exponent(std::string_view digits) {
  bool dot = false;
  bool exponent = false;
  for (;;) {
    if (looking_at(".") && dot) return accept("."), false;
    if (looking_at("eE") && exponent) return accept("eE"), false;
    if (accept(".")) {
      dot = true;
      // Hexadecimal numbers have no fraction.
      if (accept("_.") || digits.size() > kDigits.size()) return false;
    } else if (accept("eE")) {
      exponent = true;
      accept("+-");
      if (accept("._eE") || peek() == kEnd) return false;
    } else if (accept("_")) {
      if (accept("._eE") || peek() == kEnd) return false;
    } else if (looking_at(digits)) {
      while (accept(digits)) {
      }
    } else {
      return true;
    }
  }
}

/// Behind the first digits of a duration. Wrong units (`hs`) and their order are judged by
/// the parser.
bool Lexer::scan_rest_of_duration() {
  if (!accept("smhdwy")) return false;
  accept("s");
  while (accept(kDigits)) {
    while (accept(kDigits)) {
    }
    if (!accept("smhdw")) return false;
    accept("s");
  }
  if (!is_alphanumeric(peek())) return true;
  advance();  // the error shows the character that does not belong there
  return false;
}

void Lexer::lex_string() {
  place_ = Place::statement;
  for (;;) {
    const std::int32_t c = advance();
    if (c == kEnd || c == '\n') return fail("unterminated quoted string");
    if (c == kInvalid) return fail("invalid UTF-8 rune");
    if (c == quote_) return emit(TokenKind::string);
    if (c == '\\' && !lex_escape()) return;
  }
}

void Lexer::lex_raw_string() {
  place_ = Place::statement;
  for (;;) {
    const std::int32_t c = advance();
    if (c == kEnd) return fail("unterminated raw string");
    if (c == kInvalid) return fail("invalid UTF-8 rune");
    if (c == quote_) return emit(TokenKind::string);
  }
}

/// Behind a backslash; false after an error.
bool Lexer::lex_escape() {
  const auto refuse = [&](std::string text) {
    fail(std::move(text));
    return false;
  };
  int digits = 0;
  std::uint32_t base = 16;
  std::uint32_t highest = 0x10FFFF;
  std::int32_t c = advance();
  if (c == quote_ || (c > 0 && c < 128 && std::string_view("abfnrtv\\").contains(static_cast<char>(c))))
    return true;
  if (c >= '0' && c <= '7') {
    digits = 3;
    base = 8;
    highest = 255;
  } else if (c == 'x') {
    digits = 2;
    highest = 255;
  } else if (c == 'u' || c == 'U') {
    digits = c == 'u' ? 4 : 8;
  } else if (c == kEnd) {
    return refuse("escape sequence not terminated");
  } else {
    return refuse(fmt::format("unknown escape sequence {}", describe_character(c)));
  }
  if (base == 16) c = advance();

  std::uint32_t value = 0;
  for (int left = digits; left > 0;) {
    const auto digit = static_cast<std::uint32_t>(hex_value(c));
    if (c == kEnd) return refuse("escape sequence not terminated");
    if (digit >= base)
      return refuse(fmt::format("illegal character {} in escape sequence", describe_character(c)));
    value = value * base + digit;
    if (--left > 0) c = advance();
  }
  if (value > highest || (value >= 0xD800 && value < 0xE000))
    return refuse("escape sequence is an invalid Unicode code point");
  return true;
}

}  // namespace narthex::query

// The lexer's part for series descriptions: values and native histograms.
#include <fmt/format.h>

#include <utility>

#include "model/labels.h"
#include "query/promql/lexer.h"
#include "query/promql/text.h"

namespace narthex::query {
namespace {

bool is_space(std::int32_t c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_digit(std::int32_t c) {
  return c >= '0' && c <= '9';
}
bool is_alpha(std::int32_t c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr std::pair<std::string_view, TokenKind> kHistogramWords[] = {
    {"sum", TokenKind::sum_desc},
    {"count", TokenKind::count_desc},
    {"schema", TokenKind::schema_desc},
    {"offset", TokenKind::offset_desc},
    {"n_offset", TokenKind::negative_offset_desc},
    {"buckets", TokenKind::buckets_desc},
    {"n_buckets", TokenKind::negative_buckets_desc},
    {"z_bucket", TokenKind::zero_bucket_desc},
    {"z_bucket_w", TokenKind::zero_bucket_width_desc},
    {"custom_values", TokenKind::custom_values_desc},
    {"counter_reset_hint", TokenKind::counter_reset_hint_desc},
    {"inf", TokenKind::number},
    {"nan", TokenKind::number},
    {"unknown", TokenKind::hint_unknown},
    {"reset", TokenKind::hint_reset},
    {"not_reset", TokenKind::hint_not_reset},
    {"gauge", TokenKind::hint_gauge},
};

bool is_infinity_or_nan(std::string_view word) {
  const std::string lower = lower_case(word);
  return lower == "inf" || lower == "nan";
}

}  // namespace

void Lexer::lex_values() {
  if (histogram_ != HistogramTail::none) {
    place_ = Place::histogram;
    return;
  }
  const std::int32_t c = advance();
  if (c == kEnd) {
    place_ = Place::statement;
    return;
  }
  if (c == '{' && peek() == '{') {
    advance();
    histogram_ = HistogramTail::open;
    place_ = Place::histogram;
    return emit(TokenKind::open_histogram);
  }
  if (is_space(c)) {
    emit(TokenKind::space);
    return skip_spaces();
  }
  if (is_digit(c) || (c == '.' && is_digit(peek()))) {
    pos_ = start_;
    return lex_number();
  }
  switch (c) {
    case '+':
      return emit(TokenKind::add);
    case '-':
      return emit(TokenKind::sub);
    case 'x':
      return emit(TokenKind::times);
    case '_':
      return emit(TokenKind::blank);
    default:
      break;
  }
  if (is_alpha(c)) {
    pos_ = start_;
    return lex_keyword_or_identifier();
  }
  fail(fmt::format("unexpected character in series sequence: {}", quote_character(c)));
}

void Lexer::lex_histogram() {
  if (histogram_ != HistogramTail::open) return lex_histogram_tail();
  if (bracket_open_) {
    place_ = Place::histogram_buckets;
    return;
  }
  const std::int32_t c = advance();
  if (is_space(c)) {
    emit(TokenKind::space);
    return skip_spaces();
  }
  if (is_alpha(c)) return lex_histogram_descriptor();
  if (is_digit(c)) {
    pos_ = start_;
    return lex_number();
  }
  if (c == '}' && peek() == '}') {
    advance();
    emit(TokenKind::close_histogram);
    const std::int32_t after = peek();
    histogram_ = after == 'x'   ? HistogramTail::times
                 : after == '+' ? HistogramTail::add
                 : after == '-' ? HistogramTail::sub
                                : HistogramTail::none;
    if (histogram_ == HistogramTail::none) place_ = Place::values;
    return;
  }
  switch (c) {
    case ':':
      return emit(TokenKind::colon);
    case '-':
      return emit(TokenKind::sub);
    case 'x':
      emit(TokenKind::times);
      return;
    case '[':
      bracket_open_ = true;
      place_ = Place::histogram_buckets;
      return emit(TokenKind::left_bracket);
    default:
      return fail(fmt::format("histogram description incomplete unexpected: {}", quote_character(c)));
  }
}

/// Behind the closing braces: repetition, or what is added at each step.
void Lexer::lex_histogram_tail() {
  const TokenKind kind = histogram_ == HistogramTail::times ? TokenKind::times
                         : histogram_ == HistogramTail::add ? TokenKind::add
                                                            : TokenKind::sub;
  histogram_ = HistogramTail::none;
  place_ = Place::values;
  advance();
  emit(kind);
}

void Lexer::lex_histogram_descriptor() {
  while (is_alpha(peek())) advance();
  const std::string_view word = text_.substr(start_, pos_ - start_);
  const std::string lower = lower_case(word);
  for (const auto& [text, kind] : kHistogramWords) {
    if (text != lower) continue;
    if (is_histogram_descriptor(kind) && peek() != ':') return fail("missing `:` for histogram descriptor");
    return emit(kind);
  }
  fail(fmt::format("bad histogram descriptor found: {}", quote(word)));
}

void Lexer::lex_histogram_buckets() {
  const std::int32_t c = advance();
  if (is_space(c)) {
    emit(TokenKind::space);
    return skip_spaces();
  }
  if (c == '-') return emit(TokenKind::sub);
  if (is_digit(c)) {
    pos_ = start_;
    return lex_number();
  }
  if (c == ']') {
    bracket_open_ = false;
    place_ = Place::histogram;
    return emit(TokenKind::right_bracket);
  }
  if (is_alpha(c)) {
    while (is_alpha(peek())) advance();
    const std::string_view word = text_.substr(start_, pos_ - start_);
    if (is_infinity_or_nan(word)) return emit(TokenKind::number);
    return fail(fmt::format("bad number in buckets description: {}", quote(word)));
  }
  fail(fmt::format("invalid character in buckets description: {}", quote_character(c)));
}

}  // namespace narthex::query

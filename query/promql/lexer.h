// Lexer: PromQL text to tokens, also inside braces, brackets and series descriptions.
//
// What a character means depends on where it stands (`x` is a name, a duration keyword or
// a repetition), so the lexer keeps its own place and tokens are made one at a time, when
// the parser asks: error texts and the order of errors depend on how far it has read.
//
// Threads: one at a time. Tokens are views into the query: valid while its text lives.
// Source: Prometheus promql/parser/lex.go
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "query/promql/ast.h"

namespace narthex::query {

enum class TokenKind : std::uint8_t {
  end_of_input,
  error,
  equal,
  blank,
  colon,
  comma,
  comment,
  duration,
  identifier,
  left_brace,
  left_bracket,
  left_paren,
  open_histogram,
  close_histogram,
  metric_identifier,
  number,
  right_brace,
  right_bracket,
  right_paren,
  space,
  string,
  times,
  // Histogram descriptors: what stands before the colon in {{schema:1 ...}}.
  sum_desc,
  count_desc,
  schema_desc,
  offset_desc,
  negative_offset_desc,
  buckets_desc,
  negative_buckets_desc,
  zero_bucket_desc,
  zero_bucket_width_desc,
  custom_values_desc,
  counter_reset_hint_desc,
  // Values of counter_reset_hint.
  hint_unknown,
  hint_reset,
  hint_not_reset,
  hint_gauge,
  // Operators.
  add,
  div,
  eq,
  eq_regex,
  ge,
  gt,
  trim_upper,
  trim_lower,
  logical_and,
  logical_or,
  lt,
  le,
  unless,
  mod,
  mul,
  ne,
  ne_regex,
  pow,
  sub,
  at,
  atan2,
  // Aggregators.
  avg,
  bottomk,
  count,
  count_values,
  group,
  max,
  min,
  quantile,
  stddev,
  stdvar,
  sum,
  topk,
  limitk,
  limit_ratio,
  // Keywords.
  bool_modifier,
  by,
  group_left,
  group_right,
  fill,
  fill_left,
  fill_right,
  ignoring,
  offset,
  smoothed,
  anchored,
  on,
  without,
  // Names of the query's own times.
  start,
  end,
  step,
  range,
  max_of,
  min_of,
};

[[nodiscard]] constexpr bool is_operator(TokenKind k) {
  return k >= TokenKind::add && k <= TokenKind::atan2;
}
[[nodiscard]] constexpr bool is_aggregator(TokenKind k) {
  return k >= TokenKind::avg && k <= TokenKind::limit_ratio;
}
[[nodiscard]] constexpr bool is_keyword(TokenKind k) {
  return k >= TokenKind::bool_modifier && k <= TokenKind::without;
}
[[nodiscard]] constexpr bool is_histogram_descriptor(TokenKind k) {
  return k >= TokenKind::sum_desc && k <= TokenKind::counter_reset_hint_desc;
}

/// Names, and words with a meaning of their own that name a metric where an operand stands.
[[nodiscard]] bool can_name_metric(TokenKind k);

struct Token {
  TokenKind kind = TokenKind::end_of_input;
  std::uint32_t pos = 0;
  std::string_view text;  ///< as written; empty for end_of_input and error

  [[nodiscard]] Span span() const { return {pos, pos + static_cast<std::uint32_t>(text.size())}; }
};

/// The token as error texts name it: `identifier "x"`, `<op:+>`, `end of input`.
std::string describe(const Token& t);

class Lexer {
 public:
  enum class Language : std::uint8_t { query, series_description };

  /// @param text  must outlive the lexer and its tokens; at most 4 GiB
  explicit Lexer(std::string_view text, Language language = Language::query)
      : text_(text), language_(language) {}

  /// The next token; after end_of_input or error only end_of_input comes.
  Token next();
  /// What is wrong, after an error token.
  [[nodiscard]] const std::string& error() const { return error_; }
  /// Where the text not yet made into tokens begins.
  [[nodiscard]] std::uint32_t start() const { return start_; }
  /// Where the newest token began.
  [[nodiscard]] std::uint32_t last_position() const { return last_position_; }

 private:
  /// What kind of text is read next.
  enum class Place : std::uint8_t {
    statement,
    braces,
    duration_expression,
    values,
    histogram,
    histogram_buckets,
    finished,
  };
  /// How a histogram in a series description goes on behind its closing braces.
  enum class HistogramTail : std::uint8_t { none, open, times, add, sub };

  static constexpr std::int32_t kEnd = -1;
  static constexpr std::int32_t kInvalid = 0xFFFD;

  std::int32_t advance();
  [[nodiscard]] std::int32_t peek();
  void back_up() { pos_ -= width_; }
  bool accept(std::string_view set);
  bool looking_at(std::string_view set);
  void skip_spaces();
  void emit(TokenKind kind);
  void fail(std::string text);

  void lex_statement();
  void lex_operator_or_bracket(std::int32_t c);
  void lex_word_or_colon(std::int32_t c);
  void lex_comment();
  void lex_braces();
  void lex_identifier();
  void lex_keyword_or_identifier();
  bool lex_duration_keyword();
  void lex_duration_expression();
  void lex_number_or_duration();
  void lex_number();
  bool scan_number();
  bool scan_digits_and_exponent(std::string_view digits);
  bool scan_rest_of_duration();
  void lex_string();
  void lex_raw_string();
  bool lex_escape();
  bool followed_by_paren() const;

  void lex_values();
  void lex_histogram();
  void lex_histogram_tail();
  void lex_histogram_descriptor();
  void lex_histogram_buckets();

  std::string_view text_;
  Language language_;
  Place place_ = Place::statement;
  Token token_;
  bool emitted_ = false;
  std::string error_;
  std::uint32_t pos_ = 0;
  std::uint32_t start_ = 0;
  std::uint32_t width_ = 0;
  std::uint32_t last_position_ = 0;

  int paren_depth_ = 0;
  bool brace_open_ = false;
  bool bracket_open_ = false;
  bool got_colon_ = false;
  bool got_duration_ = false;
  std::int32_t quote_ = 0;
  HistogramTail histogram_ = HistogramTail::none;
};

}  // namespace narthex::query

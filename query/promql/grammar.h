// Grammar: PromQL's rules, by recursive descent with precedence climbing.
//
// Error texts, their order and the ends of spans follow Prometheus' generated parser. They
// depend on how far it has read when it completes a rule, so a token is read (peek) only
// where that parser needs one to decide.
//
// After a syntax error parsing ends: functions return null and the error is in errors().
// Errors of meaning (an unknown function, a zero range) are noted and parsing goes on.
//
// Threads: one at a time. The query text must outlive the parser.
// Source: Prometheus promql/parser/generated_parser.y, parse.go
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/labels.h"
#include "query/promql/ast.h"
#include "query/promql/lexer.h"
#include "query/promql/parser.h"

namespace narthex::query {

/// Levels that a tree may have. Recursion over it needs up to some KiB of stack a level.
inline constexpr std::uint32_t kMaxDepth = 2000;
inline constexpr std::size_t kMaxQueryBytes = 1 << 20;
/// Operands and operators that one duration may consist of.
inline constexpr std::uint32_t kMaxDurationParts = 500;

class Grammar {
 public:
  Grammar(std::string_view query, const ParserOptions& options,
          Lexer::Language language = Lexer::Language::query)
      : query_(query), options_(options), lexer_(query, language) {}

  /// A whole query, without type check. Null after a syntax error.
  ExprPtr query();
  /// A vector selector and nothing else.
  ExprPtr selector();
  /// A metric and nothing else: `name{a="b"}`.
  std::optional<Labels> metric();

  [[nodiscard]] std::vector<ParseError>& errors() { return errors_; }

 protected:
  /// What a syntax error is said to be in, and what should have stood there.
  struct Context {
    std::string_view where;
    std::string_view expected;
  };
  class ContextScope {
   public:
    ContextScope(Grammar& g, Context c) : grammar_(g), before_(g.context_) { g.context_ = c; }
    ~ContextScope() { grammar_.context_ = before_; }
    ContextScope(const ContextScope&) = delete;
    ContextScope& operator=(const ContextScope&) = delete;

   private:
    Grammar& grammar_;
    Context before_;
  };

  const Token& peek();
  /// The newest token read.
  [[nodiscard]] const Token& token() const { return token_; }
  bool at(TokenKind k) { return peek().kind == k; }
  Token take();
  void error(Span at, std::string text) { errors_.push_back({at, std::move(text)}); }
  /// Notes that the token last read is not expected, unless it is the lexer's own error.
  void unexpected(Context c);
  void unexpected() { unexpected(context_); }
  bool expect(TokenKind k);
  bool expect_end();

  std::string unquoted(const Token& t);
  double number(const Token& t);
  /// Seconds; 0 after an error.
  double duration_seconds(const Token& t);
  /// `name{a="b"}`, `{a="b"}` or nothing at all.
  std::optional<Labels> metric_labels();

 private:
  using Node = decltype(Expr::node);
  ExprPtr make(Node node, Span span, std::uint32_t depth_below);
  bool enter();
  void leave() { --nesting_; }

  ExprPtr expression(int weakest);
  ExprPtr operand();
  ExprPtr operand_named_by_word();
  ExprPtr number_literal();
  ExprPtr string_literal();
  ExprPtr parenthesised();
  ExprPtr unary();
  ExprPtr binary(ExprPtr lhs, BinaryOp op, int power);
  bool bool_modifier_and_matching(Binary& b);
  bool fill_modifiers(VectorMatching& m);
  std::optional<double> fill_value();
  bool grouping(std::vector<std::string>& labels);
  std::optional<std::string> grouping_label();
  ExprPtr call(const Token& name);
  ExprPtr aggregate(const Token& op);
  bool aggregate_modifier(Aggregate& a);
  bool arguments(std::vector<ExprPtr>& args);
  void place_aggregate_arguments(Aggregate& a, std::vector<ExprPtr> args, Span span);
  std::uint32_t end_before_read_ahead() const;

  ExprPtr vector_selector(std::optional<Token> name);
  bool matchers(std::vector<Matcher>& out, std::uint32_t& end);
  bool matcher(std::vector<Matcher>& out);
  bool label_set(LabelsBuilder& out);
  bool label_set_item(LabelsBuilder& out);

  ExprPtr postfix(ExprPtr lhs);
  ExprPtr brackets(ExprPtr lhs);
  ExprPtr matrix(ExprPtr lhs, Duration range, Span brackets);
  bool offset(Expr& target);
  bool at_modifier(Expr& target);
  std::optional<double> signed_number();
  void set_timestamp(Expr& target, double seconds);
  void set_at(Expr& target, AtModifier at);
  void set_anchored(Expr& target);
  void set_smoothed(Expr& target);
  VectorSelector* extended_range_target(Expr& target, std::string_view name);
  struct Modifiable {
    Duration* offset;
    AtModifier* at;
  };
  std::optional<Modifiable> modifiable(Expr& target, std::string_view modifier);

  std::optional<Duration> positive_duration();
  DurationExprPtr duration_expression(int weakest);
  DurationExprPtr duration_operators(DurationExprPtr lhs, int weakest);
  DurationExprPtr duration_operand();
  DurationExprPtr duration_literal(const Token& t);
  DurationExprPtr duration_call(const Token& name);
  DurationExprPtr duration_binary(DurationExprPtr lhs, DurationExpr::Kind kind, Span op, DurationExprPtr rhs);
  DurationExprPtr offset_duration();
  DurationExprPtr signed_offset_duration();
  DurationExprPtr signed_duration(const Token& sign, DurationExprPtr e);
  static DurationExprPtr wrapped(DurationExprPtr e, Span parentheses);
  bool count_duration_part(Span at);
  void needs_duration_expressions(const DurationExpr& e);
  void refuse_out_of_range(DurationExpr& e, Span at);

  std::string_view query_;
  ParserOptions options_;
  Lexer lexer_;
  Token token_;              ///< the newest token read
  bool have_token_ = false;  ///< it was not taken yet
  /// End of the newest token read that can close an expression.
  std::uint32_t last_closing_ = 0;
  std::uint32_t nesting_ = 0;
  std::uint32_t duration_parts_ = 0;
  Context context_;
  std::vector<ParseError> errors_;
};

}  // namespace narthex::query

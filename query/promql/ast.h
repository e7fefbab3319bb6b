// The syntax tree of PromQL as of Prometheus 3.14.
//
// parse() makes it, check() (part of parse) types it, print() turns it back into text, the
// engine evaluates it. A tree is plain data; positions are byte offsets into the query text.
//
// Threads: values; share const trees freely.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/matcher.h"
#include "model/time.h"

namespace narthex::query {

/// Byte offsets into the query, end exclusive.
struct Span {
  std::uint32_t start = 0;
  std::uint32_t end = 0;
  bool operator==(const Span&) const = default;
};

enum class ValueType : std::uint8_t { none, scalar, vector, matrix, string };
/// "scalar", "instant vector", "range vector", "string", "none": as error texts say it.
std::string_view documented_type(ValueType t);

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

enum class BinaryOp : std::uint8_t {
  add,
  sub,
  mul,
  div,
  mod,
  pow,
  atan2,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  trim_upper,  ///< </
  trim_lower,  ///< >/
  logical_and,
  logical_or,
  unless,
};
[[nodiscard]] bool is_comparison(BinaryOp op);
[[nodiscard]] bool is_set_operator(BinaryOp op);
/// The operator as written: "+", "and", "</".
std::string_view text_of(BinaryOp op);

enum class AggregateOp : std::uint8_t {
  sum,
  avg,
  min,
  max,
  count,
  group,
  stddev,
  stdvar,
  topk,
  bottomk,
  quantile,
  count_values,
  limitk,
  limit_ratio,
};
std::string_view text_of(AggregateOp op);

/// A duration in a range, subquery step or offset: a number of milliseconds, or an expression
/// that is resolved once per query (step(), range(), arithmetic).
struct DurationExpr;
using DurationExprPtr = std::unique_ptr<DurationExpr>;
struct DurationExpr {
  enum class Kind : std::uint8_t {
    literal,
    negate,
    plus,
    add,
    sub,
    mul,
    div,
    mod,
    pow,
    step,
    range,
    min_of,
    max_of
  };
  Kind kind = Kind::literal;
  double seconds = 0;                ///< literal
  bool written_as_duration = false;  ///< literal: `5m` rather than `300`
  bool parenthesised = false;
  DurationExprPtr lhs;  ///< operand of negate/plus too
  DurationExprPtr rhs;
  Span span;
};

/// Either fixed or still an expression.
struct Duration {
  DurationMs ms = 0;     ///< valid if !expr
  DurationExprPtr expr;  ///< set while it depends on the query (step(), range()) or was written as arithmetic
};

enum class AtKind : std::uint8_t { none, timestamp, start, end };
struct AtModifier {
  AtKind kind = AtKind::none;
  Timestamp t = 0;  ///< kind timestamp
};

struct NumberLiteral {
  double value = 0;
  bool duration = false;  ///< written as a duration, `5m` = 300
};
struct StringLiteral {
  std::string value;
};
struct VectorSelector {
  std::string name;               ///< metric name written in front; "" if given by a matcher only
  std::vector<Matcher> matchers;  ///< includes __name__="name" as the last one if name is set
  Duration offset;
  AtModifier at;
  bool anchored = false;
  bool smoothed = false;
};
struct MatrixSelector {
  ExprPtr selector;  ///< a VectorSelector, which carries offset and @
  Duration range;
};
struct Subquery {
  ExprPtr expr;
  Duration range;
  Duration step;
  bool step_given = false;
  Duration offset;
  AtModifier at;
};
struct Aggregate {
  AggregateOp op = AggregateOp::sum;
  ExprPtr expr;
  ExprPtr param;  ///< null unless the operator takes one
  std::vector<std::string> grouping;
  bool without = false;
};
struct Function;  // query/promql/functions.h
struct Call {
  const Function* function = nullptr;
  std::vector<ExprPtr> args;
};

enum class Cardinality : std::uint8_t { one_to_one, many_to_one, one_to_many, many_to_many };
struct VectorMatching {
  Cardinality card = Cardinality::one_to_one;
  std::vector<std::string> labels;
  bool on = false;                   ///< labels are those to match on; otherwise those to ignore
  std::vector<std::string> include;  ///< group_left(...) / group_right(...)
  std::optional<double> fill_left;
  std::optional<double> fill_right;
};
struct Binary {
  BinaryOp op = BinaryOp::add;
  ExprPtr lhs;
  ExprPtr rhs;
  std::optional<VectorMatching> matching;  ///< set if both sides are vectors
  bool return_bool = false;
};
struct Unary {
  bool negate = false;  ///< false: unary plus
  ExprPtr expr;
};
struct Paren {
  ExprPtr expr;
};

struct Expr {
  std::variant<NumberLiteral, StringLiteral, VectorSelector, MatrixSelector, Subquery, Aggregate, Call,
               Binary, Unary, Paren>
      node;
  Span span;
  /// Levels of the tree from here down; the parser bounds it, so recursion over a tree is safe.
  std::uint32_t depth = 1;

  template <class T>
  [[nodiscard]] const T* as() const {
    return std::get_if<T>(&node);
  }
  template <class T>
  [[nodiscard]] T* as() {
    return std::get_if<T>(&node);
  }
};

[[nodiscard]] ValueType type_of(const Expr& e);
/// Deep copy.
[[nodiscard]] ExprPtr clone(const Expr& e);
/// The matchers of every selector in the tree, in the order in which they are written.
[[nodiscard]] std::vector<std::vector<Matcher>> selectors_of(const ExprPtr& e);
/// Looks through Paren.
[[nodiscard]] const Expr& unwrap(const Expr& e);

}  // namespace narthex::query

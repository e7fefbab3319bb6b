// PromQL text to syntax tree, with Prometheus' grammar, checks and error texts.
//
// Threads: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/result.h"
#include "query/promql/ast.h"

namespace narthex::query {

/// What --enable-feature switches on; all on in the test scripts.
struct ParserOptions {
  bool experimental_functions = false;
  bool extended_range_selectors = false;  ///< anchored, smoothed
  bool binop_fill_modifiers = false;
  bool duration_expressions = true;                ///< on by default since 3.14
  std::uint64_t regex_memory = Regex::kMaxMemory;  ///< of each regular expression
};

struct ParseError {
  Span span;
  std::string text;  ///< without position: `unexpected identifier "x"`
};

/// The tree, checked for types, with durations that do not depend on the query folded to ms.
/// Errors: invalid; text as users see it, `1:5: parse error: unexpected ...` (the first error).
Result<ExprPtr> parse(std::string_view query, const ParserOptions& options);

/// Whether a text may be parsed at all; for those who would copy it before.
/// Errors: invalid, as parse().
Result<void> check_length(std::string_view query);

/// Every error in the order Prometheus reports them; empty if the query is good. A syntax
/// error is the last one: what Prometheus' parser finds after it is mostly noise.
std::vector<ParseError> parse_errors(std::string_view query, const ParserOptions& options);

/// A metric or selector as match[] takes it: only a vector selector is allowed.
/// Errors: invalid, Prometheus' text.
Result<std::vector<Matcher>> parse_selector(std::string_view text);

/// One line of a series description as test scripts and rule tests write it, without values:
/// `name{a="b"}`. Errors: invalid.
Result<Labels> parse_metric(std::string_view text);

/// "line:column" (1-based, in bytes) of an offset in a query.
std::string position_text(std::string_view query, std::uint32_t offset);

/// Canonical one-line form: Prometheus' Expr.String().
std::string print(const Expr& e);
/// /api/v1/format_query: Prometheus' parser.Prettify, lines split beyond `width` characters.
std::string pretty_print(const Expr& e, std::size_t width = 100);

}  // namespace narthex::query

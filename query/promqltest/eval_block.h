// The block behind `eval`: a query, when to run it, and what must come out.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "model/result.h"
#include "query/promql/parser.h"
#include "query/promqltest/script.h"

namespace narthex::query {

/// Everything experimental is on in test scripts.
inline constexpr ParserOptions kScriptParserOptions{.experimental_functions = true,
                                                    .extended_range_selectors = true,
                                                    .binop_fill_modifiers = true,
                                                    .duration_expressions = true};

struct EvalBlock {
  EvalCommand command;
  /// How many lines belong to it: a bare number ends a block early.
  std::size_t lines = 0;
};

/// @param lines  the command's line and all up to the next empty one
/// @param number  of the first line, from 1
/// Errors: invalid; the text begins with the line it is about
Result<EvalBlock> parse_eval(std::span<const std::string_view> lines, std::uint32_t number);

}  // namespace narthex::query

// Checks: types of operands and arguments, and what the grammar alone cannot refuse.
//
// Threads: any.
// Source: Prometheus promql/parser/parse.go, checkAST
#pragma once

#include <string_view>
#include <vector>

#include "query/promql/ast.h"
#include "query/promql/parser.h"

namespace narthex::query {

/// Checks a tree that parsed without errors, appends what is wrong to `errors`, and settles
/// how sides of binary operators are matched (many-to-many for set operators, none unless
/// both are vectors).
ValueType check_types(std::string_view query, Expr& e, std::vector<ParseError>& errors);

}  // namespace narthex::query

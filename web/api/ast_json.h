// The syntax tree of a query as JSON, for the tree view of Prometheus' pages.
//
// Threads: any.
// Source: Prometheus web/api/v1/translate_ast.go; members stand in the order of their names.
#pragma once

#include <string>

#include "query/promql/ast.h"

namespace narthex::web {

std::string ast_json(const query::Expr& e);

}  // namespace narthex::web

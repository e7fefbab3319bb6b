// Which parts of the language are on, by the names under which Prometheus tells them.
//
// Threads: any.
// Source: Prometheus promql/parser/features.go
#pragma once

#include <map>
#include <string>

#include "query/promql/parser.h"

namespace narthex::query {

/// Category, name, whether it is on: of promql, promql_functions, promql_operators.
using LanguageFeatures = std::map<std::string, std::map<std::string, bool>>;

LanguageFeatures language_features(const ParserOptions& options);

}  // namespace narthex::query

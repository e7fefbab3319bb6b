// narthextool promql: queries printed and edited.
//
// Threads: any.
// Source: Prometheus cmd/promtool/main.go, formatPromQL, labelsSetPromQL, labelsDeletePromQL
#pragma once

#include <string>
#include <string_view>

#include "model/matcher.h"
#include "model/result.h"
#include "query/promql/parser.h"

namespace narthex::apps {

/// The query over several lines. Errors: invalid, as Prometheus' parser words it; so for all here.
Result<std::string> format_promql(std::string_view query, const query::ParserOptions& options);
/// Gives every selector the matcher, in place of those of the same name.
Result<std::string> set_label_matcher(std::string_view query, MatchOp op, const std::string& name,
                                      const std::string& value, const query::ParserOptions& options);
/// Takes the matchers of this name out of every selector.
Result<std::string> delete_label_matcher(std::string_view query, std::string_view name,
                                         const query::ParserOptions& options);

}  // namespace narthex::apps

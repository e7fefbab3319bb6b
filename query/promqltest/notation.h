// Notation: results as the script language writes them, for messages about failed cases.
//
// Threads: any.
#pragma once

#include <string>

#include "model/histogram.h"
#include "query/engine/result.h"
#include "query/promqltest/script.h"

namespace narthex::query {

/// `{{schema:1 count:3 sum:5 buckets:[1 2]}}`.
std::string to_notation(const FloatHistogram& h);
/// `name{a="b"} 1 _ 3`, one series a line; `nothing` if there is none.
std::string to_notation(const EvalCommand& expected);
/// `name{a="b"} 1@60 2@120`, times in seconds, one series a line; `nothing` if there is none.
std::string to_notation(const QueryResult& result);

}  // namespace narthex::query

#include "query/promql/language_features.h"

#include <array>

#include "query/promql/functions.h"

namespace narthex::query {

namespace {

constexpr std::array kKeywords = {"bool",     "by",     "group_left", "group_right",
                                  "ignoring", "offset", "on",         "without"};
constexpr std::array kFillModifiers = {"fill", "fill_left", "fill_right"};
constexpr std::array kRangeModifiers = {"anchored", "smoothed"};
/// Beside those that stand between two expressions.
constexpr std::array kOtherOperators = {"=~", "!~", "@"};
constexpr std::array kBinaryOperators = {
    BinaryOp::add,         BinaryOp::sub,        BinaryOp::mul,   BinaryOp::div,        BinaryOp::mod,
    BinaryOp::pow,         BinaryOp::atan2,      BinaryOp::eq,    BinaryOp::ne,         BinaryOp::lt,
    BinaryOp::le,          BinaryOp::gt,         BinaryOp::ge,    BinaryOp::trim_upper, BinaryOp::trim_lower,
    BinaryOp::logical_and, BinaryOp::logical_or, BinaryOp::unless};
constexpr std::array kAggregations = {
    AggregateOp::sum,    AggregateOp::avg,        AggregateOp::min,      AggregateOp::max,
    AggregateOp::count,  AggregateOp::group,      AggregateOp::stddev,   AggregateOp::stdvar,
    AggregateOp::topk,   AggregateOp::bottomk,    AggregateOp::quantile, AggregateOp::count_values,
    AggregateOp::limitk, AggregateOp::limit_ratio};

bool is_experimental(AggregateOp op) {
  return op == AggregateOp::limitk || op == AggregateOp::limit_ratio;
}

}  // namespace

LanguageFeatures language_features(const ParserOptions& options) {
  LanguageFeatures out;
  auto& language = out["promql"];
  for (const char* word : kKeywords) language[word] = true;
  for (const char* word : kFillModifiers) language[word] = options.binop_fill_modifiers;
  for (const char* word : kRangeModifiers) language[word] = options.extended_range_selectors;
  language["duration_expr"] = options.duration_expressions;
  auto& operators = out["promql_operators"];
  for (const char* sign : kOtherOperators) operators[sign] = true;
  for (const BinaryOp op : kBinaryOperators) operators[std::string(text_of(op))] = true;
  for (const AggregateOp op : kAggregations)
    operators[std::string(text_of(op))] = options.experimental_functions || !is_experimental(op);
  auto& functions = out["promql_functions"];
  for (const Function& f : all_functions())
    functions[std::string(f.name)] = options.experimental_functions || !f.experimental;
  return out;
}

}  // namespace narthex::query

#include "query/promql/functions.h"

#include <algorithm>
#include <array>

namespace narthex::query {
namespace {

using enum ValueType;

constexpr std::array<ValueType, 1> kMatrix = {matrix};
constexpr std::array<ValueType, 1> kScalar = {scalar};
constexpr std::array<ValueType, 1> kVector = {vector};
constexpr std::array<ValueType, 2> kMatrixScalar = {matrix, scalar};
constexpr std::array<ValueType, 2> kScalarMatrix = {scalar, matrix};
constexpr std::array<ValueType, 2> kTwoScalars = {scalar, scalar};
constexpr std::array<ValueType, 2> kScalarVector = {scalar, vector};
constexpr std::array<ValueType, 2> kVectorScalar = {vector, scalar};
constexpr std::array<ValueType, 2> kVectorString = {vector, string};
constexpr std::array<ValueType, 2> kTwoVectors = {vector, vector};
constexpr std::array<ValueType, 3> kMatrixTwoScalars = {matrix, scalar, scalar};
constexpr std::array<ValueType, 3> kTwoScalarsVector = {scalar, scalar, vector};
constexpr std::array<ValueType, 3> kVectorTwoScalars = {vector, scalar, scalar};
constexpr std::array<ValueType, 4> kVectorStringTwoScalars = {vector, string, scalar, scalar};
constexpr std::array<ValueType, 4> kVectorThreeStrings = {vector, string, string, string};
constexpr std::array<ValueType, 5> kVectorFourStrings = {vector, string, string, string, string};

// In order of names, which is the order of FunctionId.
constexpr std::array kFunctions = {
    Function{FunctionId::abs, "abs", kVector},
    Function{FunctionId::absent, "absent", kVector},
    Function{FunctionId::absent_over_time, "absent_over_time", kMatrix},
    Function{FunctionId::acos, "acos", kVector},
    Function{FunctionId::acosh, "acosh", kVector},
    Function{FunctionId::asin, "asin", kVector},
    Function{FunctionId::asinh, "asinh", kVector},
    Function{FunctionId::atan, "atan", kVector},
    Function{FunctionId::atanh, "atanh", kVector},
    Function{FunctionId::avg_over_time, "avg_over_time", kMatrix},
    Function{FunctionId::ceil, "ceil", kVector},
    Function{FunctionId::changes, "changes", kMatrix},
    Function{FunctionId::clamp, "clamp", kVectorTwoScalars},
    Function{FunctionId::clamp_max, "clamp_max", kVectorScalar},
    Function{FunctionId::clamp_min, "clamp_min", kVectorScalar},
    Function{FunctionId::cos, "cos", kVector},
    Function{FunctionId::cosh, "cosh", kVector},
    Function{FunctionId::count_over_time, "count_over_time", kMatrix},
    Function{FunctionId::day_of_month, "day_of_month", kVector, 1},
    Function{FunctionId::day_of_week, "day_of_week", kVector, 1},
    Function{FunctionId::day_of_year, "day_of_year", kVector, 1},
    Function{FunctionId::days_in_month, "days_in_month", kVector, 1},
    Function{FunctionId::deg, "deg", kVector},
    Function{FunctionId::delta, "delta", kMatrix},
    Function{FunctionId::deriv, "deriv", kMatrix},
    Function{FunctionId::double_exponential_smoothing, "double_exponential_smoothing", kMatrixTwoScalars, 0,
             vector, true},
    Function{FunctionId::end, "end", {}, 0, scalar, true},
    Function{FunctionId::exp, "exp", kVector},
    Function{FunctionId::first_over_time, "first_over_time", kMatrix},
    Function{FunctionId::floor, "floor", kVector},
    Function{FunctionId::histogram_avg, "histogram_avg", kVector},
    Function{FunctionId::histogram_count, "histogram_count", kVector},
    Function{FunctionId::histogram_fraction, "histogram_fraction", kTwoScalarsVector},
    Function{FunctionId::histogram_quantile, "histogram_quantile", kScalarVector},
    Function{FunctionId::histogram_quantiles, "histogram_quantiles", kVectorStringTwoScalars, 9, vector,
             true},
    Function{FunctionId::histogram_stddev, "histogram_stddev", kVector},
    Function{FunctionId::histogram_stdvar, "histogram_stdvar", kVector},
    Function{FunctionId::histogram_sum, "histogram_sum", kVector},
    Function{FunctionId::hour, "hour", kVector, 1},
    Function{FunctionId::idelta, "idelta", kMatrix},
    Function{FunctionId::increase, "increase", kMatrix},
    Function{FunctionId::info, "info", kTwoVectors, 1, vector, true},
    Function{FunctionId::irate, "irate", kMatrix},
    Function{FunctionId::label_join, "label_join", kVectorThreeStrings, -1},
    Function{FunctionId::label_replace, "label_replace", kVectorFourStrings},
    Function{FunctionId::last_over_time, "last_over_time", kMatrix},
    Function{FunctionId::ln, "ln", kVector},
    Function{FunctionId::log10, "log10", kVector},
    Function{FunctionId::log2, "log2", kVector},
    Function{FunctionId::mad_over_time, "mad_over_time", kMatrix, 0, vector, true},
    Function{FunctionId::max_of, "max_of", kTwoScalars, 0, scalar, true},
    Function{FunctionId::max_over_time, "max_over_time", kMatrix},
    Function{FunctionId::min_of, "min_of", kTwoScalars, 0, scalar, true},
    Function{FunctionId::min_over_time, "min_over_time", kMatrix},
    Function{FunctionId::minute, "minute", kVector, 1},
    Function{FunctionId::month, "month", kVector, 1},
    Function{FunctionId::pi, "pi", {}, 0, scalar},
    Function{FunctionId::predict_linear, "predict_linear", kMatrixScalar},
    Function{FunctionId::present_over_time, "present_over_time", kMatrix},
    Function{FunctionId::quantile_over_time, "quantile_over_time", kScalarMatrix},
    Function{FunctionId::rad, "rad", kVector},
    Function{FunctionId::range, "range", {}, 0, scalar, true},
    Function{FunctionId::rate, "rate", kMatrix},
    Function{FunctionId::resets, "resets", kMatrix},
    Function{FunctionId::round, "round", kVectorScalar, 1},
    Function{FunctionId::scalar, "scalar", kVector, 0, scalar},
    Function{FunctionId::sgn, "sgn", kVector},
    Function{FunctionId::sin, "sin", kVector},
    Function{FunctionId::sinh, "sinh", kVector},
    Function{FunctionId::sort, "sort", kVector},
    Function{FunctionId::sort_by_label, "sort_by_label", kVectorString, -1, vector, true},
    Function{FunctionId::sort_by_label_desc, "sort_by_label_desc", kVectorString, -1, vector, true},
    Function{FunctionId::sort_desc, "sort_desc", kVector},
    Function{FunctionId::sqrt, "sqrt", kVector},
    Function{FunctionId::start, "start", {}, 0, scalar, true},
    Function{FunctionId::start_timestamp, "start_timestamp", kVector, 0, vector, true},
    Function{FunctionId::stddev_over_time, "stddev_over_time", kMatrix},
    Function{FunctionId::stdvar_over_time, "stdvar_over_time", kMatrix},
    Function{FunctionId::step, "step", {}, 0, scalar, true},
    Function{FunctionId::sum_over_time, "sum_over_time", kMatrix},
    Function{FunctionId::tan, "tan", kVector},
    Function{FunctionId::tanh, "tanh", kVector},
    Function{FunctionId::time, "time", {}, 0, scalar},
    Function{FunctionId::timestamp, "timestamp", kVector},
    Function{FunctionId::ts_of_first_over_time, "ts_of_first_over_time", kMatrix, 0, vector, true},
    Function{FunctionId::ts_of_last_over_time, "ts_of_last_over_time", kMatrix, 0, vector, true},
    Function{FunctionId::ts_of_max_over_time, "ts_of_max_over_time", kMatrix, 0, vector, true},
    Function{FunctionId::ts_of_min_over_time, "ts_of_min_over_time", kMatrix, 0, vector, true},
    Function{FunctionId::vector, "vector", kScalar},
    Function{FunctionId::year, "year", kVector, 1},
};

constexpr bool table_follows_ids() {
  for (std::size_t i = 0; i < kFunctions.size(); ++i)
    if (static_cast<std::size_t>(kFunctions[i].id) != i) return false;
  return true;
}
static_assert(table_follows_ids());
static_assert(std::ranges::is_sorted(kFunctions, {}, &Function::name));

}  // namespace

const Function* find_function(std::string_view name) {
  const auto it = std::ranges::lower_bound(kFunctions, name, {}, &Function::name);
  return it != kFunctions.end() && it->name == name ? &*it : nullptr;
}

std::span<const Function> all_functions() {
  return kFunctions;
}

}  // namespace narthex::query

// The texts of warnings and infos about native histograms, as Prometheus words them.
//
// Threads: any.
// Source: Prometheus util/annotations/annotations.go
#pragma once

#include <string>
#include <string_view>

namespace narthex::query::texts {

// Warnings.
std::string mixed_floats_histograms(std::string_view metric_name);
std::string mixed_floats_histograms_in_aggregation();
std::string mixed_classic_native(std::string_view metric_name);
std::string mixed_exponential_custom(std::string_view metric_name);
std::string not_a_counter(std::string_view metric_name);
std::string not_a_gauge(std::string_view metric_name);
/// @param operation  addition, subtraction or aggregation
std::string counter_reset_collision(std::string_view operation);
/// @param op  as it is written, `+`
std::string incompatible_bucket_layout(std::string_view op);

// Infos.
std::string mismatched_custom_buckets(std::string_view operation);
/// @param lhs, rhs  `float` or `histogram`
std::string incompatible_types(std::string_view lhs, std::string_view op, std::string_view rhs);
std::string ignored_in_aggregation(std::string_view aggregation);
std::string ignored_in_mixed_range(std::string_view metric_name);
std::string quantile_is_nan(std::string_view metric_name);
std::string quantile_is_skewed(std::string_view metric_name);
std::string fraction_leaves_out_nans(std::string_view metric_name);

inline constexpr std::string_view kAddition = "addition";
inline constexpr std::string_view kSubtraction = "subtraction";
inline constexpr std::string_view kAggregation = "aggregation";

}  // namespace narthex::query::texts

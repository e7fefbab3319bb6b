#include "query/engine/annotation_texts.h"

#include <fmt/format.h>

#include "model/labels.h"
#include "query/engine/annotation_collector.h"

namespace narthex::query::texts {

std::string mixed_floats_histograms(std::string_view metric_name) {
  return fmt::format("encountered a mix of histograms and floats for metric name {}", quote(metric_name));
}

std::string mixed_floats_histograms_in_aggregation() {
  return "encountered a mix of histograms and floats for aggregation";
}

std::string mixed_classic_native(std::string_view metric_name) {
  return with_metric_name("vector contains a mix of classic and native histograms", metric_name);
}

std::string mixed_exponential_custom(std::string_view metric_name) {
  return fmt::format(
      "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}",
      quote(metric_name));
}

std::string not_a_counter(std::string_view metric_name) {
  return fmt::format("this native histogram metric is not a counter: {}", quote(metric_name));
}

std::string not_a_gauge(std::string_view metric_name) {
  return fmt::format("this native histogram metric is not a gauge: {}", quote(metric_name));
}

std::string counter_reset_collision(std::string_view operation) {
  return fmt::format("conflicting counter resets during histogram {}", operation);
}

std::string incompatible_bucket_layout(std::string_view op) {
  return fmt::format("incompatible bucket layout encountered for binary operator {}", op);
}

std::string mismatched_custom_buckets(std::string_view operation) {
  return fmt::format("mismatched custom buckets were reconciled during {}", operation);
}

std::string incompatible_types(std::string_view lhs, std::string_view op, std::string_view rhs) {
  return fmt::format("incompatible sample types encountered for binary operator \"{1}\": {0} {1} {2}", lhs,
                     op, rhs);
}

std::string ignored_in_aggregation(std::string_view aggregation) {
  return fmt::format("ignored histogram in {} aggregation", aggregation);
}

std::string ignored_in_mixed_range(std::string_view metric_name) {
  return fmt::format("ignored histograms in a range containing both floats and histograms for metric name {}",
                     quote(metric_name));
}

std::string quantile_is_nan(std::string_view metric_name) {
  return with_metric_name("input to histogram_quantile has NaN observations, result is NaN", metric_name);
}

std::string quantile_is_skewed(std::string_view metric_name) {
  return with_metric_name("input to histogram_quantile has NaN observations, result is skewed higher",
                          metric_name);
}

std::string fraction_leaves_out_nans(std::string_view metric_name) {
  return with_metric_name(
      "input to histogram_fraction has NaN observations, which are excluded from all fractions", metric_name);
}

}  // namespace narthex::query::texts

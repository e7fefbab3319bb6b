#include "scrape/metric_family.h"

#include <initializer_list>

namespace narthex::scrape {
namespace {

/// Without the first of the suffixes that it has.
std::string_view without(std::string_view name, std::initializer_list<std::string_view> suffixes) {
  for (const std::string_view suffix : suffixes) {
    if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  }
  return name;
}

}  // namespace

bool is_part_of_family(std::string_view metric, std::string_view family, MetricType type) {
  if (!metric.starts_with(family)) return false;
  switch (type) {
    case MetricType::counter:
      return without(family, {"_total"}) == without(metric, {"_total"});
    case MetricType::info:
      return without(family, {"_info"}) == without(metric, {"_info"});
    case MetricType::histogram:
      return family == without(metric, {"_bucket", "_sum", "_count"});
    case MetricType::gauge_histogram:
      return family == without(metric, {"_bucket", "_gsum", "_gcount"});
    case MetricType::summary:
      return family == without(metric, {"_sum", "_count"});
    case MetricType::gauge:
    case MetricType::stateset:
    case MetricType::unknown:
      break;
  }
  return family == metric;
}

}  // namespace narthex::scrape

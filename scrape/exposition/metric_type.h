// MetricType: what a # TYPE line says of a metric family.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <string_view>

namespace narthex::scrape {

enum class MetricType : std::uint8_t {
  unknown,  ///< no # TYPE line yet, `untyped` (text format) or `unknown` (OpenMetrics)
  counter,
  gauge,
  histogram,
  gauge_histogram,
  summary,
  info,
  stateset,
};

/// As in /api/v1/metadata: `gaugehistogram`, `unknown`.
inline std::string_view metric_type_name(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::histogram:
      return "histogram";
    case MetricType::gauge_histogram:
      return "gaugehistogram";
    case MetricType::summary:
      return "summary";
    case MetricType::info:
      return "info";
    case MetricType::stateset:
      return "stateset";
    case MetricType::unknown:
      break;
  }
  return "unknown";
}

}  // namespace narthex::scrape

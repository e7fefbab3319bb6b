#include "scrape/metric_family.h"

#include <doctest/doctest.h>

using namespace narthex::scrape;

TEST_CASE("series belong to the family whose name theirs is, but for the suffixes of its type") {
  const struct {
    const char* metric;
    const char* family;
    MetricType type;
    bool belongs;
  } rows[] = {
      {"a", "a", MetricType::gauge, true},
      {"a_sum", "a", MetricType::gauge, false},
      {"ab", "a", MetricType::unknown, false},
      {"a", "ab", MetricType::unknown, false},
      {"a_total", "a", MetricType::counter, true},
      {"a_total", "a_total", MetricType::counter, true},
      {"a", "a", MetricType::counter, true},
      {"a_sum", "a", MetricType::counter, false},
      {"a_bucket", "a", MetricType::histogram, true},
      {"a_count", "a", MetricType::histogram, true},
      {"a_gcount", "a", MetricType::histogram, false},
      {"a_gcount", "a", MetricType::gauge_histogram, true},
      {"a_sum", "a", MetricType::gauge_histogram, false},
      {"a_sum", "a", MetricType::summary, true},
      {"a_bucket", "a", MetricType::summary, false},
      {"a", "a", MetricType::summary, true},
      {"a_info", "a", MetricType::info, true},
      {"a_info", "a_info", MetricType::info, true},
      {"a_state", "a", MetricType::stateset, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.metric);
    CAPTURE(row.family);
    CHECK(is_part_of_family(row.metric, row.family, row.type) == row.belongs);
  }
}

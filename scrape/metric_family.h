// Which metric family a series belongs to, by its name: `x_bucket`, `x_sum` and `x_count` to the
// histogram x, `x_total` to the counter x.
//
// Threads: any.
#pragma once

#include <string_view>

#include "scrape/exposition/metric_type.h"

namespace narthex::scrape {

/// Whether what # TYPE, # HELP and # UNIT said of `family` is about the series `metric`.
/// Source: Prometheus scrape/scrape.go, isSeriesPartOfFamily
bool is_part_of_family(std::string_view metric, std::string_view family, MetricType type);

}  // namespace narthex::scrape

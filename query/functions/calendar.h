// Parts of a time in UTC, for hour(), day_of_week() and the like.
#pragma once

#include <cstdint>

#include "query/promql/functions.h"

namespace narthex::query {

/// @param part  one of minute, hour, day_of_week (0 = Sunday), day_of_month, day_of_year,
///              days_in_month, month (1 = January), year
/// @param seconds  since the epoch
double calendar_part(FunctionId part, std::int64_t seconds);

}  // namespace narthex::query

// Which series of the head match a set of matchers, by postings alone.
//
// A matcher that an absent label does not satisfy names the series that may stay; one that it
// satisfies names those that must go. Equalities and literal sets are look-ups; other regular
// expressions run over the values of their name, or, when few series are left by then, over
// the values of those series.
//
// Threads: the mutex of the index.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/matcher.h"
#include "tsdb/head/series_index.h"

namespace narthex::tsdb {

/// Ordinals of all published series that match, ascending.
std::vector<Ordinal> matching_series(const SeriesIndex& index, std::span<const Matcher> matchers);

}  // namespace narthex::tsdb

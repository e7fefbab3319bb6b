// Matching: which series of an index satisfy a set of matchers.
//
// The cheap side first: equalities and sets of literals are looked up and intersected, the
// smallest list first. What is left (expressions, absent labels) is decided by walking the
// values of the label, or, where fewer series are left than it has values, by looking at the
// labels of those series.
// Threads: any.
#pragma once

#include <span>

#include "model/matcher.h"
#include "model/result.h"
#include "tsdb/block/index_reader.h"
#include "tsdb/block/postings.h"

namespace narthex::tsdb {

/// Ascending; all series if there are no matchers. Errors: corruption.
Result<SeriesRefs> match_series(const IndexReader& index, std::span<const Matcher> matchers);

}  // namespace narthex::tsdb

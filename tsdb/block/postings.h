// Set operations on series references, ascending and each once.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/result.h"
#include "tsdb/block/index_reader.h"

namespace narthex::tsdb {

using SeriesRefs = std::vector<std::uint32_t>;

/// Errors: corruption (not ascending).
Result<SeriesRefs> decode_postings(PostingsList list);
/// All references of the lists, which need not be disjoint. Errors: corruption.
Result<SeriesRefs> unite(std::span<const PostingsList> lists);
/// Keeps in `refs` what is in `list` too.
void intersect(SeriesRefs& refs, PostingsList list);
void intersect(SeriesRefs& refs, const SeriesRefs& others);
/// Removes from `refs` what is in `list`.
void subtract(SeriesRefs& refs, PostingsList list);
void subtract(SeriesRefs& refs, const SeriesRefs& others);

}  // namespace narthex::tsdb

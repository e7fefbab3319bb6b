// Series of the head in the order of their labels, which is that of a block.
//
// The order is worked out by ranks of label pairs: texts are compared once per pair that occurs.
//
// Threads: any; others may append meanwhile.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <vector>

#include "tsdb/head/head_state.h"

namespace narthex::tsdb {

/// Published series as of now. Commits and queries get turns meanwhile.
/// @param only  leaves others out; null: all
std::vector<Ordinal> order_by_labels(HeadState& head,
                                     const boost::unordered_flat_set<Ordinal>* only = nullptr)
    NARTHEX_REQUIRES(head.collect_turn);

}  // namespace narthex::tsdb

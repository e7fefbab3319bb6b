// The replay side of Head: references of the log to series.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <vector>

#include "tsdb/head/head.h"

namespace narthex::tsdb {

struct Head::Replay {
  boost::unordered_flat_map<WalRef, Ordinal> ordinals;
  /// Deleted series, and other names of series.
  std::vector<WalRef> gone;
};

}  // namespace narthex::tsdb

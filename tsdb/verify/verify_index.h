// The index of a block, read front to back: every byte of it belongs to something, every checksum
// is right, what must ascend ascends, and symbols, series and postings agree with each other.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tsdb/block/index_format.h"
#include "tsdb/verify/verification.h"

namespace narthex::tsdb {

struct IndexTally {
  bool readable = false;            ///< header and table of contents are good, so series could be looked for
  std::vector<std::uint32_t> refs;  ///< of all series that can be read, ascending
  std::uint64_t chunks = 0;
};

/// @param on_chunk  receives each chunk of each series, with the series' place in the index
IndexTally verify_index(Verification& v, const std::string& path,
                        const std::function<void(std::uint64_t series_offset, const ChunkMeta&)>& on_chunk);

}  // namespace narthex::tsdb

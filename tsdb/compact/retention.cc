#include "tsdb/compact/retention.h"

#include <algorithm>

namespace narthex::tsdb {

ExpiredBlocks expired_blocks(std::vector<SizedBlock> blocks, DurationMs time, std::uint64_t size_bytes,
                             std::uint64_t other_bytes) {
  std::ranges::sort(blocks, [](const SizedBlock& a, const SizedBlock& b) {
    return a.maxt != b.maxt ? a.maxt > b.maxt : a.ulid > b.ulid;
  });
  ExpiredBlocks expired;
  std::uint64_t bytes = other_bytes;
  bool is_full = false;
  for (const SizedBlock& block : blocks) {
    // Newest first: what comes behind one that goes, goes too.
    if (time > 0 && blocks.front().maxt - block.maxt >= time) {
      expired.by_time.push_back(block.ulid);
      continue;
    }
    bytes += block.size_bytes;
    is_full = is_full || (size_bytes > 0 && bytes > size_bytes);
    if (is_full) expired.by_size.push_back(block.ulid);
  }
  return expired;
}

}  // namespace narthex::tsdb

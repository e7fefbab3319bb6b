#include "tsdb/block/block_deletion.h"

#include <algorithm>

#include "tsdb/block/matching.h"

namespace narthex::tsdb {

Result<std::vector<Stone>> find_deleted(const BlockFiles& files, TimeRange range,
                                        std::span<const Matcher> matchers) {
  const std::string during = "block " + files.directory;
  auto refs = match_series(*files.index, matchers);
  if (!refs) return pass(refs, during);
  std::vector<Stone> stones;
  std::vector<ChunkMeta> chunks;
  for (const std::uint32_t ref : *refs) {
    auto series = files.index->series(ref);
    if (!series) return pass(series, during);
    chunks.clear();
    if (auto read = series->chunks(chunks); !read) return pass(read, during);
    const bool overlaps =
        std::ranges::any_of(chunks, [&](const ChunkMeta& c) { return range.overlaps({c.mint, c.maxt}); });
    if (!overlaps) continue;
    stones.push_back(
        {ref, {std::max(range.mint, chunks.front().mint), std::min(range.maxt, chunks.back().maxt)}});
  }
  return stones;
}

}  // namespace narthex::tsdb

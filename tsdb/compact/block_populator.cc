#include "tsdb/compact/block_populator.h"

#include <utility>

#include "tsdb/block/block_writer.h"
#include "tsdb/compact/chunk_merger.h"
#include "tsdb/compact/merged_sources.h"

namespace narthex::tsdb {

Result<std::optional<BlockMeta>> populate_block(io::FileSystem& fs, const std::string& parent_dir,
                                                BlockMeta meta,
                                                std::vector<std::unique_ptr<ChunkSource>> sources,
                                                const PopulateOptions& options) {
  // A block's end is exclusive.
  ChunkMerger merger({{meta.mint, meta.maxt - 1}, options.join_small_chunks, options.xor2_floats});
  MergedSources merged(std::move(sources));
  std::unique_ptr<BlockWriter> writer;
  for (;;) {
    if (options.stop.stopped()) return fail(Code::cancelled, "writing block " + meta.ulid + ": cancelled");
    auto group = merged.next();
    if (!group) return pass(group);
    if (group->empty()) break;
    auto chunks = merger.merge(*group);
    if (!chunks) return pass(chunks, "series " + group->front()->labels.to_string());
    if (chunks->empty()) continue;
    if (!writer) {
      auto symbols = merged.symbols();
      if (!symbols) return pass(symbols);
      auto created = BlockWriter::create(fs, parent_dir, meta, *std::move(symbols), options.segment_bytes);
      if (!created) return pass(created);
      writer = *std::move(created);
    }
    if (options.on_chunk) {
      for (const ChunkToWrite& chunk : *chunks) options.on_chunk(chunk);
    }
    if (auto added = writer->add_series(group->front()->labels, *chunks); !added) return pass(added);
  }
  if (!writer) return std::optional<BlockMeta>{};
  auto written = writer->finish();
  if (!written) return pass(written);
  return std::optional(*std::move(written));
}

}  // namespace narthex::tsdb

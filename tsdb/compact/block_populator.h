// Making one block from one source of chunks or several: what cutting the head, compaction,
// deletion and snapshots have in common.
//
// Memory: the symbols, the postings (four bytes a label) and one series; samples stream.
// Threads: any; each call has its own sources.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "sync/stop_token.h"
#include "tsdb/block/block_meta.h"
#include "tsdb/compact/chunk_source.h"

namespace narthex::tsdb {

struct PopulateOptions {
  /// For the head, whose chunk ends are staggered.
  bool join_small_chunks = false;
  bool xor2_floats = false;
  std::uint64_t segment_bytes = kChunkSegmentBytes;
  sync::StopToken stop;
  /// Sees every chunk that is written; may be empty.
  std::function<void(const ChunkToWrite&)> on_chunk;
};

/// Writes block <parent_dir>/<meta.ulid> with the samples t, meta.mint <= t < meta.maxt.
/// @param meta  ulid, mint, maxt, level, sources, parents and hints are taken; stats are counted
/// @param sources  in order of precedence: of samples of the same time the first's stays
/// @return  the final meta; nothing if there was no sample, and then no block either
/// Errors: corruption (a source's bytes), io, cancelled.
Result<std::optional<BlockMeta>> populate_block(io::FileSystem& fs, const std::string& parent_dir,
                                                BlockMeta meta,
                                                std::vector<std::unique_ptr<ChunkSource>> sources,
                                                const PopulateOptions& options);

}  // namespace narthex::tsdb

// BlockWriter: writes one immutable block directory in Prometheus' format.
//
// <dir>/<ULID>.tmp-for-creation/{chunks/000001..., index (version 2), tombstones, meta.json},
// every file synced, then renamed to <ULID> and the parent synced: a block is there as a
// whole or not at all. Series must come in ascending order of labels; memory is bounded by
// symbols, postings and one series, not by samples.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/labels.h"
#include "model/result.h"
#include "tsdb/block/block_meta.h"
#include "tsdb/block/chunk_segment.h"

namespace narthex::tsdb {

/// An encoded chunk on its way to disk; both times inclusive.
struct ChunkToWrite {
  Timestamp mint;
  Timestamp maxt;
  std::uint8_t encoding;
  io::Bytes bytes;
};

class BlockWriter {
 public:
  /// @param meta  ulid, mint, maxt, level, sources, parents and hints are taken; stats are counted.
  /// @param symbols  every label name and value that will occur, any order, may repeat
  /// @param segment_bytes  a chunk file does not grow beyond this
  static Result<std::unique_ptr<BlockWriter>> create(io::FileSystem& fs, const std::string& parent_dir,
                                                     BlockMeta meta, std::vector<std::string> symbols,
                                                     std::uint64_t segment_bytes = kChunkSegmentBytes);
  ~BlockWriter();

  /// Errors: io. Series without chunks are left out.
  Result<void> add_series(const Labels& labels, std::span<const ChunkToWrite> chunks);
  /// Writes index, tombstones and meta, publishes the directory. @return the final meta
  Result<BlockMeta> finish();

 private:
  struct Impl;
  explicit BlockWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace narthex::tsdb

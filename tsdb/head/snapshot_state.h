// What a snapshot says of the head as a whole: enough to tell whether it fits the files around it.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/result.h"
#include "model/time.h"
#include "tsdb/head/head_chunk_files.h"
#include "tsdb/head/snapshot_file.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

struct SnapshotState {
  /// Everything in the log before this segment is in the snapshot; of this one and those behind
  /// it some may be.
  std::uint32_t first_segment = 0;
  DurationMs block_range = 0;
  /// Blocks held everything before it, and the head nothing any more.
  Timestamp floor = kMinTime;
  /// No reference of a series was above it.
  WalRef last_ref = 0;
  std::uint32_t ordinals_end = 0;
  std::uint32_t pairs_end = 0;
  std::uint64_t series = 0;
  /// What chunks of the snapshot may lie in, in the sizes of then.
  std::vector<HeadChunkFiles::File> chunk_files;
  /// Files held chunks of late samples, which are not in the snapshot: all of them must be read.
  bool has_out_of_order = false;

  /// Behind the last chunk in files that the snapshot knows.
  [[nodiscard]] HeadChunkPlace chunks_end() const;

  [[nodiscard]] std::vector<std::byte> encode() const;
  /// Errors: corruption.
  static Result<SnapshotState> read(const SnapshotReader& in);
};

/// Of the series with these references, which ascend, as far as the snapshot has them. Errors: corruption.
Result<std::vector<SeriesRecord>> read_series_records(const SnapshotReader& snapshot,
                                                      std::span<const WalRef> refs);

}  // namespace narthex::tsdb

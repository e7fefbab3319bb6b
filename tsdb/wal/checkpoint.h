// Checkpoint: the past of the log without what nobody needs any more.
//
// A directory <wal>/checkpoint.NNNNNNNN with segments of its own, in the log's format. It
// stands for all segments up to number N and for the checkpoint before it; replay reads the
// newest one and then the segments behind N. Prometheus deletes the whole log when it finds a
// damaged one, so it is synced and read back before anything that it replaces may go.
//
// Threads: one at a time per directory; the log may be written meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "io/file_system.h"
#include "model/result.h"
#include "model/time.h"
#include "tsdb/wal/record.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {

struct CheckpointStats {
  std::uint64_t records_read = 0;
  std::uint64_t records_written = 0;
  std::uint64_t bytes_written = 0;
  std::uint64_t damaged = 0;  ///< places in the old segments that could not be read
};

/// Writes the checkpoint of the newest one before it and all segments up to `up_to_segment`,
/// which must not be written any more, then removes older checkpoints. The segments are left to
/// Wal::truncate_before(up_to_segment + 1). Does nothing if there is one of that number already.
/// @param keep  series that stay: also deleted ones whose samples are still in the log; its
///              answers must not change meanwhile
/// @param mint  samples, exemplars, histograms and deletions that end before it are left out
/// @param deletions_from  deletions that reach to it stay all the same: of late samples, which have a log of
///                        their own
/// Errors: io, corruption (segments missing, or what was written does not read back). Nothing
/// of it is left then but perhaps a directory `.tmp`, which the next one removes.
Result<CheckpointStats> write_checkpoint(io::FileSystem& fs, const std::string& wal_dir,
                                         std::uint32_t up_to_segment, const std::function<bool(WalRef)>& keep,
                                         Timestamp mint, WalOptions options = {},
                                         Timestamp deletions_from = kMaxTime);

}  // namespace narthex::tsdb

// Repair of checkpoints when a log is opened, before anything else sees it: Prometheus deletes the
// whole log behind a damaged one.
//
// Threads: one, before the log is written.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "tsdb/wal/record.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {

/// Before the log is read. Removes unfinished checkpoints (`checkpoint.*.tmp`). Where the newest one
/// is damaged and what it was made from is still there (the one before it, or the log from its
/// beginning), it is moved into `quarantine_dir`, so that the log is read from there.
/// Errors: io.
Result<void> settle_checkpoints(io::FileSystem& fs, const std::string& wal_dir,
                                const std::string& quarantine_dir);

/// Series records of `refs`, which ascend, in what the newest checkpoint stands for and a server that died
/// had not removed yet: older checkpoints and segments. What cannot be read of them is passed over.
std::vector<SeriesRecord> names_before_checkpoint(io::FileSystem& fs, const std::string& wal_dir,
                                                  std::span<const WalRef> refs);

/// After the log was read: writes the newest checkpoint anew without its damage, its old bytes are
/// kept in `quarantine_dir`. Errors: io.
Result<WalRepair> repair_checkpoint(io::FileSystem& fs, const std::string& wal_dir,
                                    const std::string& quarantine_dir);

}  // namespace narthex::tsdb

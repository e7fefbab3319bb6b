// Retention: which blocks are too old or too many, by Prometheus' rules.
//
// Time counts from the end of the newest block, not from now: a server that was off for a month
// deletes nothing at its start. Size counts everything in the data directory, but only blocks are
// deleted, the oldest first.
// Source: Prometheus tsdb/db.go (BeyondTimeRetention, BeyondSizeRetention).
//
// Threads: any.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/time.h"

namespace narthex::tsdb {

/// What to keep; 0: no limit of this kind.
struct Retention {
  DurationMs time = 0;
  std::uint64_t size_bytes = 0;
  /// Of the file system that holds the data; goes before size_bytes.
  double percentage = 0;
  bool operator==(const Retention&) const = default;
};

struct SizedBlock {
  std::string ulid;
  Timestamp maxt = 0;
  std::uint64_t size_bytes = 0;
};

struct ExpiredBlocks {
  std::vector<std::string> by_time;
  std::vector<std::string> by_size;  ///< without those of by_time
};

/// @param time  0: no limit
/// @param size_bytes  for everything; 0: no limit
/// @param other_bytes  of the data directory, beside the blocks
ExpiredBlocks expired_blocks(std::vector<SizedBlock> blocks, DurationMs time, std::uint64_t size_bytes,
                             std::uint64_t other_bytes);

}  // namespace narthex::tsdb

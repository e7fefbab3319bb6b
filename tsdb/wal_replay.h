// Reading the WAL back into the head: the newest checkpoint first, then the segments after it, then the log
// of samples that came late.
//
// Threads: one, before the head accepts anything.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "tsdb/head/head.h"

namespace narthex::tsdb {

struct ReplayReport {
  std::uint64_t segments = 0;
  std::uint64_t late_segments = 0;  ///< of those, the ones of the log of late samples
  std::uint64_t records = 0;
  std::uint64_t samples = 0;
  std::uint64_t unknown_refs = 0;         ///< samples and deletions of series that no record had named
  std::uint64_t skipped_records = 0;      ///< of types that the head does not keep
  std::uint64_t histograms_left_out = 0;  ///< of a schema that nobody here knows, or not sound in themselves
  std::uint64_t damaged = 0;              ///< gaps in segments and records that contradict their format
  std::vector<std::uint32_t> damaged_segments;  ///< of the log, with gaps: to be repaired
  /// The log ends inside a record, and that is all its damage: what a power cut leaves of what was not
  /// synced.
  bool is_only_cut_off = false;
  std::vector<std::uint32_t> damaged_ooo_segments;  ///< the same of the log of late samples
  std::string checkpoint;                           ///< directory of the one that was read, if any
  std::vector<std::uint32_t> damaged_checkpoint_segments;
  std::vector<SeriesRecord> recovered;  ///< the log had lost them, and somebody else knew them
  std::vector<WalRef> gone_refs;        ///< deleted series, and other names of series
};

/// Series records that somebody else has of these references, which ascend: their own are lost.
using NameSource = std::function<std::vector<SeriesRecord>(std::span<const WalRef> refs)>;

/// Samples whose series record is lost, or comes later, are replayed in a second pass once their
/// series has a name.
/// Errors: io, corruption (segments are not sequential). Damaged records are skipped, logged
/// and counted, by segment and offset.
/// @param threads  that apply samples, beside the one that reads; 1: none beside it
/// @param ooo_dir  the log of late samples; need not be there
/// @param first  of the segments that are read, without a checkpoint: the head has what was before
Result<ReplayReport> replay_wal(io::FileSystem& fs, const std::string& wal_dir, Head& head,
                                std::size_t threads = 1, const std::string& ooo_dir = {},
                                std::optional<std::uint32_t> first = std::nullopt,
                                const NameSource& names = {});

}  // namespace narthex::tsdb

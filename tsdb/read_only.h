// ReadOnlyDb: a data directory read as it lies there, with a server running on it or without.
//
// Nothing is written into the directory, no lock is taken, nothing is repaired or set aside. The
// blocks are mapped; the log is replayed into memory when what is asked reaches beyond the blocks,
// and only then. A server that cuts a block or truncates its log meanwhile is noticed: the
// directory is then read again.
//
// Source: Prometheus tsdb/db.go, DBReadOnly, which makes itself a sandbox of hard links for the
// same end. Two differences: a missing log is an empty one, and what is in the log counts from
// the end of the newest block that was cut from it, not from the end of the last block.
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
#include "model/matcher.h"
#include "model/result.h"
#include "model/time.h"
#include "tsdb/block_set.h"
#include "tsdb/chunk/chunk_samples.h"

namespace narthex::tsdb {

/// One series with all that is stored of it.
struct StoredSeries {
  Labels labels;
  /// Ascending by time, each time once; kinds as they were written, one kind a run, none empty.
  std::vector<ChunkSamples> runs;
};

/// Each list selects by all its matchers; a series that one list selects is selected.
using MatcherLists = std::span<const std::vector<Matcher>>;

/// Series in the order of their labels, each once.
class SeriesReader {
 public:
  virtual ~SeriesReader() = default;
  /// Series without samples in the range are left out. @return  false at the end
  /// Errors: corruption (names block and chunk), io.
  virtual Result<bool> next(StoredSeries& out) = 0;
  /// Places in the log that could not be read: each was said in the log of this process.
  [[nodiscard]] virtual std::uint64_t damaged_places() const = 0;
};

class ReadOnlyDb {
 public:
  /// Errors: not_found (no such directory), with promtool's text.
  static Result<ReadOnlyDb> open(io::FileSystem& fs, std::string directory);

  /// Ascending by mint. A block whose meta.json cannot be read is left out, with a warning.
  /// Errors: corruption (names each damaged block that no other replaces), io.
  [[nodiscard]] Result<Blocks> blocks() const;
  /// Name of the newest block, by the time in its ULID. Errors: not_found.
  [[nodiscard]] Result<std::string> last_block() const;
  /// Errors: not_found, corruption, io.
  [[nodiscard]] Result<std::shared_ptr<Block>> block(const std::string& ulid) const;

  /// What blocks and log hold of the selected series in `range`. Errors: as blocks().
  [[nodiscard]] Result<std::unique_ptr<SeriesReader>> series(TimeRange range, MatcherLists selectors) const;

  [[nodiscard]] const std::string& directory() const { return directory_; }

 private:
  ReadOnlyDb(io::FileSystem& fs, std::string directory) : fs_(&fs), directory_(std::move(directory)) {}
  [[nodiscard]] Result<std::vector<std::string>> block_names() const;

  io::FileSystem* fs_;
  std::string directory_;
};

/// End of the newest block that was cut from a head in order: the log counts from there. kMinTime
/// without any.
[[nodiscard]] Timestamp end_of_blocks(const Blocks& blocks);

}  // namespace narthex::tsdb

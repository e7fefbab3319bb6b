// verify: checks every checksum and every invariant of a data directory, and says what is wrong.
//
// Blocks: meta.json against what it describes; the index section by section, the order of symbols
// and series, every reference between them, and that no byte is left over; every chunk, decoded,
// with the times that the index gives it; tombstones. Logs (wal, wbl, checkpoints): order of the
// segments, framing and content of every record. chunks_head: every chunk. Our own folder. Names
// that do not belong there.
//
// Nothing is written. A server may run on the directory: what it removes meanwhile is passed over,
// and a record at the end of the log that is being written is no damage.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "io/file_system.h"
#include "model/result.h"

namespace narthex::tsdb {

enum class Severity : std::uint8_t {
  damage,  ///< data is lost, or a server may refuse, set aside or repair the file
  notice,  ///< harmless: what a crash leaves behind, or what nobody reads
};

struct Finding {
  Severity severity = Severity::damage;
  std::string path;                     ///< inside of the directory
  std::optional<std::uint64_t> offset;  ///< in the file, where there is one
  std::string reason;
};

class VerifyObserver {
 public:
  virtual ~VerifyObserver() = default;
  virtual void found(const Finding& finding) = 0;
  /// @param total_bytes  an estimate, made before
  virtual void progress(std::uint64_t done_bytes, std::uint64_t total_bytes) = 0;
};

struct VerifyTotals {
  std::uint64_t bytes = 0;
  std::uint64_t blocks = 0;
  std::uint64_t series = 0;
  std::uint64_t chunks = 0;
  std::uint64_t samples = 0;
  std::uint64_t log_segments = 0;
  std::uint64_t log_records = 0;
  std::uint64_t head_chunk_files = 0;
  std::uint64_t head_chunks = 0;
  std::uint64_t damage = 0;
  std::uint64_t notices = 0;
};

/// Errors: not_found (no such directory), io (it cannot be listed). What is wrong inside is no error.
Result<VerifyTotals> verify_directory(io::FileSystem& fs, const std::string& directory,
                                      VerifyObserver& observer);

}  // namespace narthex::tsdb

// WAL: the log that lets a committed scrape survive kill -9.
//
// Files <dir>/00000000, 00000001, ... of at most segment_bytes, in pages of 32 KiB:
//   type u8 (low 3 bits: 1 full, 2 first, 3 middle, 4 last; bit 3 snappy; bit 4 zstd)
//   length u16 big-endian | CRC-32C u32 big-endian of data | data[length]
// Invariants: no fragment crosses a page; the rest of a page is zero bytes.
// Full format: Prometheus tsdb/docs/format/wal.md; must stay readable by Prometheus.
//
// A record is handed to the operating system before log() returns, so it survives kill -9;
// sync() makes it survive a power cut. After a failed or short write the segment is cut back
// to its last whole record before the next write; until that succeeds everything is refused.
//
// Threads: Wal is for any thread (one short critical section per log(); compression happens
// outside it). WalReader: one at a time, on segments that are not being written.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "tsdb/wal/framing.h"

namespace prometheus {
class Registry;
}

namespace narthex::tsdb {

enum class WalCompression : std::uint8_t { none, snappy, zstd };

struct WalOptions {
  std::uint64_t segment_bytes = 128 * 1024 * 1024;
  WalCompression compression = WalCompression::snappy;
};

inline constexpr std::size_t kWalPageBytes = 32 * 1024;

class Wal {
 public:
  using OnSegment = std::function<void(std::uint32_t segment)>;

  /// Opens `dir` for writing behind its last segment: always a new segment, as Prometheus does.
  /// The directory must have been repaired (repair_wal). @param registry may be null
  /// @param on_segment  called with the number of each segment that has begun, before its first
  ///                    record; under the log's mutex
  static Result<std::unique_ptr<Wal>> open(io::FileSystem& fs, std::string dir, WalOptions options,
                                           prometheus::Registry* registry, OnSegment on_segment = {});
  ~Wal();
  Wal(const Wal&) = delete;
  Wal& operator=(const Wal&) = delete;

  /// Writes the records, in order, as one group: all of them or none. Errors: io.
  /// @param written  called when they are, before another group can be written: what draws numbers
  ///                 there has them in the order of the log
  Result<void> log(std::span<const io::Bytes> records, const std::function<void()>& written = {});
  Result<void> log(io::Bytes record) { return log({&record, 1}); }
  /// fdatasync of the current segment.
  Result<void> sync();
  /// Closes the current segment (synced) and begins the next. @return the new segment's number
  /// Errors: io; if only the sync failed the next one has begun all the same, and the closed one is
  /// written anew before more is accepted.
  Result<std::uint32_t> cut_segment();
  /// Removes every segment below `segment`.
  Result<void> truncate_before(std::uint32_t segment);
  [[nodiscard]] std::uint32_t current_segment() const;
  /// All segments and checkpoints in the directory, as of the last change made through this.
  [[nodiscard]] std::uint64_t size_bytes() const;
  /// For prometheus_tsdb_wal_corruptions_total: what repair or replay found.
  void count_corruptions(std::uint64_t found);

 private:
  struct Impl;
  explicit Wal(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Where in the log something was found.
struct WalPosition {
  std::uint32_t segment = 0;
  std::uint64_t offset = 0;
};

/// Numbers of the segments in `dir`, ascending. Errors: corruption (not sequential), io.
Result<std::vector<std::uint32_t>> list_segments(io::FileSystem& fs, const std::string& dir);
/// Path of the newest checkpoint directory `<dir>/checkpoint.NNNNNNNN` and its number, if there is one.
Result<std::optional<std::pair<std::string, std::uint32_t>>> last_checkpoint(io::FileSystem& fs,
                                                                             const std::string& dir);

/// Reads the records of one segment file in order. A damaged record is reported and skipped:
/// reading goes on at the next record whose header, length and checksum hold.
class WalReader {
 public:
  /// @param damaged  called per gap with its position, length in bytes and reason
  using OnDamage = std::function<void(WalPosition, std::uint64_t bytes, const std::string& why)>;
  static Result<WalReader> open(io::FileSystem& fs, const std::string& path, std::uint32_t segment,
                                OnDamage damaged);
  ~WalReader();
  WalReader(WalReader&&) noexcept;

  /// The next record, decompressed; nothing at the end. Valid until the next call.
  std::optional<io::Bytes> next();
  /// The same as it stands there; whether it can be unpacked is still to be seen. In file(), or valid until
  /// the next call if it is assembled.
  std::optional<RawRecord> next_packed();
  /// Null for an empty segment.
  [[nodiscard]] std::shared_ptr<const io::Mapping> file() const;
  /// Behind the record that was returned last.
  [[nodiscard]] WalPosition position() const;

 private:
  struct Impl;
  explicit WalReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct WalRepair {
  std::vector<std::string> rewritten;  ///< segment files written anew without their bad records
  std::uint64_t dropped_bytes = 0;
  bool has_first = false;  ///< the record that was to stand first does
};

/// Makes every segment of `dir` readable to its end, as Prometheus would delete everything
/// behind the first bad record: a segment with damage is written anew without it (temporary,
/// sync, rename, sync of the directory), its old bytes are kept in `quarantine_dir`. A torn
/// end of the last segment is cut off the same way. Says each step in the log.
Result<WalRepair> repair_wal(io::FileSystem& fs, const std::string& dir, const std::string& quarantine_dir);
/// The same in two steps, for who reads the log anyway and so knows which segments are damaged:
/// first their names and numbers are set right (an empty segment stands in for a missing one), ...
Result<void> settle_segments(io::FileSystem& fs, const std::string& dir);
/// ... then those that are damaged are written anew.
/// @param first  a record that then stands at the beginning of the first of them: what could be made
///               good of those that were lost; empty: none
Result<WalRepair> repair_segments(io::FileSystem& fs, const std::string& dir,
                                  std::span<const std::uint32_t> segments, const std::string& quarantine_dir,
                                  io::Bytes first = {});

}  // namespace narthex::tsdb

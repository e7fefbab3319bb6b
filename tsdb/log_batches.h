// LogBatches: the records of a log, in order, unpacked ahead of whoever replays them.
//
//   LogSource      scans segments: packed records, checked, some tens of KiB at a time, one thread at a time
//   LogBatch       those records, and once somebody has unpacked it, what they hold
//   LogBatches     hands the batches out in order
//
// Unpacking is most of the work on a log and needs no order: helpers do it, and so does the thread that
// takes the batches whenever the next one is not ready. So no core waits for another while there is
// something to unpack, however the work is divided between unpacking and replaying.
// Threads: stated below.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "sync/mutex.h"
#include "tsdb/wal/compression.h"
#include "tsdb/wal/framing.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {

/// What a directory with segments is.
enum class LogKind : std::uint8_t { checkpoint, log, out_of_order };

struct LogDirectory {
  std::string path;
  LogKind kind = LogKind::log;
  std::uint32_t first = 0;  ///< segments before it are not read
};

/// Says in the log that part of a segment is skipped.
void warn_of_gap(const std::string& directory, WalPosition begin, std::uint64_t bytes,
                 const std::string& why);

/// Records of one segment. Threads: one at a time.
struct LogBatch {
  struct Record {
    RecordFlag flag = RecordFlag::plain;
    /// In the file; or, if it was scattered over pages there, from this place on in `assembled`.
    io::Bytes packed;
    std::optional<std::size_t> assembled_at;
    std::uint64_t offset = 0;  ///< in the segment, as `end`
    std::uint64_t end = 0;
    std::size_t begin = 0;  ///< in `content`
    std::size_t size = 0;
  };
  /// A record that could not be unpacked: its `size` is 0.
  struct Fault {
    std::size_t record;
    std::string why;
  };

  const LogDirectory* directory = nullptr;  ///< the source's
  std::uint32_t segment = 0;
  std::vector<Record> records;
  std::vector<Fault> faults;
  std::vector<std::byte> content;

  [[nodiscard]] io::Bytes content_of(const Record& r) const& {
    return io::Bytes(content).subspan(r.begin, r.size);
  }
  io::Bytes content_of(const Record& r) && = delete;

  void clear();
  void add(const RawRecord& record);
  [[nodiscard]] bool is_full() const;
  /// Fills `content` and `faults`.
  void unpack(RecordDecompressor& decompressor);

  std::shared_ptr<const io::Mapping> file;  ///< `packed` points into it
  std::vector<std::byte> assembled;
  std::size_t packed_bytes = 0;
};

/// Segments with something that is to be repaired, ascending.
struct DamagedSegments {
  std::vector<std::uint32_t> checkpoint, log, out_of_order;
  [[nodiscard]] std::vector<std::uint32_t>& of(LogKind kind);
  void add(LogKind kind, std::uint32_t segment);
};

/// Reads directories, one after the other. Threads: one at a time.
class LogSource {
 public:
  static Result<LogSource> open(io::FileSystem& fs, std::vector<LogDirectory> directories);

  /// The next records. @return  false: there are none, or outcome() is an error
  bool fill(LogBatch& batch);

  /// Errors: io.
  [[nodiscard]] const Result<void>& outcome() const { return outcome_; }
  [[nodiscard]] std::uint64_t count_segments() const { return next_; }
  [[nodiscard]] std::uint64_t count_segments(LogKind kind) const;
  /// Gaps that scanning has found.
  [[nodiscard]] std::uint64_t count_gaps() const { return progress_->gaps; }
  [[nodiscard]] const DamagedSegments& damaged() const { return progress_->damaged; }
  /// The last segment of the log ends inside a record.
  [[nodiscard]] bool is_cut_off() const { return progress_->is_cut_off; }

 private:
  struct Segment {
    std::size_t directory;
    std::uint32_t number;
  };
  /// Where it does not move: what a reader reports goes here.
  struct Progress {
    std::uint64_t gaps = 0;
    DamagedSegments damaged;
    bool is_cut_off = false;
  };
  LogSource(io::FileSystem& fs, std::vector<LogDirectory> directories)
      : fs_(&fs), directories_(std::make_unique<std::vector<LogDirectory>>(std::move(directories))) {}
  Result<void> open_segment();

  io::FileSystem* fs_;
  std::unique_ptr<std::vector<LogDirectory>> directories_;  ///< batches point to them
  std::vector<Segment> segments_;
  std::size_t next_ = 0;             ///< of segments_
  std::optional<WalReader> reader_;  ///< of the segment before that
  std::unique_ptr<Progress> progress_ = std::make_unique<Progress>();
  Result<void> outcome_;
};

class LogBatches {
 public:
  /// @param source  must outlive this, and is this' until then
  /// @param helpers  threads that unpack, beside the one that calls next()
  LogBatches(LogSource& source, std::size_t helpers);
  ~LogBatches();
  LogBatches(const LogBatches&) = delete;
  LogBatches& operator=(const LogBatches&) = delete;

  /// The next batch, unpacked; null at the end. Valid until the next call. Threads: one.
  const LogBatch* next();

 private:
  /// How far unpacking may be ahead: little enough for a cache that the cores share.
  static constexpr std::size_t kMostAhead = 16;
  /// Helpers that have found no room go on at so many.
  static constexpr std::size_t kEnoughAhead = kMostAhead / 2;
  struct Slot {
    LogBatch batch;  ///< of whoever fills it, or reads it
    bool is_ready = false;
  };
  enum class Step : std::uint8_t { unpacked, no_room, no_more };

  Slot& slot_of(std::uint64_t number) { return slots_[number % kMostAhead]; }
  /// Reads and unpacks one batch, if there is room for it.
  Step unpack_one(RecordDecompressor& decompressor);
  void help();

  sync::Mutex source_mutex_;  ///< before mutex_
  LogSource& source_ NARTHEX_GUARDED_BY(source_mutex_);

  sync::Mutex mutex_;
  std::condition_variable_any changed_;
  std::array<Slot, kMostAhead> slots_;
  std::uint64_t read_ NARTHEX_GUARDED_BY(mutex_) = 0;   ///< batches that were read
  std::uint64_t taken_ NARTHEX_GUARDED_BY(mutex_) = 0;  ///< batches that nobody needs any more
  bool ended_ NARTHEX_GUARDED_BY(mutex_) = false;
  bool holds_one_ = false;  ///< next() has given one out
  RecordDecompressor own_;
  std::vector<std::thread> helpers_;
};

}  // namespace narthex::tsdb

// DiskGuard: stops appending before the disk is full, and says when there is room again.
//
//             free < reserve
//   writable ----------------> read-only      retention, the cut of the head and the truncation
//            <----------------                of the log go on: they make room
//             free >= reserve and a quarter more
//
// <data>/narthex/reserve is a file of zeros that is given up when not even its own size is free any
// more, as when somebody else fills the disk: what must be written then (a repair, the end of a log
// segment, a tombstone) has room. It is made again when there is plenty.
//
// Threads: any.
#pragma once

#include <atomic>
#include <string>

#include "io/file_system.h"
#include "sync/mutex.h"
#include "tsdb/ceilings.h"

namespace narthex::tsdb {

class DiskGuard {
 public:
  DiskGuard(io::FileSystem& fs, std::string directory, const DiskReserve& reserve);

  /// Looks at the disk. A disk that does not say how much is free changes nothing.
  DiskState check();
  [[nodiscard]] DiskState state() const;
  [[nodiscard]] bool is_read_only() const { return read_only_.load(std::memory_order_relaxed); }
  /// Whether `bytes` may be written for a block, whose parents go only afterwards.
  [[nodiscard]] bool has_room_for(std::uint64_t bytes) const;
  /// How much has to be freed to be writable again; 0 if it is.
  [[nodiscard]] std::uint64_t missing_bytes() const;

 private:
  [[nodiscard]] std::string file() const { return directory_ + "/narthex/reserve"; }
  [[nodiscard]] std::uint64_t enough() const { return reserve_.free_bytes + reserve_.free_bytes / 4; }
  void change_state(std::uint64_t free);
  void keep_file(std::uint64_t free) NARTHEX_REQUIRES(mutex_);
  Result<void> make_file();

  io::FileSystem& fs_;
  const std::string directory_;
  const DiskReserve reserve_;
  std::atomic<std::uint64_t> free_bytes_{0};
  std::atomic<bool> read_only_{false};

  sync::Mutex mutex_;
  bool space_unknown_ NARTHEX_GUARDED_BY(mutex_) = false;
  bool file_failed_ NARTHEX_GUARDED_BY(mutex_) = false;
};

}  // namespace narthex::tsdb

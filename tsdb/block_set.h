// BlockSet: the blocks of a data directory, as it is on disk.
//
// A block with damage is set aside under <dir>/narthex/quarantine, unless a block that was
// compacted from it is there: then it is deleted, as it would have been anyway. A block that
// cannot be read for another reason (EIO, EACCES, too many open files) stays where it is and
// is tried again at each reload.
//
// Threads: one at a time for reload() and what changes the disk; snapshot() any.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "model/time.h"
#include "sync/mutex.h"
#include "tsdb/block/block.h"

namespace narthex::tsdb {

using Blocks = std::vector<std::shared_ptr<Block>>;

class BlockSet {
 public:
  BlockSet(io::FileSystem& fs, std::string directory);

  /// Removes what an interrupted run left half done: *.tmp-for-creation, *.tmp-for-deletion, *.tmp.
  Result<void> clean_up();
  /// Brings the set to what the directory holds. Errors: io (the directory cannot be listed).
  Result<void> reload();
  /// Adds one block that was just written. Errors: corruption, io.
  Result<std::shared_ptr<Block>> open_block(const std::string& ulid);
  void add(std::shared_ptr<Block> block);
  /// Deletes blocks whose newest sample is `retention` or more older than the newest block's.
  /// @return  how many
  Result<std::size_t> apply_retention(DurationMs retention);
  Result<void> remove(const std::string& ulid);

  /// Ascending by time.
  [[nodiscard]] Blocks snapshot() const;
  /// End of the newest block that was cut from a head in order, also if it cannot be opened
  /// now; kMinTime without any.
  [[nodiscard]] Timestamp newest_maxt() const;
  [[nodiscard]] std::uint64_t count_quarantined() const { return quarantined_; }
  [[nodiscard]] std::uint64_t size_bytes() const;

 private:
  [[nodiscard]] std::string path_of(const std::string& ulid) const { return directory_ + "/" + ulid; }
  void remember_unopened(const std::string& ulid, const Error& error);
  Result<void> set_aside(const std::string& ulid, const std::string& why);
  Result<void> publish_without_replaced(std::map<std::string, std::shared_ptr<Block>> loaded,
                                        const std::map<std::string, std::string>& damaged);
  void publish(const std::map<std::string, std::shared_ptr<Block>>& loaded);

  io::FileSystem& fs_;
  std::string directory_;
  std::uint64_t quarantined_ = 0;
  /// Newest end among blocks that could not be opened at the last reload.
  Timestamp unopened_maxt_ = kMinTime;
  mutable sync::Mutex mutex_;
  Blocks blocks_ NARTHEX_GUARDED_BY(mutex_);
};

}  // namespace narthex::tsdb

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
#include <functional>
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
  /// Sets aside folders of blocks without meta.json or index. Not later: somebody may be copying one.
  Result<void> clean_up();
  /// Brings the set to what the directory holds. Errors: io (the directory cannot be listed).
  Result<void> reload();
  /// Opens a block that was just written, without adding it. Errors: corruption, io.
  Result<std::shared_ptr<Block>> open_block(const std::string& ulid);
  /// Adds a block and takes away those that it names as its parents, both at once for queries.
  /// The directories of the parents go with the next reload().
  void add(std::shared_ptr<Block> block);
  /// Opens the block's directory again, after its files have changed. Errors: corruption, io.
  Result<void> reopen(const std::string& ulid);
  /// Writes the block's meta.json anew, as a whole. Errors: io; not_found (no such block).
  Result<void> write_meta(const std::string& ulid, const std::function<void(BlockMeta&)>& change);
  /// Takes blocks away from queries and then from the disk. Goes on after an error, the first of
  /// which it gives; what is left is deleted by a later call.
  Result<void> remove(const std::vector<std::string>& ulids);

  /// Ascending by time.
  [[nodiscard]] Blocks snapshot() const;
  /// End of the newest block that was cut from a head in order, also if it cannot be opened
  /// now; kMinTime without any. Blocks that begin after `now` are not: they were imported, or come from
  /// a clock that was ahead, and what comes now is older than them.
  [[nodiscard]] Timestamp newest_maxt(Timestamp now) const;
  [[nodiscard]] std::uint64_t count_quarantined() const { return quarantined_; }
  [[nodiscard]] std::uint64_t size_bytes() const;

 private:
  [[nodiscard]] std::string path_of(const std::string& ulid) const { return directory_ + "/" + ulid; }
  [[nodiscard]] std::map<std::string, std::shared_ptr<Block>> by_ulid() const;
  void delete_left_over(const std::string& name);
  Result<void> set_aside_if_incomplete(const std::string& ulid);
  Result<void> remove_directory(const std::string& ulid);
  void remember_unopened(const std::string& ulid, const Error& error);
  Result<void> set_aside(const std::string& ulid, const std::string& why);
  /// Publishes `loaded` without what a compacted block replaces, and deletes that.
  Result<void> settle(std::map<std::string, std::shared_ptr<Block>> loaded,
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

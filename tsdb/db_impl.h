// What is behind Db: its parts, and who may touch them.
//
// Lock order: maintenance_mutex, snapshot_mutex, expired_mutex, ooo_log_mutex, watch_mutex, view_mutex, then
// the head's own; retention_mutex is innermost. The first three are held over I/O: maintenance_mutex is the
// turn of whoever changes blocks and log, snapshot_mutex of whoever writes a snapshot of the head. view_mutex
// ties the list of blocks to what the head still shows, so that no query sees a sample twice or not at all.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "sync/mutex.h"
#include "sync/stop_token.h"
#include "tsdb/block_set.h"
#include "tsdb/compact/chunk_source.h"
#include "tsdb/compact/upload_list.h"
#include "tsdb/db.h"
#include "tsdb/db_metrics.h"
#include "tsdb/disk_guard.h"
#include "tsdb/head/head.h"
#include "tsdb/limit_metrics.h"
#include "tsdb/snapshot_store.h"
#include "tsdb/wal_replay.h"

namespace narthex::tsdb {

struct OooSnapshot;
struct ReplayReport;

struct Db::Impl {
  Impl(io::FileSystem& file_system, std::string dir, const DbOptions& db_options, const Clock& db_clock,
       prometheus::Registry* registry);
  ~Impl();

  // ---- Opening (db_open.cc)
  Result<void> open(prometheus::Registry* registry);
  [[nodiscard]] Result<void> check_float_encoding(bool xor2) const;
  /// Says in the log who will be able to read the directory.
  void tell_encodings() const;
  void tell_float_encoding() const;
  Result<void> take_lock();
  Result<void> load_blocks();
  Result<void> open_chunk_files(prometheus::Registry* registry);
  Result<void> replay();
  /// Series records of these references, which ascend, from copies of those that the log has lost.
  std::vector<SeriesRecord> other_names_of(std::span<const WalRef> refs);
  void report_replay(const ReplayReport& report, std::uint64_t mapped_chunks, double seconds);
  Result<void> remove_redundant_files();
  Result<void> repair_logs(const ReplayReport& report);

  // ---- Snapshots of the head (db_head_snapshot.cc)
  Result<void> write_snapshot() NARTHEX_EXCLUDES(snapshot_mutex);
  [[nodiscard]] bool is_snapshot_due() NARTHEX_EXCLUDES(snapshot_mutex);
  void snapshot_at_close();
  /// What a start with a snapshot has not read is checked, and repaired, behind it.
  Result<void> check_unread_log() NARTHEX_REQUIRES(maintenance_mutex);
  /// The log is damaged, and the snapshot knows samples of the records that are lost: all samples of the
  /// head go to files of chunks, where whoever reads the directory without the snapshot finds them.
  Result<void> put_samples_into_files();
  /// One that fits the directory.
  std::optional<SnapshotStore::Found> find_snapshot();
  /// Errors: corruption, with bad_snapshot set: the head is spoilt then.
  Result<void> restore(const SnapshotStore::Found& found);

  // ---- Maintenance (db_maintenance.cc)
  void run_in_background();
  /// What the head needs each second: a look at limits and clock, and full chunks moved to files.
  Result<void> tend_head();
  void map_in_background();
  void snapshot_in_background();
  [[nodiscard]] bool wait_for_stop(DurationMs interval);
  Result<void> maintain() NARTHEX_EXCLUDES(maintenance_mutex);
  Result<void> reload_blocks() NARTHEX_REQUIRES(maintenance_mutex);
  Result<void> map_chunks();
  bool collect() NARTHEX_REQUIRES(maintenance_mutex);
  Result<void> truncate_wal() NARTHEX_REQUIRES(maintenance_mutex);
  Result<void> write_checkpoint(Timestamp mint, std::uint32_t up_to_segment)
      NARTHEX_REQUIRES(maintenance_mutex);
  void update_metrics();

  // ---- Compaction (db_compaction.cc)
  Result<void> compact_head() NARTHEX_REQUIRES(maintenance_mutex);
  [[nodiscard]] bool is_head_due() NARTHEX_REQUIRES(maintenance_mutex);
  Result<void> cut_block() NARTHEX_REQUIRES(maintenance_mutex);
  Result<void> compact_blocks() NARTHEX_REQUIRES(maintenance_mutex);
  /// Whether the disk has room for what these blocks become, while they are still there.
  [[nodiscard]] bool has_room_for(const std::vector<std::string>& ulids);
  Result<void> merge_blocks(const std::vector<std::string>& ulids) NARTHEX_REQUIRES(maintenance_mutex);
  /// Writes a block from `sources` and opens it; null if it would be empty.
  Result<std::shared_ptr<Block>> write_block(const BlockMeta& meta,
                                             std::vector<std::unique_ptr<ChunkSource>> sources,
                                             bool from_head) NARTHEX_REQUIRES(maintenance_mutex);

  // ---- Late samples (db_ooo.cc)
  Result<void> set_out_of_order_window(DurationMs window);  // db_clock.cc, as the next
  /// Opens it wider while the newest sample is ahead of the clock. Each second.
  Result<void> apply_out_of_order_window();
  Result<void> open_out_of_order_log() NARTHEX_EXCLUDES(ooo_log_mutex);
  /// After replay: the log goes on if it holds something, or if there is a window.
  Result<void> continue_out_of_order_log();
  Result<void> sync_out_of_order_log() NARTHEX_EXCLUDES(ooo_log_mutex);
  Result<void> compact_out_of_order() NARTHEX_REQUIRES(maintenance_mutex);
  Result<void> write_out_of_order_blocks(const std::shared_ptr<const OooSnapshot>& snapshot,
                                         std::uint64_t end) NARTHEX_REQUIRES(maintenance_mutex);
  // ---- Deletion (db_deletion.cc)
  Result<void> delete_series(TimeRange range, std::span<const Matcher> matchers)
      NARTHEX_EXCLUDES(maintenance_mutex);
  Result<void> delete_in_block(const Block& block, TimeRange range, std::span<const Matcher> matchers)
      NARTHEX_REQUIRES(maintenance_mutex);
  Result<void> delete_in_head(TimeRange range, std::span<const Matcher> matchers)
      NARTHEX_REQUIRES(maintenance_mutex);
  Result<void> clean_tombstones() NARTHEX_EXCLUDES(maintenance_mutex);
  /// While opening: what a deletion that was cut short has left undone.
  void mend_tombstone_counts();
  /// Writes the block anew without what is deleted.
  Result<void> rewrite_block(const Block& block) NARTHEX_REQUIRES(maintenance_mutex);

  // ---- Snapshots (db_snapshot.cc)
  Result<std::string> snapshot(bool with_head) NARTHEX_EXCLUDES(maintenance_mutex);
  Result<void> fill_snapshot(const std::string& to, bool with_head) NARTHEX_REQUIRES(maintenance_mutex);

  // ---- Retention (db_retention.cc)
  Result<void> apply_retention() NARTHEX_REQUIRES(maintenance_mutex);
  void set_retention(const Retention& retention);
  /// Of everything in the data directory that is no block.
  [[nodiscard]] std::uint64_t other_bytes();
  /// What blocks and everything else may take together; 0: no limit.
  [[nodiscard]] std::uint64_t size_limit(const Retention& retention);

  /// While the disk is nearly full: the oldest blocks go early, where a limit on size says that they may.
  Result<void> make_room() NARTHEX_REQUIRES(maintenance_mutex);

  // ---- Limits (db_limits.cc)
  /// Looks at disk and memory: every second.
  void watch_limits() NARTHEX_EXCLUDES(watch_mutex);
  void say_what_is_refused() NARTHEX_REQUIRES(watch_mutex);

  // ---- Use (db.cc)
  Result<void> use_xor2_floats(bool xor2);
  Result<std::unique_ptr<storage::Querier>> querier(TimeRange range);
  Result<void> close();
  [[nodiscard]] Timestamp lowest_timestamp() const;

  [[nodiscard]] static std::size_t restart_threads() { return std::thread::hardware_concurrency(); }
  [[nodiscard]] std::string wal_directory() const { return directory + "/wal"; }
  [[nodiscard]] std::string ooo_log_directory() const { return directory + "/wbl"; }
  [[nodiscard]] std::string quarantine_directory() const { return directory + "/narthex/quarantine"; }

  io::FileSystem& fs;
  const std::string directory;
  const DbOptions options;
  const Clock& clock;
  prometheus::Registry* const metrics_registry;
  DbMetrics metrics;
  LimitMetrics limit_metrics;
  std::unique_ptr<io::FileLock> lock;
  SnapshotStore snapshots;
  std::unique_ptr<Wal> wal;  ///< tells `snapshots` of its segments
  std::unique_ptr<HeadChunkFiles> chunk_files;
  Head head;
  /// Of blocks; the head has been told too.
  std::atomic<bool> xor2_floats;
  std::atomic<std::uint64_t> damaged_records{0};
  std::atomic<bool> closed{false};

  sync::Mutex maintenance_mutex;
  sync::Mutex expired_mutex;
  /// References that are gone from the head, or other names of its series, and the time up to
  /// which the log may hold samples of theirs: checkpoints must keep their series records.
  std::map<WalRef, Timestamp> expired_refs NARTHEX_GUARDED_BY(expired_mutex);
  /// The head was truncated up to here, and the log not yet.
  Timestamp wal_due_before NARTHEX_GUARDED_BY(maintenance_mutex) = kMinTime;
  /// A block was cut from the head, and none of late samples since.
  bool ooo_due NARTHEX_GUARDED_BY(maintenance_mutex) = false;

  /// When the head was first seen to be due; nothing while it is not.
  std::optional<std::chrono::nanoseconds> head_due_since NARTHEX_GUARDED_BY(maintenance_mutex);
  /// How long it then waits.
  DurationMs compaction_delay NARTHEX_GUARDED_BY(maintenance_mutex) = 0;

  sync::Mutex ooo_log_mutex;
  /// Null until there is a window, or was one. Commits use it through the head.
  std::unique_ptr<Wal> ooo_log NARTHEX_GUARDED_BY(ooo_log_mutex);
  std::atomic<DurationMs> wanted_ooo_window{0};
  std::atomic<bool> head_is_ahead{false};
  sync::Mutex snapshot_mutex;
  /// Samples of the head that the newest snapshot covers, and when it was tried.
  std::uint64_t samples_at_snapshot NARTHEX_GUARDED_BY(snapshot_mutex) = 0;
  std::chrono::nanoseconds last_snapshot NARTHEX_GUARDED_BY(snapshot_mutex) = {};
  /// Segments below it, and the checkpoint, were not read at the start.
  std::uint32_t unread_before NARTHEX_GUARDED_BY(snapshot_mutex) = 0;
  /// A record for the log as soon as it is open.
  std::vector<std::byte> names_to_log;
  /// While opening: only older ones than this are looked at, and one that turned out to be no good.
  std::uint32_t snapshots_below = ~std::uint32_t{0};
  std::optional<std::uint32_t> bad_snapshot;

  sync::Mutex retention_mutex;
  Retention retention NARTHEX_GUARDED_BY(retention_mutex);

  const UploadList uploads;
  DiskGuard disk;

  sync::Mutex watch_mutex;
  /// When what was done last; nothing: never yet.
  std::optional<std::chrono::nanoseconds> memory_measured NARTHEX_GUARDED_BY(watch_mutex);
  std::optional<std::chrono::nanoseconds> window_began NARTHEX_GUARDED_BY(watch_mutex);
  std::optional<std::chrono::nanoseconds> refusals_said NARTHEX_GUARDED_BY(watch_mutex);
  std::uint64_t refusals_seen NARTHEX_GUARDED_BY(watch_mutex) = 0;

  mutable sync::Mutex view_mutex;
  BlockSet blocks;

  sync::Mutex thread_mutex;
  std::condition_variable_any wake;
  bool stopping NARTHEX_GUARDED_BY(thread_mutex) = false;
  /// Ends what the threads are at.
  sync::StopSource stop;
  std::thread thread;
  std::thread mapping_thread;
  std::thread snapshot_thread;
};

}  // namespace narthex::tsdb

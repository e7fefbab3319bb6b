// Db: the time series database: head, WAL and blocks of one Prometheus data directory.
//
// Opening repairs and replays the WAL, opens the blocks (a corrupt one is set aside under
// <dir>/narthex/quarantine with a log line and a metric, never a refusal to start), and then
// accepts appends. A background thread cuts the head into a block when it spans more than
// one and a half block ranges, merges blocks into larger ones and deletes those that are past
// the retention.
//
// Threads: any, but for open() and close().
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/file_system.h"
#include "model/clock.h"
#include "model/result.h"
#include "storage/appender.h"
#include "storage/exemplar.h"
#include "storage/querier.h"
#include "tsdb/block/block_meta.h"
#include "tsdb/block/chunk_segment.h"
#include "tsdb/ceilings.h"
#include "tsdb/compact/retention.h"
#include "tsdb/wal/wal.h"

namespace prometheus {
class Registry;
}

namespace narthex::tsdb {

struct DbOptions {
  WalOptions wal;
  DurationMs min_block_range = 2 * 3600 * 1000;
  /// Blocks are merged into ones of 3, 9, ... times the smallest range up to this; below three
  /// times of it they are not.
  DurationMs max_block_range = 0;
  bool merge_overlapping_blocks = true;
  /// File that names blocks which may be compacted (UploadList); empty: all may.
  std::string upload_list = {};
  std::uint64_t chunk_segment_bytes = kChunkSegmentBytes;
  /// The head is cut later by a random time, of up to so many percent of the block range.
  int compaction_delay_percent = 0;
  Retention retention = {.time = 15LL * 24 * 3600 * 1000};
  bool no_lockfile = false;
  DurationMs background_interval = 60'000;  ///< 0: only when run_background_once() is called
  std::uint64_t max_exemplars = 0;          ///< 0: none are kept
  /// Start timestamps are kept: in the log with record types 11 to 13, of floats in chunks too; needs
  /// xor2_floats. Prometheus 3.11 and later read that.
  bool st_storage = false;
  /// Chunks of floats are XOR2 from the start; see Db::use_xor2_floats().
  bool xor2_floats = false;
  /// Chunks of histograms keep start timestamps. Prometheus 3.14 and later read that.
  bool histograms_with_start = false;
  /// For replayed test scripts: accept samples of any age.
  bool no_time_bounds = false;
  HeadCeilings ceilings = {};
  DiskReserve reserve = {};
};

/// Bytes by part, as /metrics and /api/v1/status/tsdb show them.
struct HeadMemory {
  std::uint64_t labels = 0;
  std::uint64_t postings = 0;
  std::uint64_t series = 0;  ///< their state, but for labels and chunks
  std::uint64_t open_chunks = 0;
  std::uint64_t full_chunks = 0;
  std::uint64_t lookup = 0;  ///< from labels to series
  std::uint64_t metadata = 0;
  std::uint64_t exemplars = 0;
  std::uint64_t batches = 0;      ///< room of samples on their way, kept for the next ones
  std::uint64_t log_buffers = 0;  ///< records on their way into the log

  [[nodiscard]] std::uint64_t total() const {
    return labels + postings + series + open_chunks + full_chunks + lookup + metadata + exemplars + batches +
           log_buffers;
  }
};

struct NamedCount {
  std::string name;
  std::uint64_t count;
};

struct HeadStats {
  std::uint64_t series = 0;
  std::uint64_t label_pairs = 0;
  std::uint64_t chunks = 0;
  std::uint64_t histogram_series = 0;   ///< whose newest sample is a native histogram
  std::uint64_t histogram_buckets = 0;  ///< of these samples
  Timestamp mint = kMaxTime;            ///< kMaxTime and kMinTime while empty
  Timestamp maxt = kMinTime;
  HeadMemory memory;
};

/// The four top-N tables of /api/v1/status/tsdb.
struct CardinalityStats {
  std::vector<NamedCount> series_by_metric_name;
  std::vector<NamedCount> values_by_label_name;
  std::vector<NamedCount> bytes_by_label_name;
  std::vector<NamedCount> series_by_label_pair;  ///< name is `label=value`
};

class Db final : public storage::Appendable, public storage::Queryable, public storage::ExemplarQueryable {
 public:
  /// @param registry  prometheus_tsdb_* metrics; may be null
  /// Errors: io, unavailable (another server has the directory), invalid (options at odds)
  static Result<std::unique_ptr<Db>> open(io::FileSystem& fs, std::string directory, DbOptions options,
                                          const Clock& clock, prometheus::Registry* registry);
  ~Db() override;

  std::unique_ptr<storage::Appender> appender() override;
  Result<std::unique_ptr<storage::Querier>> querier(TimeRange range) override;
  Result<std::vector<storage::SeriesExemplars>> exemplars(
      TimeRange range, std::span<const std::vector<Matcher>> selectors) override;

  /// Keeps as many exemplars from now on. Threads: any.
  void set_max_exemplars(std::uint64_t most);

  /// Deletes the samples in `range` of the series that match: no query finds them any more, also
  /// after a crash; their space is free when a block is written anew without them. Waits for a
  /// compaction that is under way. Errors: io, corruption; what could be deleted is.
  Result<void> delete_series(TimeRange range, std::span<const Matcher> matchers);
  /// Writes blocks with deleted samples anew without them. Errors: io, corruption, cancelled (closing).
  Result<void> clean_tombstones();
  /// Makes <directory>/snapshots/<name>, which a server can be started on: blocks share their files
  /// with it, the head, if wanted, becomes a block. @return  the name. Errors: io, corruption.
  Result<std::string> snapshot(bool with_head);

  /// One round of what the background thread does: reload blocks, retention, cut the head if due,
  /// compaction.
  Result<void> run_background_once();
  /// What the background does every second: a look at disk and memory; full chunks of the head go
  /// to files.
  Result<void> run_mapping_once();
  /// New chunks of floats are XOR2 (encoding 4) from now on, or XOR. Errors: invalid (XOR cannot keep
  /// the start timestamps that the options ask for). Threads: any.
  Result<void> use_xor2_floats(bool xor2);
  /// Heeded from the next round on.
  void set_retention(const Retention& retention);
  /// Stops the background thread, syncs the WAL, gives up the lock.
  Result<void> close();

  /// Brings the gauges in the registry up to date: call it before they are read. Threads: any.
  void refresh_metrics();

  [[nodiscard]] HeadStats head_stats() const;
  [[nodiscard]] CeilingStats ceiling_stats() const;
  [[nodiscard]] const HeadCeilings& ceilings() const;
  /// As of the last look at the disk, a second ago at most.
  [[nodiscard]] DiskState disk_state() const;
  [[nodiscard]] CardinalityStats cardinality(std::size_t limit) const;
  [[nodiscard]] std::vector<BlockMeta> blocks() const;
  /// Oldest sample in blocks or head; kMaxTime while empty.
  [[nodiscard]] Timestamp lowest_timestamp() const;
  [[nodiscard]] std::uint64_t count_corruptions() const;

 private:
  struct Impl;
  explicit Db(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace narthex::tsdb

// HeadAppender: a batch on its way into the head.
//
//   append()  collects
//   commit()  turns of its shards -> one WAL series record, one WAL samples record -> a sweep over
//             the batch, in its order, that checks each sample and pushes it into its series' chunk
//             -> publish
//
// The series of a target share a shard, so a scrape takes one turn, and scrapes of targets in other
// shards are encoded, compressed and swept beside it; only the write to the log is one at a time.
//
// Plain floats are the rule; everything else is in an ExtraBatch (head_appender_extra.cc). Start
// timestamps stand beside the floats (head_appender_starts.cc).
// A batch that cannot be logged leaves nothing behind: its new series are forgotten.
// Threads: one at a time per appender; any number of appenders.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "storage/appender.h"
#include "tsdb/head/extra_batch.h"
#include "tsdb/head/head_state.h"

namespace narthex::tsdb {

/// What a commit hands to the log. Keeps its memory for the next one.
class LogBuffers {
 public:
  LogBuffers() = default;
  ~LogBuffers();
  LogBuffers(const LogBuffers&) = delete;
  LogBuffers& operator=(const LogBuffers&) = delete;

  /// Of all threads, as of their last clear().
  [[nodiscard]] static std::uint64_t all_bytes();

  std::vector<SampleRecord> records;
  std::vector<Timestamp> starts;  ///< of the records; empty if none has one
  std::vector<std::byte> series;
  std::vector<std::byte> samples;
  std::vector<io::Bytes> group;

  void clear();

 private:
  void count(std::uint64_t bytes);

  std::uint64_t counted_ = 0;
};

class HeadAppender final : public storage::Appender {
 public:
  explicit HeadAppender(HeadState& head);
  ~HeadAppender() override;

  Result<storage::SeriesRef, storage::AppendFault> series(const Labels& labels) override;
  using storage::Appender::append;
  void append(std::span<const storage::RefSample> samples) override;
  void append(std::span<const storage::RefSample> samples, std::span<const Timestamp> starts) override;
  Result<void> append_histogram(storage::SeriesRef ref, Timestamp t, AnyHistogram value,
                                Timestamp st) override;
  Result<bool, storage::AppendFault> append_start_zero(storage::SeriesRef ref, Timestamp t, Timestamp st,
                                                       const AnyHistogram* like) override;
  Result<void, storage::ExemplarFault> append_exemplar(storage::SeriesRef ref,
                                                       const storage::Exemplar& exemplar) override;
  void set_metadata(storage::SeriesRef ref, const storage::Metadata& metadata) override;
  Result<storage::CommitStats> commit() override;
  void rollback() override;

 private:
  /// A commit on its way through the batch.
  struct Sweep {
    Isolation::Commit commit;
    Timestamp oldest;  ///< that is accepted
    storage::CommitStats& stats;
    Timestamp mint = kMaxTime;
    Timestamp maxt = kMinTime;
    std::uint64_t chunks = 0;
    std::uint64_t histograms = 0;  ///< of stats.appended
  };
  /// The same for a slice, relative to the shard's epoch.
  struct Marks {
    std::uint32_t commit;
    std::uint32_t seen_by_all;  ///< series with a newer commit are seen in an older state by some reader
  };

  // ---- Under the turns of shards_
  [[nodiscard]] ShardMask touched_shards() const;
  void resolve(storage::CommitStats& stats, LogBuffers& buffers);
  void resolve_starts(LogBuffers& buffers);
  Result<Isolation::Commit> log(LogBuffers& buffers);
  /// Some of `buffers.records`.
  void encode_floats(const LogBuffers& buffers, std::size_t first, std::size_t count,
                     std::vector<std::byte>& out);
  void publish_series();
  Sweep sweep(Isolation::Commit commit, storage::CommitStats& stats);
  void sweep_floats(std::size_t begin, std::size_t end, Sweep& sweep);
  void sweep_floats_by_shard(std::size_t begin, std::size_t end, Sweep& sweep);
  static Marks begin_slice(HeadShard& shard, const Sweep& sweep) NARTHEX_REQUIRES(shard.mutex);
  /// The series, whose newest sample is at `newest`, is about to get another one.
  static void begin_change(HeadShard& shard, Ordinal ordinal, Timestamp newest, const Marks& marks,
                           const Sweep& sweep) NARTHEX_REQUIRES(shard.mutex) {
    HotSeries& s = shard.hot[ordinal];
    if (s.commit == marks.commit) return;
    if (s.commit > marks.seen_by_all) [[unlikely]] {
      shard.side.push(ordinal, shard.epoch + s.commit, s.visible_maxt, sweep.commit.id);
    }
    s.visible_maxt = newest;
    s.commit = marks.commit;
  }
  /// @param starts  one for each sample, or none at all
  static void sweep_slice(HeadShard& shard, std::span<const storage::RefSample> samples,
                          std::span<const Timestamp> starts, std::size_t first, Sweep& sweep)
      NARTHEX_REQUIRES(shard.mutex);
  template <bool kStarts>
  static void sweep_slice_of(HeadShard& shard, std::span<const storage::RefSample> samples,
                             std::span<const Timestamp> starts, std::size_t first, Sweep& sweep)
      NARTHEX_REQUIRES(shard.mutex);
  Result<bool, storage::AppendFault> check_start_zero(storage::SeriesRef ref, Timestamp t, Timestamp st,
                                                      const AnyHistogram* zero) const;
  static std::optional<storage::AppendFault> fault_of(const HeadShard& shard, Ordinal ordinal,
                                                      const storage::RefSample& sample, Timestamp oldest)
      NARTHEX_REQUIRES(shard.mutex);
  static bool is_of_histograms(const HeadShard& shard, Ordinal ordinal) NARTHEX_REQUIRES(shard.mutex);
  void count(const storage::CommitStats& stats, std::uint64_t histograms);
  void forget_series();
  void begin();
  void clear();

  // ---- What is not a plain float (head_appender_extra.cc)
  ExtraBatch& extra();
  void append_among_histograms(std::span<const storage::RefSample> samples,
                               std::span<const Timestamp> starts);
  void resolve_extra(storage::CommitStats& stats);
  void encode_extra(LogBuffers& buffers);
  void sweep_extra(Sweep& sweep);
  static void sweep_histograms(HeadShard& shard, std::span<const ExtraBatch::PendingHistogram> histograms,
                               Sweep& sweep) NARTHEX_REQUIRES(shard.mutex);
  void apply_extra();

  /// Calls f(shard) for each of `shards_`, under the shard's mutex.
  template <class F>
  void for_each_shard(F&& f) {
    for (HeadShard& shard : head_.shards) {
      if ((shards_ >> shard.number & 1) == 0) continue;
      const sync::MutexLock lock(shard.mutex);
      f(shard);
    }
  }

  HeadState& head_;
  bool active_ = false;
  /// That the commit under way is about.
  ShardMask shards_ = 0;
  std::vector<storage::RefSample> samples_;
  /// Start timestamps of samples_; empty if none has one.
  std::vector<Timestamp> starts_;
  /// Null while there are plain floats only.
  std::unique_ptr<ExtraBatch> extra_;
  /// Series that no commit has logged yet.
  struct NewSeries {
    Ordinal ordinal;
    SeriesRecord record;
  };
  std::vector<NewSeries> new_series_;
};

/// What a new series gets by its target.
struct Placement {
  std::size_t shard;
  /// Where the first chunk of a range ends, see series_chunks.h: series of one target end theirs
  /// together, targets apart from each other.
  std::uint8_t stagger;
};
Placement placement_of(const Labels& labels);
/// Moves the epoch of the commit numbers in all series up, when they would outgrow 32 bits.
void rebase_commits(HeadShard& shard, CommitId new_epoch) NARTHEX_REQUIRES(shard.mutex);

}  // namespace narthex::tsdb

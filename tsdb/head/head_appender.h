// HeadAppender: a batch on its way into the head.
//
//   append()  collects
//   commit()  one WAL series record, one WAL samples record -> a sweep over the batch, in its
//             order, that checks each sample and pushes it into its series' chunk -> publish
//             Late samples are put aside by the sweep: see head_appender_ooo.cc.
//
// Plain floats are the rule; everything else is in an ExtraBatch (head_appender_extra.cc).
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

class HeadAppender final : public storage::Appender {
 public:
  explicit HeadAppender(HeadState& head);
  ~HeadAppender() override;

  Result<storage::SeriesRef, storage::AppendFault> series(const Labels& labels) override;
  using storage::Appender::append;
  void append(std::span<const storage::RefSample> samples) override;
  Result<void> append_histogram(storage::SeriesRef ref, Timestamp t, AnyHistogram value,
                                Timestamp st) override;
  Result<void, storage::ExemplarFault> append_exemplar(storage::SeriesRef ref,
                                                       const storage::Exemplar& exemplar) override;
  void set_metadata(storage::SeriesRef ref, const storage::Metadata& metadata) override;
  void accept_out_of_order(bool accept) override;
  Result<storage::CommitStats> commit() override;
  void rollback() override;

 private:
  /// A sample that came late and is accepted.
  struct LateSample {
    Ordinal ordinal;
    OooSample sample;
  };
  /// A commit on its way through the batch.
  struct Sweep {
    Isolation::Commit commit;
    Timestamp oldest;  ///< that is accepted
    storage::CommitStats& stats;
    Timestamp mint = kMaxTime;
    Timestamp maxt = kMinTime;
    std::uint64_t chunks = 0;
    std::uint64_t histograms = 0;  ///< of stats.appended
    Timestamp head_maxt = 0;       ///< newest sample of all series before this commit
    DurationMs window = 0;         ///< how much older than that late samples may be
    std::vector<LateSample> late;
    std::vector<DurationMs> delays;  ///< of late samples, accepted or not
  };
  /// The same for a slice, relative to the shard's epoch.
  struct Marks {
    std::uint32_t commit;
    std::uint32_t seen_by_all;  ///< series with a newer commit are seen in an older state by some reader
  };

  void resolve(storage::CommitStats& stats) NARTHEX_REQUIRES(head_.commit_turn);
  Result<void> log() NARTHEX_REQUIRES(head_.commit_turn);
  void publish_series() NARTHEX_REQUIRES(head_.commit_turn);
  Sweep sweep(Isolation::Commit commit, storage::CommitStats& stats) NARTHEX_REQUIRES(head_.commit_turn);
  void sweep_floats(std::size_t begin, std::size_t end, Sweep& sweep) NARTHEX_REQUIRES(head_.commit_turn);
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
  void sweep_slice(HeadShard& shard, std::span<const storage::RefSample> samples, std::size_t first,
                   Sweep& sweep) NARTHEX_REQUIRES(shard.mutex);
  static std::optional<storage::AppendFault> fault_of(const HeadShard& shard, Ordinal ordinal,
                                                      const storage::RefSample& sample, Timestamp oldest)
      NARTHEX_REQUIRES(shard.mutex);
  void count(const storage::CommitStats& stats, const Sweep& sweep);
  void forget_series() NARTHEX_REQUIRES(head_.commit_turn);
  void begin();
  void clear();

  // ---- What is not a plain float (head_appender_extra.cc)
  ExtraBatch& extra();
  void append_among_histograms(std::span<const storage::RefSample> samples);
  void resolve_extra(storage::CommitStats& stats) NARTHEX_REQUIRES(head_.commit_turn);
  void encode_extra() NARTHEX_REQUIRES(head_.commit_turn);
  void sweep_extra(Sweep& sweep) NARTHEX_REQUIRES(head_.commit_turn);
  void sweep_histograms(HeadShard& shard, std::span<const ExtraBatch::PendingHistogram> histograms,
                        Sweep& sweep) NARTHEX_REQUIRES(shard.mutex);
  void apply_extra() NARTHEX_REQUIRES(head_.commit_turn);

  // ---- What comes late (head_appender_ooo.cc)
  /// For a float, the number `number` of the batch's, or histogram `number`, that is not in order.
  /// @return  why it is refused all the same; nothing: it was put aside
  std::optional<storage::AppendFault> take_late(const HeadShard& shard, Ordinal ordinal,
                                                const storage::RefSample& sample, std::size_t number,
                                                storage::AppendFault fault, Sweep& sweep) const
      NARTHEX_REQUIRES(shard.mutex);
  std::optional<storage::AppendFault> take_late(Ordinal ordinal,
                                                const ExtraBatch::PendingHistogram& histogram,
                                                storage::AppendFault fault, Sweep& sweep) const;
  std::optional<storage::AppendFault> fault_of_late(Timestamp t, std::size_t index,
                                                    storage::AppendFault fault, Sweep& sweep) const;
  /// Newest sample of all before this commit; in an empty head, as in Prometheus, the first of the batch.
  [[nodiscard]] Timestamp newest_before() const;
  /// Puts what was put aside into memory and into its log. Errors: io; the samples are in memory then.
  Result<void> append_out_of_order(Sweep& sweep) NARTHEX_REQUIRES(head_.commit_turn);
  [[nodiscard]] std::size_t count_samples() const;
  class LateBatch;

  HeadState& head_;
  bool active_ = false;
  std::vector<storage::RefSample> samples_;
  /// Null while there are plain floats only.
  std::unique_ptr<ExtraBatch> extra_;
  /// Series that no commit has logged yet.
  struct NewSeries {
    Ordinal ordinal;
    SeriesRecord record;
  };
  std::vector<NewSeries> new_series_;
  /// Numbers of samples from which on late ones are refused, accepted, refused and so on.
  std::vector<std::size_t> ooo_turns_;
};

/// Where the first chunk of a range ends, see series_chunks.h. Series of one target end theirs
/// together, targets apart from each other.
std::uint8_t stagger_of(const Labels& labels);
/// Moves the epoch of the commit numbers in all series up, when they would outgrow 32 bits.
void rebase_commits(HeadShard& shard, CommitId new_epoch) NARTHEX_REQUIRES(shard.mutex);

}  // namespace narthex::tsdb

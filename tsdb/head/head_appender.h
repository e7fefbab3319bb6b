// HeadAppender: a batch on its way into the head.
//
//   append()  collects
//   commit()  one WAL series record, one WAL samples record -> a sweep over the batch, in its
//             order, that checks each sample and pushes it into its series' chunk -> publish
//
// A batch that cannot be logged leaves nothing behind: its new series are forgotten.
// Threads: one at a time per appender; any number of appenders.
#pragma once

#include <memory>
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
  Result<void, storage::ExemplarFault> append_exemplar(storage::SeriesRef ref,
                                                       const storage::Exemplar& exemplar) override;
  void set_metadata(storage::SeriesRef ref, const storage::Metadata& metadata) override;
  Result<storage::CommitStats> commit() override;
  void rollback() override;

 private:
  struct Applied;
  void resolve(storage::CommitStats& stats) NARTHEX_REQUIRES(head_.commit_turn);
  void resolve_extra() NARTHEX_REQUIRES(head_.commit_turn);
  Result<void> log() NARTHEX_REQUIRES(head_.commit_turn);
  void publish_series() NARTHEX_REQUIRES(head_.commit_turn);
  void sweep(Isolation::Commit commit, storage::CommitStats& stats) NARTHEX_REQUIRES(head_.commit_turn);
  static void sweep_slice(HeadShard& shard, std::span<const storage::RefSample> samples, std::size_t first,
                          Isolation::Commit commit, Timestamp oldest, Applied& applied)
      NARTHEX_REQUIRES(shard.mutex);
  void apply_extra() NARTHEX_REQUIRES(head_.commit_turn);
  void forget_series() NARTHEX_REQUIRES(head_.commit_turn);
  ExtraBatch& extra();
  void begin();
  void clear();

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
};

/// Where the first chunk of a range ends, see series_chunks.h. Series of one target end theirs
/// together, targets apart from each other.
std::uint8_t stagger_of(const Labels& labels);
/// Moves the epoch of the commit numbers in all series up, when they would outgrow 32 bits.
void rebase_commits(HeadShard& shard, CommitId new_epoch) NARTHEX_REQUIRES(shard.mutex);

}  // namespace narthex::tsdb

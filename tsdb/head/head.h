// Head: the newest hours of all series, in memory, behind the WAL.
//
//   append -> [pair dictionary, postings, lookup] + [hot line, open chunk, full chunks]
//   cut a block -> hide_before(T): new readers take [.., T) from the block
//   collect() -> frees what is hidden, once no older reader is open
//
// Threads: any, but for replay, which comes before everything else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "model/result.h"
#include "storage/appender.h"
#include "storage/querier.h"
#include "tsdb/compact/chunk_source.h"
#include "tsdb/db.h"
#include "tsdb/head/head_state.h"
#include "tsdb/head/snapshot_file.h"
#include "tsdb/head/snapshot_state.h"

namespace narthex::tsdb {

struct MappedCursor;
struct OooSnapshot;
struct ReplayBlock;
struct ReplayItem;
struct ReplaySection;
struct UnmatchedSeries;

class Head {
 public:
  /// @param registry  may be null
  Head(const HeadOptions& options, prometheus::Registry* registry);
  ~Head();

  /// From here on commits are logged to `wal`, which must outlive them.
  void start_logging(Wal& wal);
  /// Waits for the commit under way; later ones are refused.
  void stop();

  /// Late samples of this age, counted from the newest sample of all, are accepted from here on; 0: none.
  void set_out_of_order_window(DurationMs window);
  /// From here on they are logged to `log`, which must outlive them.
  void start_out_of_order_log(Wal& log);

  std::unique_ptr<storage::Appender> appender();
  std::unique_ptr<storage::Querier> querier(TimeRange range);
  /// The head's series with their chunks, as of now. Deleted samples are in the chunks still.
  std::unique_ptr<ChunkSource> chunk_source(TimeRange range);

  /// Deletes the samples in `range` of the series that match, which stay in their chunks but are
  /// in no query and no block any more. @return  how many series had any
  /// Errors: io (nothing is deleted then), unavailable (stopped). Source: Prometheus Head.Delete
  Result<std::size_t> remove(TimeRange range, std::span<const Matcher> matchers);

  // ---- Replay: what files and the log hold, before start_logging(). One thread.

  /// Reads which chunks lie in the files (use_chunk_files() came first): samples that they hold
  /// are then skipped. Before the first series. Errors: io.
  /// @param snapshot  what will be restored, or null: it has the chunks up to its end
  Result<HeadChunkFiles::Loaded> replay_chunk_files(const SnapshotState* snapshot = nullptr);
  /// The same in a thread of its own, beside which series are replayed. Before anything else is replayed, and
  /// at the end, it is waited for, and `on_loaded` is called.
  void replay_chunk_files_beside(std::function<void(Result<HeadChunkFiles::Loaded>)> on_loaded);
  /// Samples are applied, and chunks taken over, by so many threads from here on.
  void replay_with_threads(std::size_t threads);
  /// A series record; a second reference for the same labels becomes another name of the series.
  void replay_series(const SeriesRecord& series);
  /// Samples that the head would refuse now (older, repeated, before min_valid) are dropped.
  /// @param starts  their start timestamps; empty: none has one
  /// @return  how many had a reference that no series record had named
  std::size_t replay_samples(std::span<const SampleRecord> samples, std::span<const Timestamp> starts = {});
  /// Replays a record of type samples (2) if it is like others before it. @return  how many samples it has;
  /// 0: it is to be decoded, and replay_samples() called
  std::size_t replay_repeated(io::Bytes record) NARTHEX_UNCHECKED;
  /// That will be called with the record soon.
  void prefetch_repeated(io::Bytes record) const;
  /// The samples of that record were replayed: those like it may be known from now on.
  void note_repeated(io::Bytes record, std::span<const SampleRecord> samples) NARTHEX_UNCHECKED;
  std::size_t replay_histograms(std::vector<HistogramRecord> histograms);
  std::size_t replay_exemplars(std::span<const ExemplarRecord> exemplars);
  std::size_t replay_metadata(std::span<const MetadataRecord> metadata);
  /// What the log of late samples holds, after everything else. @return  how many had an unknown reference
  /// @param starts  start timestamps of the samples, or none at all
  std::size_t replay_out_of_order(std::span<const SampleRecord> samples,
                                  std::span<const Timestamp> starts = {});
  std::size_t replay_out_of_order(std::vector<HistogramRecord> histograms);
  std::size_t replay_markers(std::span<const MmapMarkerRecord> markers);
  /// Samples of the series in `range` were deleted; all of time means that the series itself
  /// was, and that a later record with its labels is a new one. @return  false: unknown reference
  bool replay_deletion(WalRef ref, TimeRange range);
  /// References that samples had, and no series record up to them.
  [[nodiscard]] std::vector<WalRef> unnamed_refs() const;
  /// How many entries of the log such a reference had.
  [[nodiscard]] std::uint64_t count_unnamed(WalRef ref) const;
  /// A reference that had been unnamed has a series by now, whose samples will all be replayed again:
  /// gives up what it has of them. @return  false: it is unnamed still
  bool replay_again(WalRef ref) NARTHEX_UNCHECKED;
  /// After the last record: forgets the other names. @return  references that name no series any more, or one
  /// that goes by another
  std::vector<WalRef> finish_replay(LateLog late_log = LateLog::missing_or_damaged);
  /// Writes the chunk files anew if replay found some missing in the middle, or twice. Before
  /// start_logging(). Errors: io, corruption.
  Result<void> tidy_chunk_files();

  // ---- Blocks

  /// Samples before `t` are in blocks: they are not accepted any more.
  void refuse_before(Timestamp t);
  /// True when the head spans more than one and a half block ranges.
  [[nodiscard]] bool is_compactable() const;
  /// New readers see only samples from `t` on, and collect() may free what lies before.
  /// refuse_before(t) came first.
  void hide_before(Timestamp t);
  /// Late samples up to here become blocks.
  struct OooBoundary {
    std::uint64_t chunk = 0;    ///< chunks below it
    std::uint32_t segment = 0;  ///< segments of their log below it hold them
  };
  /// Begins a segment of the log of late samples and closes all their chunks. Errors: io.
  Result<OooBoundary> close_out_of_order();
  std::shared_ptr<const OooSnapshot> out_of_order_snapshot(const OooBoundary& boundary);
  /// Samples of the snapshot inside `range`, which may be used while nothing is collected.
  std::unique_ptr<ChunkSource> out_of_order_source(std::shared_ptr<const OooSnapshot> snapshot,
                                                   TimeRange range);
  /// New readers do not see chunks of late samples below `number`, and collect() may free them.
  void hide_out_of_order_before(std::uint64_t number);
  /// Whether late samples may lie in the range.
  [[nodiscard]] bool overlaps_out_of_order(TimeRange range) const {
    return state_.overlaps_out_of_order(range);
  }
  [[nodiscard]] Timestamp ooo_mint() const { return state_.ooo_mint.load(std::memory_order_relaxed); }
  struct Collected {
    std::size_t series = 0;
    std::size_t chunks = 0;
    /// References of the collected series.
    std::vector<WalRef> refs;
  };
  /// Frees what hide_before() has hidden; nothing while a reader from before it is open.
  std::optional<Collected> collect();
  /// From here on full chunks go to `files` when map_chunks() is called. Before the first append.
  void use_chunk_files(HeadChunkFiles& files);
  /// Writes full chunks that are in memory to their files. Commits and queries go on meanwhile.
  /// @return  how many. Errors: io; what could not be written stays in memory for the next call
  Result<std::size_t> map_chunks();
  /// The same with all samples there are: open chunks become full ones before, and the files are synced.
  Result<std::size_t> map_all_chunks();
  /// Bytes of full chunks that map_chunks() would write, roughly.
  [[nodiscard]] std::size_t unmapped_bytes() const;
  /// Removes chunk files that no series needs any more. After collect().
  Result<void> truncate_chunk_files();
  /// References of all series that live.
  [[nodiscard]] std::vector<WalRef> live_refs() const;
  /// Series records of those that live and whose reference is not among `named`, which ascends.
  [[nodiscard]] std::vector<SeriesRecord> series_besides(std::span<const WalRef> named) const;

  /// Float chunks that are full from now on are XOR2 (encoding 4), or XOR.
  void use_xor2_floats(bool xor2);
  // ---- Snapshots: docs/formats/head-snapshot.md

  /// Writes the head as it is to `out`, beginning a segment of the log for what comes in from here on,
  /// some of which is written, too. Commits and queries go on meanwhile; the log and the chunk files
  /// are synced. @return  what the snapshot says of itself. Errors: io, unavailable (there is no log)
  Result<SnapshotState> save(SnapshotWriter& out);
  /// Takes over a snapshot in place of the log before its first segment. Into an empty head, which
  /// may only be thrown away after an error; refuse_before() and replay_chunk_files() came first,
  /// the rest of the log comes next. Errors: corruption.
  Result<void> restore(const SnapshotReader& snapshot, const SnapshotState& state, std::size_t threads);
  /// Samples that were appended, or replayed, up to now.
  [[nodiscard]] std::uint64_t count_samples() const { return state_.samples.load(std::memory_order_relaxed); }
  /// Commits are refused from now on, or no longer.
  void set_read_only(bool on) { state_.read_only.store(on, std::memory_order_relaxed); }
  /// Tells the ceilings how much memory is held; of the postings, what stats() found the last time.
  void measure_memory();
  /// Growth is counted from now on, and from the last such moment.
  void turn_growth_window();
  [[nodiscard]] CeilingStats ceiling_stats() const;

  [[nodiscard]] HeadStats stats() const;
  [[nodiscard]] CardinalityStats cardinality(std::size_t limit) const;
  /// Sets the gauges.
  void update_metrics();
  [[nodiscard]] Timestamp mint() const { return state_.mint.load(std::memory_order_relaxed); }
  [[nodiscard]] Timestamp maxt() const { return state_.maxt.load(std::memory_order_relaxed); }
  /// Of the newest sample; of an empty head, where blocks end.
  [[nodiscard]] Timestamp newest() const { return state_.newest(); }
  HeadState& state() { return state_; }

 private:
  std::size_t drop_out_of_order();
  /// Without the walk over all postings.
  [[nodiscard]] HeadMemory quick_memory() const;
  std::vector<Ordinal> drop_chunks_before(Timestamp t, Collected& done, Timestamp& oldest);
  void raise_mint(Timestamp oldest);
  void close_open_chunks();
  Result<std::size_t> map_full_chunks() NARTHEX_REQUIRES(state_.collect_turn);
  Result<std::size_t> map_chunks_of(HeadShard& shard);
  /// Of one shard.
  void forget_series(std::span<const Ordinal> dead, Collected& done);
  void forget_deletions_before(Timestamp t);

  // ---- Replay. A lane is worked on by one thread, or drained and so by the one that reads the
  // log: no mutex is needed.
  struct Replay;
  void keep_directories();
  void apply_replayed(std::span<const ReplayItem> items) NARTHEX_UNCHECKED;
  void apply_replayed(const ReplayBlock& block, const ReplaySection& section) NARTHEX_UNCHECKED;
  void apply_replayed_histogram(const ReplayItem& item) NARTHEX_UNCHECKED;
  bool note_covered(io::Bytes record, std::span<const SampleRecord> samples) NARTHEX_UNCHECKED;
  void note_behind(io::Bytes record, std::span<const SampleRecord> samples) NARTHEX_UNCHECKED;
  /// In the thread that has read the files: series that are replayed meanwhile.
  void match_chunks_beside() NARTHEX_UNCHECKED;
  /// What is known of a series once it is named: chunks in files.
  void match_chunks(Ordinal o, WalRef ref, bool is_new) NARTHEX_UNCHECKED;
  /// The same for those that had to wait for the files.
  void settle_chunks() NARTHEX_UNCHECKED;
  void name_late_chunks(std::span<const UnmatchedSeries> series);
  void grow_cursors(std::span<const UnmatchedSeries> series) NARTHEX_UNCHECKED;
  /// Of `series` those of the shards `first`, `first` + `step`, ..
  /// @return  false: not all of their chunks make sense
  bool match_every(std::span<const UnmatchedSeries> series, std::size_t first,
                   std::size_t step) NARTHEX_UNCHECKED;
  /// @return  false: not all of them make sense
  bool take_over_chunks(Ordinal o, WalRef ref) NARTHEX_UNCHECKED;
  /// Whether a chunk in a file covers the sample, or the sample was refused in its time.
  /// @param v  its value, or what HotSeries says of a histogram
  bool is_mapped(Ordinal o, Timestamp t, double v) NARTHEX_UNCHECKED;
  bool find_chunk(Ordinal o, Timestamp t, MappedCursor& cursor) NARTHEX_UNCHECKED;
  void give_up_chunks(Ordinal o, MappedCursor& cursor) NARTHEX_UNCHECKED;
  void complete_closed(Ordinal o) NARTHEX_UNCHECKED;
  void finish_out_of_order_replay(LateLog log);
  /// To new places, as move_mapped() does with those in order.
  Result<void> move_out_of_order_chunks();

  // ---- Restoring. A lane is one thread's, and nobody else is there yet.
  Result<void> restore_index(const SnapshotReader& snapshot, const SnapshotState& state) NARTHEX_UNCHECKED;
  Result<void> restore_shards(const SnapshotReader& snapshot, std::size_t first, std::size_t step,
                              std::span<const HeadChunkFiles::File> files) NARTHEX_UNCHECKED;
  void adopt_chunks(Ordinal o, WalRef ref) NARTHEX_UNCHECKED;
  Result<void> restore_references(const SnapshotReader& snapshot,
                                  const SnapshotState& state) NARTHEX_UNCHECKED;
  Result<void> restore_annotations(const SnapshotReader& snapshot) NARTHEX_UNCHECKED;

  HeadState state_;
  /// While replaying.
  std::unique_ptr<Replay> replay_;
  bool irregular_chunk_files_ = false;
  /// Further references of series that the log named twice, and the ones they go by. The log of late
  /// samples, which is read from its beginning at each start, may use them. Set by replay.
  std::vector<std::pair<WalRef, WalRef>> other_names_;
  /// As of the last walk.
  mutable std::atomic<std::uint64_t> postings_bytes_{0};
  /// Readers below this serial may still read what is hidden; 0: nothing is. Touched by the
  /// one thread that cuts blocks.
  std::uint64_t hidden_from_serial_ = 0;
};

}  // namespace narthex::tsdb

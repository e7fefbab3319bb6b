// Isolation: a query sees whole commits, and none that came after it began.
//
// Commits are numbered in the order in which they enter the WAL. They are applied side by side, in
// shards of their own; the watermark is the newest one that was applied as a whole together with
// all before it. Each series holds the number of its last commit and the
// time of its newest sample before it: samples of a series ascend in time, so a time says
// exactly which samples are older than a commit, over any number of chunks.
//
//   reader at watermark 7, series {commit 5, ...}               -> sees everything
//   reader at watermark 7, series {commit 9, visible_maxt 100}  -> sees t <= 100
//
// A series that is changed by a second commit while a reader still needs the state before the
// first leaves that state in the SideRing, which dies with the readers that need it.
//
// Threads: Isolation any; SideRing its shard's mutex. Lock order: Isolation's is the innermost.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "model/time.h"
#include "sync/mutex.h"

namespace narthex::tsdb {

using CommitId = std::uint64_t;

class Isolation {
 public:
  /// An open reader: what it may see, and how old it is.
  struct Reader {
    std::uint64_t serial;
    CommitId watermark;
  };
  struct Commit {
    CommitId id;
    CommitId oldest_reader;  ///< watermark of the oldest open reader; the watermark without readers
  };

  Reader open_reader();
  void close_reader(const Reader& reader);

  /// Draws the next number. Every commit that is begun must be published.
  Commit begin_commit();
  /// The commit is applied. Returns when readers see it: when those before it are applied, too.
  void publish(CommitId id);

  /// Serial that the next reader will get: what is hidden from new readers now may be freed
  /// when all readers below this serial are closed.
  [[nodiscard]] std::uint64_t next_serial() const;
  [[nodiscard]] bool has_reader_below(std::uint64_t serial) const;
  /// Serial of the oldest open reader; the next one's without any.
  [[nodiscard]] std::uint64_t oldest_serial() const;
  [[nodiscard]] CommitId oldest_watermark() const;

 private:
  [[nodiscard]] CommitId oldest_locked() const NARTHEX_REQUIRES(mutex_);

  mutable sync::Mutex mutex_;
  std::condition_variable_any advanced_;
  CommitId last_ NARTHEX_GUARDED_BY(mutex_) = 0;
  CommitId watermark_ NARTHEX_GUARDED_BY(mutex_) = 0;
  /// Applied ahead of the watermark.
  std::set<CommitId> applied_ NARTHEX_GUARDED_BY(mutex_);
  std::uint64_t next_serial_ NARTHEX_GUARDED_BY(mutex_) = 1;
  /// By serial; watermarks ascend with it.
  std::map<std::uint64_t, CommitId> readers_ NARTHEX_GUARDED_BY(mutex_);
};

/// Earlier states of series for readers that are still open.
class SideRing {
 public:
  /// Before `replaced_by` was applied, the series' newest commit was `commit`, and before
  /// that its newest sample was at `visible_maxt`.
  void push(std::uint32_t ordinal, CommitId commit, Timestamp visible_maxt, CommitId replaced_by);
  /// Newest visible sample for a reader at `watermark`, if a state older than the series' own
  /// is needed.
  [[nodiscard]] std::optional<Timestamp> find(std::uint32_t ordinal, CommitId watermark) const;
  /// Drops what no reader at `oldest_watermark` or later needs.
  void trim(CommitId oldest_watermark);
  [[nodiscard]] std::size_t size() const { return states_.size(); }
  [[nodiscard]] std::size_t size_bytes() const { return states_.size() * (sizeof(State) + 16); }

 private:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  struct State {
    CommitId commit;
    CommitId replaced_by;
    Timestamp visible_maxt;
    std::uint64_t older;  // number of the series' state before this one
    std::uint32_t ordinal;
  };

  std::deque<State> states_;
  std::uint64_t first_ = 0;  // number of states_.front()
  boost::unordered_flat_map<std::uint32_t, std::uint64_t> newest_;
};

}  // namespace narthex::tsdb

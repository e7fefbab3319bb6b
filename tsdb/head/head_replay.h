// The replay side of Head: references of the log to series, and chunks in files to both.
// Threads: one, but for what is const.
#pragma once

#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <vector>

#include "tsdb/head/head.h"
#include "tsdb/head/ooo_replay.h"
#include "tsdb/head/ref_table.h"
#include "tsdb/head/repeated_records.h"
#include "tsdb/head/replay_lanes.h"
#include "tsdb/head/replay_rows.h"
#include "tsdb/head/series_to_match.h"

namespace narthex::tsdb {

/// Chunks in files by the reference that they were written under.
class LoadedChunks {
 public:
  explicit LoadedChunks(PageArena& arena) : arena_(arena) {}
  void add(WalRef ref, const MappedChunk& chunk);
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] bool has(WalRef ref) const { return last_.find(ref) != kNoNumber; }
  /// Threads: any, while nothing is added.
  [[nodiscard]] std::size_t count(WalRef ref) const {
    std::size_t n = 0;
    for_each(ref, [&n](const MappedChunk&) { return ++n > 0; });
    return n;
  }
  /// Calls f(chunk) in the order of add() until it returns false. Threads: any, while nothing is added.
  template <class F>
  void for_each(WalRef ref, F&& f) const {
    const std::uint32_t last = last_.find(ref);
    if (last == kNoNumber) return;
    // The links run in a ring: behind the last one stands the first.
    for (std::uint32_t i = node(last).next;; i = node(i).next) {
      const Node& n = node(i);
      if (!f(MappedChunk{{n.mint, n.mint + n.span}, n.place}) || i == last) return;
    }
  }

 private:
  struct Node {
    Timestamp mint;
    HeadChunkPlace place;
    std::uint32_t span;
    std::uint32_t next;
  };
  static_assert(sizeof(Node) == 24);
  static constexpr std::uint32_t kPerPage = 1 << 15;
  [[nodiscard]] const Node& node(std::uint32_t i) const { return pages_[i / kPerPage][i % kPerPage]; }
  [[nodiscard]] Node& node(std::uint32_t i) { return pages_[i / kPerPage][i % kPerPage]; }

  PageArena& arena_;
  RefTable last_;
  std::vector<Node*> pages_;
  std::uint32_t count_ = 0;
};

/// While the log is read: how far it is in a series' chunks in files. Apart from the series' hot
/// state, a quarter as long and mostly read only, as most of a log is compared with this and no more.
struct MappedCursor {
  static constexpr std::uint16_t kMostChunks = 0x7fff;
  Timestamp mint = kMinTime;     ///< of the chunk at hand, exactly; kMinTime: none yet
  std::uint32_t span = 0;        ///< from there to its newest sample
  std::uint16_t next = 0;        ///< number of the chunk behind it
  std::uint16_t count : 15 = 0;  ///< of all of them, kMostChunks at most
  /// HotSeries has the value of the newest sample of the last chunk, or will have that of a newer one.
  std::uint16_t has_value : 1 = false;

  [[nodiscard]] Timestamp maxt() const { return mint + span; }
  /// Whether the sample lies in the chunk at hand, before its newest one.
  [[nodiscard]] bool covers(Timestamp t) const {
    return static_cast<std::uint64_t>(t) - static_cast<std::uint64_t>(mint) < span;
  }
  /// The chunk of that range is at hand now.
  void stand_at(TimeRange range) {
    mint = range.mint;
    span = static_cast<std::uint32_t>(range.maxt - range.mint);
  }
};
static_assert(sizeof(MappedCursor) == 16 && MappedChunks::kMost <= MappedCursor::kMostChunks);

/// What HotSeries says of a histogram: whether it is a staleness marker.
double value_of(const AnyHistogram& value);

struct Head::Replay {
  explicit Replay(Head& of);
  /// Waits for its threads.
  ~Replay();
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;
  /// @param count  0: none
  void use_threads(std::size_t count);
  /// Returns when everything that was replayed has been applied.
  void drain();
  /// Records that repeat are to be looked at again, as something of their series has changed.
  void forget_repeated();

  Head& head;
  RefTable refs;
  /// Entries of the log with a reference that no series record had named by then, by what they are.
  struct Unnamed {
    std::uint64_t samples = 0, histograms = 0, exemplars = 0, metadata = 0;
  };
  boost::unordered_flat_map<WalRef, Unnamed> unnamed;
  /// Deleted series, and other names of series.
  std::vector<WalRef> gone;

  PageArena arena;
  /// Of whoever reads the chunk files, until that has ended; so are the cursors.
  LoadedChunks loaded{arena};
  OooReplay ooo;
  /// Series that were named meanwhile.
  SeriesToMatch unmatched;
  std::size_t threads = 1;

  /// Grown only if there are loaded chunks.
  OrdinalArray<MappedCursor> cursors{arena};
  /// Of which chunks at hand have all samples for a while, or which are behind all chunks.
  RepeatedRecords repeated;
  /// Newest sample of a series in the snapshot that the head began with; empty if there was none.
  OrdinalArray<Timestamp> restored_maxt{arena};
  /// By shard, on cache lines of their own.
  struct alignas(64) Tally {
    Timestamp oldest = kMaxTime;
    Timestamp newest = kMinTime;
    std::uint64_t chunks = 0;

    void add(const Tally& more) {
      oldest = std::min(oldest, more.oldest);
      newest = std::max(newest, more.newest);
      chunks += more.chunks;
    }
  };
  std::array<Tally, kShards> tallies;
  /// Its threads use all of the above.
  std::optional<ReplayLanes> lanes;
  /// On their way to the lanes.
  ReplayRows rows;
  /// Whoever reads the chunk files beside; not valid if nobody does (any more).
  std::future<Result<HeadChunkFiles::Loaded>> loading;
  std::function<void(Result<HeadChunkFiles::Loaded>)> on_loaded;
};

}  // namespace narthex::tsdb

// Deleting samples of the head: they stay in their chunks, and a list of ranges hides them.
//
//   series that match -> from their oldest to their newest sample -> tombstones in the log
//     -> HeadShard::deleted, heeded by queries and by the block that is cut
//
// What is appended afterwards is newer than what a range covers, so commits need not wait: a
// sample that comes between the look at its series and the record stays, here and in a replay.
#include <algorithm>
#include <optional>

#include "tsdb/block/tombstones.h"
#include "tsdb/head/head.h"
#include "tsdb/head/matcher_postings.h"

namespace narthex::tsdb {
namespace {

/// Commits and queries get a turn between slices.
constexpr std::size_t kSlice = 4096;

struct Doomed {
  Ordinal ordinal;
  TombstoneRecord stone;
};

/// What `range` takes of the series; nothing if that is no sample.
std::optional<Doomed> doomed(HeadShard& shard, Ordinal o, TimeRange range) NARTHEX_REQUIRES(shard.mutex) {
  const HotSeries& s = shard.hot[o];
  if (shard.refs[o] == 0 || s.empty()) return std::nullopt;
  range.mint = std::max(range.mint, shard.chunks[o].mint(s, shard.full[o]));
  range.maxt = std::min(range.maxt, s.maxt());
  if (range.mint > range.maxt) return std::nullopt;
  return Doomed{o, {shard.refs[o], range}};
}

Result<void> log_deletion(Wal& wal, std::span<const Doomed> all) {
  std::vector<std::vector<std::byte>> records;
  std::vector<TombstoneRecord> stones;
  for (std::size_t begin = 0; begin < all.size(); begin += kSlice) {
    stones.clear();
    for (const Doomed& d : all.subspan(begin, std::min(kSlice, all.size() - begin)))
      stones.push_back(d.stone);
    encode_tombstones(stones, records.emplace_back());
  }
  const std::vector<io::Bytes> group(records.begin(), records.end());
  return wal.log(group);
}

}  // namespace

Result<std::size_t> Head::remove(TimeRange range, std::span<const Matcher> matchers) {
  // So that what is found here is still the same series when its turn comes.
  const sync::MutexLock no_collection(state_.collect_turn);
  range.mint = std::max(range.mint, mint());
  range.maxt = std::min(range.maxt, maxt());
  if (range.mint > range.maxt) return std::size_t{0};
  std::vector<Ordinal> matching;
  {
    const sync::MutexLock lock(state_.index_mutex);
    matching = matching_series(state_.index, matchers);
  }
  HeadShard& shard = state_.shard;
  std::vector<Doomed> all;
  for (std::size_t begin = 0; begin < matching.size(); begin += kSlice) {
    const sync::MutexLock lock(shard.mutex);
    for (std::size_t i = begin; i < std::min(begin + kSlice, matching.size()); ++i) {
      if (const auto found = doomed(shard, matching[i], range)) all.push_back(*found);
    }
  }
  if (all.empty()) return std::size_t{0};
  const sync::MutexLock turn(state_.commit_turn);
  if (state_.closed) return fail(Code::unavailable, "the database is closing: nothing is deleted any more");
  if (state_.wal != nullptr) {
    if (auto logged = log_deletion(*state_.wal, all); !logged) return pass(logged, "logging a deletion");
  }
  for (std::size_t begin = 0; begin < all.size(); begin += kSlice) {
    const sync::MutexLock lock(shard.mutex);
    for (std::size_t i = begin; i < std::min(begin + kSlice, all.size()); ++i)
      add_range(shard.deleted[all[i].ordinal], all[i].stone.range);
  }
  return all.size();
}

void Head::forget_deletions_before(Timestamp t) {
  const sync::MutexLock lock(state_.shard.mutex);
  boost::unordered::erase_if(state_.shard.deleted, [t](auto& series) {
    std::erase_if(series.second, [t](const TimeRange& range) { return range.maxt < t; });
    return series.second.empty();
  });
}

}  // namespace narthex::tsdb

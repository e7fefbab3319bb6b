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

/// Tombstones in one record.
constexpr std::size_t kMostInRecord = 4096;

struct Doomed {
  Ordinal ordinal;
  TombstoneRecord stone;
};

/// What `range` takes of the series; nothing if that is no sample.
std::optional<Doomed> doomed(const HeadState& head, Ordinal o, TimeRange range) {
  const HeadShard& shard = head.shard(o);
  const sync::MutexLock lock(shard.mutex);
  if (shard.refs[o] == 0) return std::nullopt;
  const HotSeries& s = shard.hot[o];
  TimeRange own{kMaxTime, kMinTime};
  if (!s.empty()) own = {shard.chunks.mint(s, shard.full[o]), s.maxt()};
  if (head.overlaps_out_of_order(range)) {
    const sync::MutexLock ooo_lock(head.ooo_mutex);
    const TimeRange late = head.ooo.range(o).value_or(own);
    own = {std::min(own.mint, late.mint), std::max(own.maxt, late.maxt)};
  }
  range = {std::max(range.mint, own.mint), std::min(range.maxt, own.maxt)};
  if (range.mint > range.maxt) return std::nullopt;
  return Doomed{o, {shard.refs[o], range}};
}

Result<void> log_deletion(Wal& wal, std::span<const Doomed> all) {
  std::vector<std::vector<std::byte>> records;
  std::vector<TombstoneRecord> stones;
  for (std::size_t begin = 0; begin < all.size(); begin += kMostInRecord) {
    stones.clear();
    for (const Doomed& d : all.subspan(begin, std::min(kMostInRecord, all.size() - begin)))
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
  range.mint = std::max(range.mint, std::min(mint(), ooo_mint()));
  range.maxt = std::min(range.maxt, std::max(maxt(), state_.ooo_maxt.load(std::memory_order_relaxed)));
  if (range.mint > range.maxt) return std::size_t{0};
  std::vector<Ordinal> matching;
  {
    const sync::MutexLock lock(state_.index_mutex);
    matching = matching_series(state_.index, matchers);
  }
  std::vector<Doomed> all;
  for (const Ordinal o : matching) {
    if (const auto found = doomed(state_, o, range)) all.push_back(*found);
  }
  if (all.empty()) return std::size_t{0};
  ShardMask shards = 0;
  for (const Doomed& d : all) shards |= ShardMask{1} << shard_of(d.ordinal);
  const ShardTurns turns(state_, shards);
  if (state_.closed) return fail(Code::unavailable, "the database is closing: nothing is deleted any more");
  if (state_.wal != nullptr) {
    if (auto logged = log_deletion(*state_.wal, all); !logged) return pass(logged, "logging a deletion");
  }
  for (const Doomed& d : all) {
    HeadShard& shard = state_.shard(d.ordinal);
    const sync::MutexLock lock(shard.mutex);
    add_range(shard.deleted[d.ordinal], d.stone.range);
  }
  return all.size();
}

void Head::forget_deletions_before(Timestamp t) {
  t = std::min(t, ooo_mint());
  for (HeadShard& shard : state_.shards) {
    const sync::MutexLock lock(shard.mutex);
    boost::unordered::erase_if(shard.deleted, [t](auto& series) {
      std::erase_if(series.second, [t](const TimeRange& range) { return range.maxt < t; });
      return series.second.empty();
    });
  }
}

}  // namespace narthex::tsdb

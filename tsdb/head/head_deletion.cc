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
constexpr std::size_t kPerRecord = 4096;

struct Doomed {
  Ordinal ordinal;
  TombstoneRecord stone;
};

/// What `range` takes of the series; nothing if that is no sample.
std::optional<Doomed> doomed(const HeadShard& shard, Ordinal o, TimeRange range)
    NARTHEX_REQUIRES(shard.mutex) {
  const HotSeries& s = shard.hot[o];
  if (shard.refs[o] == 0 || s.empty()) return std::nullopt;
  range.mint = std::max(range.mint, shard.chunks.mint(s, shard.full[o]));
  range.maxt = std::min(range.maxt, s.maxt());
  if (range.mint > range.maxt) return std::nullopt;
  return Doomed{o, {shard.refs[o], range}};
}

/// Behind the last of those that lie in the page of `all[begin]`; ordinals ascend.
template <class T, class NumberOf>
std::size_t end_of_page(const std::vector<T>& all, std::size_t begin, NumberOf number_of) {
  const Ordinal page = number_of(all[begin]) / kPageOrdinals;
  std::size_t end = begin;
  while (end < all.size() && number_of(all[end]) / kPageOrdinals == page) ++end;
  return end;
}

/// Commits and queries get the mutex between pages.
std::vector<Doomed> find_doomed(const HeadState& head, const std::vector<Ordinal>& series, TimeRange range) {
  std::vector<Doomed> all;
  for (std::size_t i = 0; i < series.size();) {
    const std::size_t end = end_of_page(series, i, [](Ordinal o) { return o; });
    const HeadShard& shard = head.shard(series[i]);
    const sync::MutexLock lock(shard.mutex);
    for (; i < end; ++i) {
      if (const auto found = doomed(shard, series[i], range)) all.push_back(*found);
    }
  }
  return all;
}

Result<void> log_deletion(Wal& wal, std::span<const Doomed> all) {
  std::vector<std::vector<std::byte>> records;
  std::vector<TombstoneRecord> stones;
  for (std::size_t begin = 0; begin < all.size(); begin += kPerRecord) {
    stones.clear();
    for (const Doomed& d : all.subspan(begin, std::min(kPerRecord, all.size() - begin)))
      stones.push_back(d.stone);
    encode_tombstones(stones, records.emplace_back());
  }
  const std::vector<io::Bytes> group(records.begin(), records.end());
  return wal.log(group);
}

void hide(HeadState& head, const std::vector<Doomed>& all) {
  for (std::size_t i = 0; i < all.size();) {
    const std::size_t end = end_of_page(all, i, [](const Doomed& d) { return d.ordinal; });
    HeadShard& shard = head.shard(all[i].ordinal);
    const sync::MutexLock lock(shard.mutex);
    for (; i < end; ++i) add_range(shard.deleted[all[i].ordinal], all[i].stone.range);
  }
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
  const std::vector<Doomed> all = find_doomed(state_, matching, range);
  if (all.empty()) return std::size_t{0};
  ShardMask shards = 0;
  for (const Doomed& d : all) shards |= ShardMask{1} << shard_of(d.ordinal);
  const ShardTurns turns(state_, shards);
  if (state_.closed.load())
    return fail(Code::unavailable, "the database is closing: nothing is deleted any more");
  if (state_.wal != nullptr) {
    if (auto logged = log_deletion(*state_.wal, all); !logged) return pass(logged, "logging a deletion");
  }
  hide(state_, all);
  return all.size();
}

void Head::forget_deletions_before(Timestamp t) {
  for (HeadShard& shard : state_.shards) {
    const sync::MutexLock lock(shard.mutex);
    boost::unordered::erase_if(shard.deleted, [t](auto& series) {
      std::erase_if(series.second, [t](const TimeRange& range) { return range.maxt < t; });
      return series.second.empty();
    });
  }
}

}  // namespace narthex::tsdb

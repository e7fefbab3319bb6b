#include "tsdb/head/ooo_chunk_source.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <utility>

#include "tsdb/head/series_order.h"

namespace narthex::tsdb {
namespace {

/// Commits and queries get a turn between slices.
constexpr std::size_t kSlice = 4096;

bool has_samples_in(const OooSnapshot::Series& series, TimeRange range) {
  return std::ranges::any_of(series.chunks, [&](const OooChunk& c) { return c.range.overlaps(range); });
}

}  // namespace

std::shared_ptr<const OooSnapshot> take_ooo_snapshot(HeadState& head, std::uint64_t end) {
  const std::uint64_t floor = head.ooo_floor.load(std::memory_order_relaxed);
  auto snapshot = std::make_shared<OooSnapshot>();
  boost::unordered_flat_map<Ordinal, OooSnapshot::Series> found;
  const sync::MutexLock no_collection(head.collect_turn);
  {
    const sync::MutexLock lock(head.ooo_mutex);
    for (const auto& [o, series] : head.ooo) {
      OooSnapshot::Series taken{.ordinal = o, .ref = 0, .chunks = {}};
      for (const OooChunk& c : series.chunks) {
        if (c.number < floor || c.number >= end) continue;
        snapshot->range.mint = std::min(snapshot->range.mint, c.range.mint);
        snapshot->range.maxt = std::max(snapshot->range.maxt, c.range.maxt);
        taken.chunks.push_back(c);
      }
      if (!taken.chunks.empty()) found.emplace(o, std::move(taken));
    }
  }
  if (found.empty()) return snapshot;
  boost::unordered_flat_set<Ordinal> only;
  for (const auto& [ordinal, series] : found) only.insert(ordinal);
  for (const Ordinal o : order_by_labels(head, &only)) {
    OooSnapshot::Series& series = snapshot->series.emplace_back(std::move(found.at(o)));
    const HeadShard& shard = head.shard(o);
    const sync::MutexLock lock(shard.mutex);
    series.ref = shard.refs[o];
  }
  return snapshot;
}

Result<void> OooChunkSource::symbols(std::vector<std::string>& out) {
  boost::unordered_flat_set<PairNumber> seen;
  for (std::size_t begin = 0; begin < snapshot_->series.size(); begin += kSlice) {
    const sync::MutexLock lock(head_.index_mutex);
    const PairDictionary& dictionary = head_.index.dictionary();
    for (std::size_t i = begin; i < std::min(snapshot_->series.size(), begin + kSlice); ++i) {
      if (!has_samples_in(snapshot_->series[i], range_)) continue;
      for (const PairNumber p : head_.index.pairs(snapshot_->series[i].ordinal)) {
        if (!seen.insert(p).second) continue;
        out.emplace_back(dictionary.name_text(dictionary.name_of(p)));
        out.emplace_back(dictionary.value(p));
      }
    }
  }
  return {};
}

Result<bool> OooChunkSource::next(SourceSeries& out) {
  while (next_ < snapshot_->series.size()) {
    const OooSnapshot::Series& series = snapshot_->series[next_++];
    out.clear();
    if (!has_samples_in(series, range_) || !take_series(series, out)) continue;
    OooViews views;
    for (const OooChunk& c : series.chunks) {
      if (c.range.overlaps(range_)) views.chunks.push_back(c);
    }
    merger_.clear();
    if (auto added = add_views(views, head_.chunk_files, merger_); !added) {
      return pass(added, "series " + out.labels.to_string());
    }
    built_ = merger_.encode(range_);
    for (const BuiltChunk& c : built_)
      out.chunks.push_back({c.range.mint, c.range.maxt, c.encoding, c.bytes});
    if (!out.chunks.empty()) return true;
  }
  return false;
}

bool OooChunkSource::take_series(const OooSnapshot::Series& series, SourceSeries& out) {
  const sync::MutexLock index_lock(head_.index_mutex);
  const HeadShard& shard = head_.shard(series.ordinal);
  const sync::MutexLock lock(shard.mutex);
  if (shard.refs[series.ordinal] != series.ref) return false;
  if (const auto at = shard.deleted.find(series.ordinal); at != shard.deleted.end()) out.deleted = at->second;
  out.labels = head_.index.labels(series.ordinal);
  return true;
}

}  // namespace narthex::tsdb

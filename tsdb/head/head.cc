#include "tsdb/head/head.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <string>

#include "tsdb/head/head_appender.h"
#include "tsdb/head/head_chunk_source.h"
#include "tsdb/head/head_querier.h"
#include "tsdb/head/head_replay.h"

namespace narthex::tsdb {

Head::Head(const HeadOptions& options, prometheus::Registry* registry)
    : state_(options, registry), replay_(std::make_unique<Replay>(*this)) {}

Head::~Head() = default;

void Head::start_logging(Wal& wal) {
  const sync::MutexLock turn(state_.commit_turn);
  state_.wal = &wal;
}

void Head::stop() {
  const sync::MutexLock turn(state_.commit_turn);
  state_.closed = true;
}

std::unique_ptr<storage::Appender> Head::appender() {
  return std::make_unique<HeadAppender>(state_);
}

std::unique_ptr<storage::Querier> Head::querier(TimeRange range) {
  return std::make_unique<HeadQuerier>(state_, range);
}

std::unique_ptr<ChunkSource> Head::chunk_source(TimeRange range) {
  return std::make_unique<HeadChunkSource>(state_, range);
}

void Head::refuse_before(Timestamp t) {
  const sync::MutexLock turn(state_.commit_turn);
  state_.min_valid.store(std::max(t, state_.min_valid.load(std::memory_order_relaxed)),
                         std::memory_order_relaxed);
}

bool Head::is_compactable() const {
  const Timestamp oldest = mint();
  const Timestamp newest = maxt();
  return oldest <= newest && newest - oldest > state_.options.block_range / 2 * 3;
}

HeadStats Head::stats() const {
  HeadStats stats;
  stats.mint = mint();
  stats.maxt = maxt();
  {
    const sync::MutexLock lock(state_.index_mutex);
    const SeriesIndex& index = state_.index;
    stats.series = index.all().cardinality();
    stats.label_pairs = index.dictionary().count_pairs();
    stats.memory.labels = index.label_bytes() + index.dictionary().size_bytes();
    stats.memory.postings = index.dictionary().postings_bytes() + index.all().getSizeInBytes(false);
    stats.memory.lookup = index.lookup_bytes();
  }
  const HeadShard& shard = state_.shard;
  const sync::MutexLock lock(shard.mutex);
  stats.chunks = stats.series;
  for (const SeriesChunks& lane : shard.chunks) {
    stats.chunks += lane.count_full();
    stats.memory.full_chunks += lane.full_bytes();
    stats.memory.open_chunks += lane.open_bytes();
    stats.histogram_series += lane.builders().count_histograms();
    stats.histogram_buckets += lane.builders().count_buckets();
  }
  stats.memory.series =
      shard.refs.size_bytes() + shard.hot.size_bytes() + shard.full.size_bytes() + shard.side.size_bytes();
  return stats;
}

void Head::update_metrics() {
  const HeadStats now = stats();
  std::uint64_t stale;
  {
    const sync::MutexLock lock(state_.shard.mutex);
    stale = state_.shard.stale_series;
  }
  state_.metrics.set_stats(now, stale);
}

std::vector<WalRef> Head::live_refs() const {
  std::vector<WalRef> refs;
  const sync::MutexLock lock(state_.shard.mutex);
  for (Ordinal o = 0; o < state_.shard.refs.size(); ++o) {
    if (state_.shard.refs[o] != 0) refs.push_back(state_.shard.refs[o]);
  }
  return refs;
}

std::vector<SeriesRecord> Head::series_besides(std::span<const WalRef> named) const {
  std::vector<SeriesRecord> series;
  const sync::MutexLock turn_to_collect(state_.collect_turn);
  const sync::MutexLock index_lock(state_.index_mutex);
  const sync::MutexLock lock(state_.shard.mutex);
  for (Ordinal o = 0; o < state_.shard.refs.size(); ++o) {
    const WalRef ref = state_.shard.refs[o];
    if (ref == 0 || !state_.index.is_published(o) || std::ranges::binary_search(named, ref)) continue;
    series.push_back({ref, state_.index.labels(o)});
  }
  return series;
}

CardinalityStats Head::cardinality(std::size_t limit) const {
  CardinalityStats stats;
  {
    const sync::MutexLock lock(state_.index_mutex);
    const PairDictionary& dictionary = state_.index.dictionary();
    for (NameNumber n = 0; n < dictionary.names_end(); ++n) {
      const auto pairs = dictionary.pairs_of(n);
      if (pairs.empty()) continue;
      const std::string name(dictionary.name_text(n));
      std::uint64_t bytes = 0;
      for (const PairNumber p : pairs) {
        const std::uint64_t series = dictionary.postings(p).count();
        const std::string_view value = dictionary.value(p);
        bytes += series * value.size();
        if (name == kMetricName) stats.series_by_metric_name.push_back({std::string(value), series});
        stats.series_by_label_pair.push_back({name + "=" + std::string(value), series});
      }
      stats.values_by_label_name.push_back({name, pairs.size()});
      stats.bytes_by_label_name.push_back({name, bytes});
    }
  }
  for (auto* table : {&stats.series_by_metric_name, &stats.values_by_label_name, &stats.bytes_by_label_name,
                      &stats.series_by_label_pair}) {
    std::ranges::sort(*table, [](const NamedCount& a, const NamedCount& b) {
      return a.count != b.count ? a.count > b.count : a.name < b.name;
    });
    if (limit > 0 && table->size() > limit) table->resize(limit);
  }
  return stats;
}

}  // namespace narthex::tsdb

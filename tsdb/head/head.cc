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
  const ShardTurns turns(state_, kAllShards);
  state_.wal = &wal;
}

void Head::stop() {
  state_.closed = true;
  const ShardTurns turns(state_, kAllShards);
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
  const ShardTurns turns(state_, kAllShards);
  state_.min_valid.store(std::max(t, state_.min_valid.load(std::memory_order_relaxed)),
                         std::memory_order_relaxed);
}

bool Head::is_compactable() const {
  const Timestamp oldest = mint();
  const Timestamp newest = maxt();
  return oldest <= newest && newest - oldest > state_.options.block_range / 2 * 3;
}

void Head::use_xor2_floats(bool xor2) {
  HeadEncodings encodings = state_.options.encodings;
  encodings.xor2_floats = xor2;
  for (HeadShard& shard : state_.shards) {
    const sync::MutexLock lock(shard.mutex);
    shard.chunks.use_encodings(encodings);
  }
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
    postings_bytes_ = index.dictionary().postings_bytes() + index.all().getSizeInBytes(false);
  }
  stats.memory = quick_memory();
  stats.chunks = stats.series;
  for (const HeadShard& shard : state_.shards) {
    const sync::MutexLock lock(shard.mutex);
    stats.chunks += shard.chunks.count_full();
    stats.histogram_series += shard.chunks.builders().count_histograms();
    stats.histogram_buckets += shard.chunks.builders().count_buckets();
  }
  const sync::MutexLock lock(state_.ooo_mutex);
  stats.chunks += state_.ooo.count_chunks();
  return stats;
}

HeadMemory Head::quick_memory() const {
  HeadMemory memory;
  memory.postings = postings_bytes_;
  memory.exemplars = state_.exemplars.size_bytes();
  memory.batches = state_.batches.size_bytes();
  memory.log_buffers = state_.log_buffers.size_bytes();
  {
    const sync::MutexLock lock(state_.index_mutex);
    memory.labels = state_.index.label_bytes() + state_.index.dictionary().size_bytes();
    memory.lookup = state_.index.lookup_bytes();
  }
  for (const HeadShard& shard : state_.shards) {
    const sync::MutexLock lock(shard.mutex);
    memory.full_chunks += shard.chunks.full_bytes();
    memory.open_chunks += shard.chunks.open_bytes();
    memory.series +=
        shard.refs.size_bytes() + shard.hot.size_bytes() + shard.full.size_bytes() + shard.side.size_bytes();
    memory.metadata += shard.metadata.size_bytes();
  }
  const sync::MutexLock lock(state_.ooo_mutex);
  memory.full_chunks += state_.ooo.size_bytes();
  return memory;
}

void Head::measure_memory() {
  const std::uint64_t bytes = quick_memory().total();
  const sync::MutexLock lock(state_.index_mutex);
  state_.ceilings.set_memory(bytes);
}

void Head::turn_growth_window() {
  const sync::MutexLock lock(state_.index_mutex);
  state_.ceilings.turn_window(state_.index);
}

CeilingStats Head::ceiling_stats() const {
  const sync::MutexLock lock(state_.index_mutex);
  return state_.ceilings.stats(state_.index);
}

void Head::update_metrics() {
  const HeadStats now = stats();
  std::uint64_t stale = 0;
  for (const HeadShard& shard : state_.shards) {
    const sync::MutexLock lock(shard.mutex);
    stale += shard.stale_series;
  }
  state_.metrics.set_stats(now, stale);
}

std::vector<WalRef> Head::live_refs() const {
  std::vector<WalRef> refs;
  for (const HeadShard& shard : state_.shards) {
    for (std::size_t page = 0; page < shard.count_pages(); ++page) {
      const sync::MutexLock lock(shard.mutex);
      shard.for_each_of_page(page,
                             [&](Ordinal o) NARTHEX_REQUIRES(shard.mutex) { refs.push_back(shard.refs[o]); });
    }
  }
  return refs;
}

std::vector<SeriesRecord> Head::series_besides(std::span<const WalRef> named) const {
  std::vector<SeriesRecord> series;
  const sync::MutexLock turn_to_collect(state_.collect_turn);
  for (const HeadShard& shard : state_.shards) {
    for (std::size_t page = 0; page < shard.count_pages(); ++page) {
      const sync::MutexLock index_lock(state_.index_mutex);
      const sync::MutexLock lock(shard.mutex);
      shard.for_each_of_page(page, [&](Ordinal o) NARTHEX_REQUIRES(shard.mutex, state_.index_mutex) {
        const WalRef ref = shard.refs[o];
        if (!state_.index.is_published(o) || std::ranges::binary_search(named, ref)) return;
        series.push_back({ref, state_.index.labels(o)});
      });
    }
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

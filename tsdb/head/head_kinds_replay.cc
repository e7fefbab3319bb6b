// Replay of what the log holds beside plain floats.
#include "tsdb/head/head_replay.h"

namespace narthex::tsdb {

std::size_t Head::replay_exemplars(std::span<const ExemplarRecord> exemplars) {
  std::size_t unknown = 0;
  const bool kept = state_.exemplars.size() > 0;
  const Timestamp min_valid = state_.min_valid.load(std::memory_order_relaxed);
  for (const ExemplarRecord& e : exemplars) {
    if (e.t < min_valid) continue;
    const Ordinal o = replay_->refs.find(e.ref);
    if (o == kNoNumber) {
      ++unknown;
      state_.skip_ref(e.ref);
      continue;
    }
    if (!kept) continue;
    Labels series;
    {
      const sync::MutexLock lock(state_.index_mutex);
      series = state_.index.labels(o);
    }
    state_.exemplars.add(series, {e.labels, e.v, e.t});
  }
  state_.metrics.count_unknown_refs(unknown, "exemplars");
  return unknown;
}

std::size_t Head::replay_metadata(std::span<const MetadataRecord> metadata) {
  std::size_t unknown = 0;
  {
    const sync::MutexLock lock(state_.shard.mutex);
    for (const MetadataRecord& m : metadata) {
      const Ordinal o = replay_->refs.find(m.ref);
      if (o == kNoNumber) {
        ++unknown;
        state_.skip_ref(m.ref);
        continue;
      }
      state_.shard.metadata.set(o, m.metadata);
    }
  }
  state_.metrics.count_unknown_refs(unknown, "metadata");
  return unknown;
}

}  // namespace narthex::tsdb

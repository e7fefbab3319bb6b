// The part of HeadAppender that plain floats never meet: exemplars and metadata.
#include <algorithm>

#include "tsdb/head/head_appender.h"

namespace narthex::tsdb {

ExtraBatch& HeadAppender::extra() {
  begin();
  if (!extra_) extra_ = std::make_unique<ExtraBatch>();
  return *extra_;
}

Result<void, storage::ExemplarFault> HeadAppender::append_exemplar(storage::SeriesRef ref,
                                                                   const storage::Exemplar& exemplar) {
  if (head_.exemplars.size() == 0) return std::unexpected(storage::ExemplarFault::disabled);
  Labels series;
  {
    const sync::MutexLock index_lock(head_.index_mutex);
    const sync::MutexLock shard_lock(head_.shard.mutex);
    if (!head_.shard.holds(ref)) return std::unexpected(storage::ExemplarFault::unknown_series);
    series = head_.index.labels(ordinal_of(ref));
  }
  if (const auto fault = head_.exemplars.check(series, exemplar)) return std::unexpected(*fault);
  extra().exemplars.push_back({ref, 0, std::move(series), exemplar});
  return {};
}

void HeadAppender::set_metadata(storage::SeriesRef ref, const storage::Metadata& metadata) {
  {
    const sync::MutexLock lock(head_.shard.mutex);
    if (!head_.shard.holds(ref)) return;
    const storage::Metadata* known = head_.shard.metadata.find(ordinal_of(ref));
    if (known != nullptr && *known == metadata) return;
  }
  extra().metadata.push_back({ref, {0, metadata}});
}

/// Leaves out what belongs to series that are gone.
void HeadAppender::resolve_extra() {
  HeadShard& shard = head_.shard;
  const sync::MutexLock lock(shard.mutex);
  const auto is_gone = [&shard](const auto& pending)
                           NARTHEX_REQUIRES(shard.mutex) { return !shard.holds(pending.ref); };
  std::erase_if(extra_->exemplars, is_gone);
  std::erase_if(extra_->metadata, is_gone);
  for (auto& e : extra_->exemplars) e.wal_ref = shard.refs[ordinal_of(e.ref)];
  for (auto& m : extra_->metadata) m.record.ref = shard.refs[ordinal_of(m.ref)];
}

void HeadAppender::apply_extra() {
  for (const auto& e : extra_->exemplars) head_.exemplars.add(e.series, e.exemplar);
  const sync::MutexLock lock(head_.shard.mutex);
  for (const auto& m : extra_->metadata) head_.shard.metadata.set(ordinal_of(m.ref), m.record.metadata);
}

}  // namespace narthex::tsdb

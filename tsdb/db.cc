#include "tsdb/db.h"

#include <algorithm>
#include <utility>

#include "storage/merge_querier.h"
#include "telemetry/log.h"
#include "tsdb/db_impl.h"

namespace narthex::tsdb {
namespace {

/// Keeps the blocks of a query alive for as long as the query.
class DbQuerier final : public storage::Querier {
 public:
  DbQuerier(Blocks blocks, std::vector<std::unique_ptr<storage::Querier>> stores)
      : blocks_(std::move(blocks)), merged_(std::move(stores)) {}

  Result<std::unique_ptr<storage::SeriesSet>> select(TimeRange range, std::span<const Matcher> matchers,
                                                     LabelPool& pool,
                                                     const storage::SelectOptions& options) override {
    return merged_.select(range, matchers, pool, options);
  }
  Result<std::vector<std::string>> label_names(std::span<const Matcher> matchers,
                                               std::size_t limit) override {
    return merged_.label_names(matchers, limit);
  }
  Result<std::vector<std::string>> label_values(std::string_view name, std::span<const Matcher> matchers,
                                                std::size_t limit) override {
    return merged_.label_values(name, matchers, limit);
  }

 private:
  Blocks blocks_;
  storage::MergeQuerier merged_;
};

}  // namespace

Result<std::unique_ptr<Db>> Db::open(io::FileSystem& fs, std::string directory, DbOptions options,
                                     const Clock& clock, prometheus::Registry* registry) {
  if (options.min_block_range <= 0) return fail(Code::invalid, "the block range must be longer than 0");
  auto impl = std::make_unique<Impl>(fs, std::move(directory), options, clock, registry);
  if (auto opened = impl->open(registry); !opened) {
    return pass(opened, "opening the data directory " + impl->directory);
  }
  return std::unique_ptr<Db>(new Db(std::move(impl)));
}

Db::Db(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Db::~Db() {
  if (auto closed = close(); !closed) {
    telemetry::error("Closing the database failed", {{"error", closed.error().text}});
  }
}

std::unique_ptr<storage::Appender> Db::appender() {
  return impl_->head.appender();
}
Result<std::unique_ptr<storage::Querier>> Db::querier(TimeRange range) {
  return impl_->querier(range);
}
Result<std::vector<storage::SeriesExemplars>> Db::exemplars(TimeRange range,
                                                            std::span<const std::vector<Matcher>> selectors) {
  if (impl_->closed.load()) return fail(Code::unavailable, "the database is closed");
  return impl_->head.state().exemplars.select(range, selectors);
}
void Db::set_max_exemplars(std::uint64_t most) {
  ExemplarRing& ring = impl_->head.state().exemplars;
  const std::size_t before = ring.size();
  const std::size_t kept = ring.resize(most);
  if (ring.size() == before) return;
  telemetry::info("Exemplar storage resized", {{"from", std::to_string(before)},
                                               {"to", std::to_string(ring.size())},
                                               {"migrated", std::to_string(kept)}});
}
Result<void> Db::delete_series(TimeRange range, std::span<const Matcher> matchers) {
  return impl_->delete_series(range, matchers);
}
Result<void> Db::clean_tombstones() {
  return impl_->clean_tombstones();
}
Result<std::string> Db::snapshot(bool with_head) {
  return impl_->snapshot(with_head);
}
Result<void> Db::run_background_once() {
  return impl_->maintain();
}
Result<void> Db::run_mapping_once() {
  impl_->watch_limits();
  return impl_->map_chunks();
}
Result<void> Db::close() {
  return impl_->close();
}
Result<void> Db::use_xor2_floats(bool xor2) {
  return impl_->use_xor2_floats(xor2);
}
void Db::set_retention(const Retention& retention) {
  impl_->set_retention(retention);
}
void Db::refresh_metrics() {
  impl_->update_metrics();
}
HeadStats Db::head_stats() const {
  return impl_->head.stats();
}
CeilingStats Db::ceiling_stats() const {
  return impl_->head.ceiling_stats();
}
const HeadCeilings& Db::ceilings() const {
  return impl_->options.ceilings;
}
DiskState Db::disk_state() const {
  return impl_->disk.state();
}
CardinalityStats Db::cardinality(std::size_t limit) const {
  return impl_->head.cardinality(limit);
}
Timestamp Db::lowest_timestamp() const {
  return impl_->lowest_timestamp();
}

std::vector<BlockMeta> Db::blocks() const {
  std::vector<BlockMeta> metas;
  for (const auto& block : impl_->blocks.snapshot()) metas.push_back(block->meta());
  return metas;
}

std::uint64_t Db::count_corruptions() const {
  return impl_->damaged_records.load() + impl_->blocks.count_quarantined();
}

Result<std::unique_ptr<storage::Querier>> Db::Impl::querier(TimeRange range) {
  if (closed.load()) return fail(Code::unavailable, "the database is closed");
  Blocks all;
  std::unique_ptr<storage::Querier> head_querier;
  {
    // The list of blocks and the floor of the head must be of one moment.
    const sync::MutexLock view(view_mutex);
    all = blocks.snapshot();
    if (range.maxt >= head.mint()) head_querier = head.querier(range);
  }
  std::vector<std::unique_ptr<storage::Querier>> stores;
  Blocks used;
  for (auto& block : all) {
    // A block's end is exclusive.
    if (!range.overlaps({block->meta().mint, block->meta().maxt - 1})) continue;
    auto querier = block->querier(range);
    if (!querier) return querier;
    stores.push_back(std::move(*querier));
    used.push_back(std::move(block));
  }
  if (head_querier) stores.push_back(std::move(head_querier));
  return std::make_unique<DbQuerier>(std::move(used), std::move(stores));
}

Result<void> Db::Impl::use_xor2_floats(bool xor2) {
  if (auto checked = check_float_encoding(xor2); !checked) return checked;
  if (xor2_floats.exchange(xor2) == xor2) return {};
  head.use_xor2_floats(xor2);
  tell_float_encoding();
  return {};
}

Timestamp Db::Impl::lowest_timestamp() const {
  const sync::MutexLock view(view_mutex);
  Timestamp lowest = head.mint();
  for (const auto& block : blocks.snapshot()) lowest = std::min(lowest, block->meta().mint);
  return lowest;
}

Result<void> Db::Impl::close() {
  if (closed.exchange(true)) return {};
  {
    const sync::MutexLock guard(thread_mutex);
    stopping = true;
  }
  stop.stop(sync::StopReason::shutdown);
  wake.notify_all();
  if (thread.joinable()) thread.join();
  if (mapping_thread.joinable()) mapping_thread.join();
  head.stop();
  Result<void> synced;
  if (chunk_files) {
    if (auto done = chunk_files->sync(); !done) {
      telemetry::warn("Head chunks could not be synced; the log holds what they hold",
                      {{"error", done.error().text}});
    }
  }
  if (wal) synced = wal->sync();
  if (lock) {
    // Away before it is given up: whoever takes it next makes the file anew.
    if (auto removed = fs.remove_file(directory + "/lock"); !removed) {
      telemetry::warn("The lock file stays", {{"error", removed.error().text}});
    }
    lock.reset();
  }
  if (!synced) return pass(synced, "closing the database");
  return {};
}

}  // namespace narthex::tsdb

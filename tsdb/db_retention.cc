// Which blocks go because they are too old or too many.
#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <utility>

#include "model/value.h"
#include "telemetry/log.h"
#include "tsdb/db_impl.h"

namespace narthex::tsdb {
namespace {

/// Of all files below `directory`. What cannot be listed counts nothing.
std::uint64_t bytes_below(io::FileSystem& fs, const std::string& directory) {
  const auto entries = fs.list(directory);
  if (!entries) return 0;
  std::uint64_t bytes = 0;
  for (const io::DirEntry& e : *entries)
    bytes += e.is_directory ? bytes_below(fs, directory + "/" + e.name) : e.size_bytes;
  return bytes;
}

}  // namespace

void Db::Impl::set_retention(const Retention& wanted) {
  const sync::MutexLock guard(retention_mutex);
  if (wanted != retention) {
    telemetry::info("Retention updated", {{"kept", format_duration(wanted.time)},
                                          {"size_bytes", std::to_string(wanted.size_bytes)},
                                          {"percentage", format_general(wanted.percentage)}});
    if (wanted.percentage > 0 && wanted.size_bytes > 0)
      telemetry::warn("The size of the retention is ignored: a percentage goes before it");
  }
  retention = wanted;
  metrics.retention_limit_seconds->Set(static_cast<double>(wanted.time) / 1000);
  metrics.retention_limit_bytes->Set(static_cast<double>(wanted.size_bytes));
  metrics.retention_limit_percentage->Set(wanted.percentage);
}

std::uint64_t Db::Impl::other_bytes() {
  std::uint64_t bytes = 0;
  for (const char* part : {"/wal", "/wbl", "/chunks_head", "/narthex"})
    bytes += bytes_below(fs, directory + part);
  return bytes;
}

std::uint64_t Db::Impl::size_limit(const Retention& wanted) {
  if (wanted.percentage <= 0) return wanted.size_bytes;
  const auto space = fs.space(directory);
  if (space && space->total_bytes > 0)
    return static_cast<std::uint64_t>(static_cast<double>(space->total_bytes) * wanted.percentage / 100);
  telemetry::warn("The size of the disk is not known; retention goes by the fixed size only",
                  {{"directory", directory}, {"error", space ? "it has no size" : space.error().text}});
  return wanted.size_bytes;
}

Result<void> Db::Impl::apply_retention() {
  Retention wanted;
  {
    const sync::MutexLock guard(retention_mutex);
    wanted = retention;
  }
  std::vector<SizedBlock> all;
  for (const auto& block : blocks.snapshot())
    all.push_back({block->meta().ulid, block->meta().maxt, block->size_bytes()});
  if (all.empty()) return {};
  const std::uint64_t limit = size_limit(wanted);
  const ExpiredBlocks expired =
      expired_blocks(std::move(all), wanted.time, limit, limit > 0 ? other_bytes() : 0);
  if (!expired.by_time.empty()) metrics.time_retentions->Increment();
  if (!expired.by_size.empty()) metrics.size_retentions->Increment();
  for (const auto& [why, ulids] : {std::pair("older than the retention time", &expired.by_time),
                                   std::pair("beyond the retention size", &expired.by_size)}) {
    for (const std::string& ulid : *ulids)
      telemetry::info("Deleting a block", {{"block", ulid}, {"why", why}});
    if (auto removed = blocks.remove(*ulids); !removed) return pass(removed, "applying retention");
  }
  return {};
}

}  // namespace narthex::tsdb

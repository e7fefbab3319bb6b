// Snapshots: the blocks, and the head as one more, as they are at a moment, in a directory that a
// server can be started on.
//
//   <data>/snapshots/<name>.tmp/<ULID>: files of a block, each a second name of the same bytes
//   <data>/snapshots/<name>.tmp/<ULID>: the head, written out
//   -> all synced -> renamed to <name>: a snapshot is there as a whole or not at all
//
// A block's files never change but for tombstones and meta.json, which are replaced by new files:
// the snapshot keeps those that it has.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <random>
#include <string_view>
#include <utility>

#include "telemetry/log.h"
#include "tsdb/compact/block_populator.h"
#include "tsdb/db_impl.h"
#include "tsdb/wal/segments.h"

namespace narthex::tsdb {
namespace {

constexpr std::string_view kUnfinished = ".tmp";

/// "20260203T040506Z-" and 16 hexadecimal digits, as Prometheus names them.
std::string snapshot_name(Timestamp now) {
  std::random_device seed;
  const std::uint64_t number = std::uniform_int_distribution<std::uint64_t>(0, ~std::uint64_t{0} >> 1)(seed);
  const std::chrono::sys_seconds time{
      std::chrono::floor<std::chrono::seconds>(std::chrono::milliseconds(now))};
  return fmt::format("{:%Y%m%dT%H%M%SZ}-{:016x}", time, number);
}

/// Second names for the files of a block, in a new directory `to`.
Result<void> link_block(io::FileSystem& fs, const std::string& from, const std::string& to) {
  if (auto made = fs.make_directories(to + "/chunks"); !made) return made;
  for (const char* file : {"/meta.json", "/index", "/tombstones"}) {
    auto linked = fs.hard_link(from + file, to + file);
    // Very old blocks have no tombstones.
    if (!linked && !(linked.error().code == Code::not_found && file == std::string_view("/tombstones")))
      return linked;
  }
  // Those with a number for a name: what else lies there is not the block's.
  auto segments = list_segment_files(fs, from + "/chunks");
  if (!segments) return pass(segments);
  for (const SegmentFile& segment : *segments) {
    const std::string name = "/chunks/" + segment.name;
    if (auto linked = fs.hard_link(from + name, to + name); !linked) return linked;
  }
  return {};
}

/// What snapshots that did not come to their end have left behind.
Result<void> remove_unfinished(io::FileSystem& fs, const std::string& directory) {
  auto entries = fs.list(directory);
  if (!entries) return pass(entries);
  for (const io::DirEntry& e : *entries) {
    if (!e.is_directory || !e.name.ends_with(kUnfinished)) continue;
    if (auto removed = fs.remove_tree(directory + "/" + e.name); !removed) return removed;
  }
  return {};
}

}  // namespace

Result<std::string> Db::Impl::snapshot(bool with_head) {
  const sync::MutexLock guard(maintenance_mutex);
  if (closed.load()) return fail(Code::unavailable, "the database is closed");
  const std::string all = directory + "/snapshots";
  const std::string name = snapshot_name(clock.now());
  const std::string unfinished = all + "/" + name + std::string(kUnfinished);
  auto done = fs.make_directories(unfinished);
  if (!done) return pass(done, "create snapshot directory");
  done = fs.sync_directory(directory);
  if (done) done = fill_snapshot(unfinished, with_head);
  if (done) done = io::publish_directory(fs, unfinished, all + "/" + name);
  // Also what is left of this one, if it failed.
  if (auto removed = remove_unfinished(fs, all); !removed) {
    telemetry::warn("What an unfinished snapshot left behind stays",
                    {{"directory", all}, {"error", removed.error().text}});
  }
  if (!done) return pass(done, "create snapshot");
  telemetry::info("Snapshot written", {{"directory", all + "/" + name}});
  return name;
}

Result<void> Db::Impl::fill_snapshot(const std::string& to, bool with_head) {
  for (const auto& block : blocks.snapshot()) {
    const std::string& ulid = block->meta().ulid;
    if (auto linked = link_block(fs, block->directory(), to + "/" + ulid); !linked)
      return pass(linked, "error snapshotting block: " + block->directory());
  }
  if (!with_head || head.mint() > head.maxt()) return {};
  BlockMeta meta;
  meta.ulid = make_ulid(clock.now());
  meta.mint = head.mint();
  meta.maxt = head.maxt() + 1;
  meta.sources = {meta.ulid};
  std::vector<std::unique_ptr<ChunkSource>> sources;
  sources.push_back(head.chunk_source({meta.mint, meta.maxt - 1}));
  PopulateOptions populate;
  populate.join_small_chunks = true;
  populate.xor2_floats = xor2_floats;
  populate.segment_bytes = options.chunk_segment_bytes;
  populate.stop = stop.token();
  auto written = populate_block(fs, to, meta, std::move(sources), populate);
  if (!written) return pass(written, "snapshot head block");
  return {};
}

}  // namespace narthex::tsdb

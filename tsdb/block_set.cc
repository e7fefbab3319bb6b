#include "tsdb/block_set.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "telemetry/log.h"
#include "tsdb/block/block_meta.h"
#include "tsdb/wal/segments.h"

namespace narthex::tsdb {
namespace {

constexpr std::string_view kForDeletion = ".tmp-for-deletion";

/// "<ULID>.tmp-for-creation" and its like.
bool is_left_over(std::string_view name) {
  static constexpr std::array<std::string_view, 3> kEndings = {".tmp-for-creation", kForDeletion, ".tmp"};
  return std::ranges::any_of(kEndings, [&](std::string_view ending) {
    return name.ends_with(ending) && is_ulid(name.substr(0, name.size() - ending.size()));
  });
}

}  // namespace

BlockSet::BlockSet(io::FileSystem& fs, std::string directory) : fs_(fs), directory_(std::move(directory)) {}

Result<void> BlockSet::clean_up() {
  auto entries = fs_.list(directory_);
  if (!entries) return pass(entries);
  for (const io::DirEntry& e : *entries) {
    if (e.is_directory && is_ulid(e.name)) {
      if (auto done = set_aside_if_incomplete(e.name); !done) return done;
    }
    if (!e.is_directory || !is_left_over(e.name)) continue;
    telemetry::info("Removing what an interrupted run left behind", {{"directory", e.name}});
    if (auto removed = fs_.remove_tree(path_of(e.name)); !removed) return removed;
  }
  return {};
}

Result<void> BlockSet::set_aside_if_incomplete(const std::string& ulid) {
  for (const char* file : {"/meta.json", "/index"}) {
    if (!fs_.exists(path_of(ulid) + file)) return set_aside(ulid, path_of(ulid) + file + " is missing");
  }
  return {};
}

std::map<std::string, std::shared_ptr<Block>> BlockSet::by_ulid() const {
  std::map<std::string, std::shared_ptr<Block>> loaded;
  for (const auto& block : snapshot()) loaded.emplace(block->meta().ulid, block);
  return loaded;
}

Result<void> BlockSet::reload() {
  auto entries = fs_.list(directory_);
  if (!entries) return pass(entries, "looking for blocks");
  auto loaded = by_ulid();
  unopened_maxt_ = kMinTime;
  std::map<std::string, std::string> damaged;
  std::set<std::string> present;
  for (const io::DirEntry& e : *entries) {
    if (e.is_directory && e.name.ends_with(kForDeletion)) delete_left_over(e.name);
    if (!e.is_directory || !is_ulid(e.name)) continue;
    present.insert(e.name);
    if (loaded.contains(e.name)) continue;
    auto block = Block::open(fs_, path_of(e.name));
    if (block) {
      loaded.emplace(e.name, std::move(*block));
    } else if (block.error().code == Code::corruption) {
      damaged.emplace(e.name, block.error().text);
    } else {
      remember_unopened(e.name, block.error());
    }
  }
  std::erase_if(loaded, [&](const auto& known) { return !present.contains(known.first); });
  return settle(std::move(loaded), damaged);
}

/// What could not be deleted when it was due, as on a failing disk. (Of the other left-overs one
/// may be in the making: promtool writes blocks into the directory of a running server.)
void BlockSet::delete_left_over(const std::string& name) {
  if (!is_left_over(name)) return;
  if (auto removed = fs_.remove_tree(path_of(name)); !removed) {
    telemetry::warn("A deleted block still lies on the disk; it will be tried again",
                    {{"directory", name}, {"error", removed.error().text}});
  }
}

Result<void> BlockSet::settle(std::map<std::string, std::shared_ptr<Block>> loaded,
                              const std::map<std::string, std::string>& damaged) {
  std::set<std::string> replaced;
  for (const auto& [ulid, block] : loaded) {
    for (const BlockDescription& parent : block->meta().parents) replaced.insert(parent.ulid);
  }
  std::vector<std::string> dead;
  std::vector<std::pair<std::string, std::string>> lost;
  for (const auto& [ulid, block] : loaded) {
    if (block->meta().deletable || replaced.contains(ulid)) dead.push_back(ulid);
  }
  for (const auto& bad : damaged) {
    if (replaced.contains(bad.first)) {
      dead.push_back(bad.first);
    } else {
      lost.push_back(bad);
    }
  }
  for (const std::string& ulid : dead) loaded.erase(ulid);
  publish(loaded);
  for (const auto& [ulid, why] : lost) {
    if (auto moved = set_aside(ulid, why); !moved) return moved;
  }
  if (!dead.empty()) {
    telemetry::info("Deleting blocks that a compacted one replaces, or that are empty",
                    {{"blocks", fmt::format("{}", fmt::join(dead, " "))}});
  }
  return remove(dead);
}

void BlockSet::remember_unopened(const std::string& ulid, const Error& error) {
  telemetry::error("A block cannot be opened now and will be tried again",
                   {{"block", ulid}, {"error", error.text}});
  // The head must not take in again, and write again, what this block holds.
  const auto text = fs_.read_file(path_of(ulid) + "/meta.json");
  if (!text) return;
  const auto meta = parse_block_meta(*text);
  if (meta && is_cut_from_head(*meta)) unopened_maxt_ = std::max(unopened_maxt_, meta->maxt);
}

Result<void> BlockSet::set_aside(const std::string& ulid, const std::string& why) {
  const std::string quarantine = directory_ + "/narthex/quarantine";
  ++quarantined_;
  telemetry::error("A damaged block is set aside; its samples are missing from queries",
                   {{"block", ulid}, {"moved_to", quarantine + "/" + ulid}, {"why", why}});
  if (auto made = fs_.make_directories(quarantine); !made) return made;
  const std::string to = free_name(fs_, quarantine, ulid);
  if (auto moved = fs_.rename(path_of(ulid), to); !moved) return moved;
  if (auto synced = fs_.sync_directory(quarantine); !synced) return synced;
  return fs_.sync_directory(directory_);
}

Result<std::shared_ptr<Block>> BlockSet::open_block(const std::string& ulid) {
  return Block::open(fs_, path_of(ulid));
}

void BlockSet::add(std::shared_ptr<Block> block) {
  auto loaded = by_ulid();
  for (const BlockDescription& parent : block->meta().parents) loaded.erase(parent.ulid);
  const std::string ulid = block->meta().ulid;
  loaded.insert_or_assign(ulid, std::move(block));
  publish(loaded);
}

Result<void> BlockSet::reopen(const std::string& ulid) {
  auto block = open_block(ulid);
  if (!block) return pass(block);
  auto loaded = by_ulid();
  loaded.insert_or_assign(ulid, std::move(*block));
  publish(loaded);
  return {};
}

Result<void> BlockSet::write_meta(const std::string& ulid, const std::function<void(BlockMeta&)>& change) {
  const auto loaded = by_ulid();
  const auto known = loaded.find(ulid);
  if (known == loaded.end()) return fail(Code::not_found, "there is no block " + ulid);
  BlockMeta meta = known->second->meta();
  change(meta);
  const std::string json = write_block_meta(meta);
  if (auto written = io::replace_file(fs_, path_of(ulid) + "/meta.json", io::as_bytes(json)); !written)
    return pass(written, "block " + ulid);
  return reopen(ulid);
}

Result<void> BlockSet::remove(const std::vector<std::string>& ulids) {
  auto loaded = by_ulid();
  for (const std::string& ulid : ulids) loaded.erase(ulid);
  publish(loaded);
  Result<void> first_error;
  for (const std::string& ulid : ulids) {
    auto removed = remove_directory(ulid);
    if (!removed && first_error) first_error = pass(removed, "deleting block " + ulid);
  }
  return first_error;
}

void BlockSet::publish(const std::map<std::string, std::shared_ptr<Block>>& loaded) {
  Blocks sorted;
  for (const auto& [ulid, block] : loaded) sorted.push_back(block);
  std::ranges::sort(sorted, [](const auto& a, const auto& b) {
    const BlockMeta& x = a->meta();
    const BlockMeta& y = b->meta();
    return x.mint != y.mint ? x.mint < y.mint : x.ulid < y.ulid;
  });
  const sync::MutexLock lock(mutex_);
  blocks_ = std::move(sorted);
}

Result<void> BlockSet::remove_directory(const std::string& ulid) {
  // The new name first: an interrupted removal must not leave half a block behind.
  const std::string doomed = path_of(ulid) + std::string(kForDeletion);
  if (auto moved = fs_.rename(path_of(ulid), doomed); !moved) return moved;
  if (auto synced = fs_.sync_directory(directory_); !synced) return synced;
  return fs_.remove_tree(doomed);
}

Blocks BlockSet::snapshot() const {
  const sync::MutexLock lock(mutex_);
  return blocks_;
}

Timestamp BlockSet::newest_maxt(Timestamp now) const {
  Timestamp newest = unopened_maxt_;
  for (const auto& block : snapshot()) {
    if (block->meta().mint <= now && is_cut_from_head(block->meta()))
      newest = std::max(newest, block->meta().maxt);
  }
  return newest;
}

std::uint64_t BlockSet::size_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& block : snapshot()) bytes += block->size_bytes();
  return bytes;
}

}  // namespace narthex::tsdb

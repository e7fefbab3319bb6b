#include "tsdb/wal/checkpoint_repair.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "telemetry/log.h"
#include "tsdb/wal/segments.h"

namespace narthex::tsdb {
namespace {

constexpr std::string_view kPrefix = "checkpoint.";

struct Checkpoints {
  std::vector<std::uint32_t> numbers;  ///< ascending
  std::vector<std::string> unfinished;
};

Result<Checkpoints> list_checkpoints(io::FileSystem& fs, const std::string& wal_dir) {
  Checkpoints found;
  auto entries = fs.list(wal_dir);
  if (!entries) return pass(entries);
  for (const io::DirEntry& e : *entries) {
    if (!e.is_directory || !e.name.starts_with(kPrefix)) continue;
    if (const auto number = parse_segment_name(std::string_view(e.name).substr(kPrefix.size())))
      found.numbers.push_back(*number);
    else if (e.name.ends_with(".tmp"))
      found.unfinished.push_back(e.name);
  }
  std::ranges::sort(found.numbers);
  return found;
}

Result<void> remove_unfinished(io::FileSystem& fs, const std::string& wal_dir,
                               const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    telemetry::info("Removing a checkpoint that was never finished", {{"directory", name}});
    if (auto removed = fs.remove_tree(wal_dir + "/" + name); !removed) return removed;
  }
  return names.empty() ? Result<void>{} : fs.sync_directory(wal_dir);
}

/// Whether the log can be read as if there were no checkpoint `newest`.
Result<bool> is_dispensable(io::FileSystem& fs, const std::string& wal_dir, const Checkpoints& found) {
  auto segments = list_segments(fs, wal_dir);
  if (!segments) return pass(segments);
  if (segments->empty() || segments->back() < found.numbers.back()) return false;
  const std::size_t count = found.numbers.size();
  const std::uint32_t first = count < 2 ? 0 : found.numbers[count - 2] + 1;
  return segments->front() <= first;
}

/// Why it cannot be relied on; nothing if it can.
Result<std::optional<std::string>> fault_of(io::FileSystem& fs, const std::string& checkpoint) {
  auto files = list_segment_files(fs, checkpoint);
  if (!files) return pass(files);
  std::optional<std::string> fault;
  if (files->empty()) fault = "it is empty";
  for (std::size_t i = 0; i < files->size() && !fault; ++i) {
    const SegmentFile& file = (*files)[i];
    if (i > 0 && file.number != (*files)[i - 1].number + 1) fault = "segments are missing";
    if (file.size_bytes == 0) continue;
    auto mapping = fs.map(checkpoint + "/" + file.name);
    if (!mapping) return pass(mapping);
    verify_segment((*mapping)->bytes(), [&](std::uint64_t offset, std::uint64_t, const std::string& why) {
      if (!fault) fault = "segment " + file.name + " at offset " + std::to_string(offset) + ": " + why;
    });
  }
  return fault;
}

Result<void> set_aside(io::FileSystem& fs, const std::string& wal_dir, const std::string& name,
                       const std::string& quarantine_dir) {
  if (auto made = fs.make_directories(quarantine_dir); !made) return made;
  const std::string to = free_name(fs, quarantine_dir, name);
  if (auto moved = fs.rename(wal_dir + "/" + name, to); !moved) return moved;
  if (auto synced = fs.sync_directory(quarantine_dir); !synced) return synced;
  return fs.sync_directory(wal_dir);
}

/// Adds series records of `refs` in the segments of `dir` up to `last`, each once.
void collect_names(io::FileSystem& fs, const std::string& dir, std::uint32_t last,
                   std::span<const WalRef> refs, std::map<WalRef, SeriesRecord>& names) {
  const auto segments = list_segment_files(fs, dir);
  if (!segments) return;
  std::vector<SeriesRecord> series;
  for (const SegmentFile& segment : *segments) {
    if (segment.number > last) return;
    auto reader = WalReader::open(fs, dir + "/" + segment.name, segment.number, nullptr);
    if (!reader) continue;
    while (const auto record = reader->next()) {
      if (record_type(*record) != RecordType::series) continue;
      series.clear();
      if (!decode_series(*record, series)) continue;
      for (SeriesRecord& s : series) {
        if (std::ranges::binary_search(refs, s.ref)) names.try_emplace(s.ref, std::move(s));
      }
    }
  }
}

}  // namespace

std::vector<SeriesRecord> names_before_checkpoint(io::FileSystem& fs, const std::string& wal_dir,
                                                  std::span<const WalRef> refs) {
  std::vector<SeriesRecord> found;
  const auto checkpoints = list_checkpoints(fs, wal_dir);
  if (!checkpoints || checkpoints->numbers.empty()) return found;
  std::map<WalRef, SeriesRecord> names;
  const std::uint32_t newest = checkpoints->numbers.back();
  for (const std::uint32_t number : checkpoints->numbers) {
    if (number == newest) break;
    collect_names(fs, wal_dir + "/" + std::string(kPrefix) + segment_name(number), ~std::uint32_t{0}, refs,
                  names);
  }
  collect_names(fs, wal_dir, newest, refs, names);
  for (auto& [ref, series] : names) found.push_back(std::move(series));
  return found;
}

Result<void> settle_checkpoints(io::FileSystem& fs, const std::string& wal_dir,
                                const std::string& quarantine_dir) {
  static constexpr const char* kDuring = "looking at WAL checkpoints";
  auto found = list_checkpoints(fs, wal_dir);
  if (!found) return pass(found, kDuring);
  if (auto removed = remove_unfinished(fs, wal_dir, found->unfinished); !removed)
    return pass(removed, kDuring);
  if (found->numbers.empty()) return {};
  const std::string name = std::string(kPrefix) + segment_name(found->numbers.back());
  // Only then reading it twice is worth the time.
  auto dispensable = is_dispensable(fs, wal_dir, *found);
  if (!dispensable) return pass(dispensable, kDuring);
  if (*dispensable) {
    auto fault = fault_of(fs, wal_dir + "/" + name);
    if (!fault) return pass(fault, kDuring);
    if (!*fault) return {};
    telemetry::error("A damaged WAL checkpoint is set aside; the log still has what it was made from",
                     {{"checkpoint", name}, {"why", **fault}});
    return set_aside(fs, wal_dir, name, quarantine_dir);
  }
  // Nothing else has what it holds: a missing segment is made up for, damage left out after replay.
  return settle_segments(fs, wal_dir + "/" + name);
}

Result<WalRepair> repair_checkpoint(io::FileSystem& fs, const std::string& wal_dir,
                                    const std::string& quarantine_dir) {
  auto newest = last_checkpoint(fs, wal_dir);
  if (!newest) return pass(newest, "repairing a WAL checkpoint");
  if (!*newest) return WalRepair{};
  auto segments = list_segments(fs, (*newest)->first);
  if (!segments) return pass(segments, "repairing a WAL checkpoint");
  return repair_segments(fs, (*newest)->first, *segments, quarantine_dir);
}

}  // namespace narthex::tsdb

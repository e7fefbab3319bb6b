#include <fmt/format.h>

#include "telemetry/log.h"
#include "tsdb/wal/segments.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {
namespace {

/// More missing numbers in a row than this are taken for a file that does not belong there.
constexpr std::uint32_t kMaxMissingSegments = 64;

Result<void> write_synced(io::FileSystem& fs, const std::string& path, io::Bytes bytes) {
  auto file = fs.open_writable(path, io::OpenMode::create_truncate);
  if (!file) return pass(file);
  if (auto written = (*file)->append(bytes); !written) return written;
  return (*file)->sync();
}

/// Under the names of the folder and the file: the old bytes of an earlier repair stay.
Result<void> keep_old_bytes(io::FileSystem& fs, const std::string& quarantine_dir, const std::string& dir,
                            const std::string& name, io::Bytes bytes) {
  if (auto made = fs.make_directories(quarantine_dir); !made) return made;
  const std::string folder = dir.substr(dir.rfind('/') + 1);
  const std::string path = free_name(fs, quarantine_dir, folder + "-" + name);
  if (auto kept = write_synced(fs, path, bytes); !kept) return kept;
  if (auto synced = fs.sync_directory(quarantine_dir); !synced) return synced;
  telemetry::warn("Kept the damaged WAL segment", {{"as", path}});
  return {};
}

Result<void> repair_segment(io::FileSystem& fs, const std::string& dir, const std::string& name,
                            const std::string& quarantine_dir, io::Bytes first, WalRepair& repair) {
  const std::string path = dir + "/" + name;
  auto size = fs.file_size(path);
  if (!size) return pass(size);
  if (*size == 0) return {};
  auto mapping = fs.map(path);
  if (!mapping) return pass(mapping);
  const io::Bytes bytes = (*mapping)->bytes();
  std::uint64_t dropped = 0;
  verify_segment(bytes, [&](std::uint64_t offset, std::uint64_t length, const std::string& why) {
    dropped += length;
    telemetry::warn("Damage in the WAL is left out", {{"segment", name},
                                                      {"offset", std::to_string(offset)},
                                                      {"bytes", std::to_string(length)},
                                                      {"reason", why}});
  });
  if (dropped == 0) return {};
  if (repair.has_first) first = {};
  const CleanSegment clean =
      clean_segment(bytes, [](std::uint64_t, std::uint64_t, const std::string&) {}, first);
  if (auto kept = keep_old_bytes(fs, quarantine_dir, dir, name, bytes); !kept)
    return pass(kept, "keeping the damaged bytes");
  if (auto replaced = io::replace_file(fs, path, clean.bytes); !replaced) return replaced;
  telemetry::warn("WAL segment written anew without its damage",
                  {{"segment", name}, {"records", std::to_string(clean.records)}});
  repair.rewritten.push_back(path);
  repair.has_first |= !first.empty();
  repair.dropped_bytes += dropped;
  return {};
}

/// Prometheus refuses to start where a number is missing: an empty segment stands in for it.
Result<void> fill_gaps(io::FileSystem& fs, const std::string& dir, const std::vector<SegmentFile>& files) {
  bool filled = false;
  for (std::size_t i = 1; i < files.size(); ++i) {
    const std::uint32_t first = files[i - 1].number + 1;
    const std::uint32_t last = files[i].number;
    if (first > last || last - first > kMaxMissingSegments) {
      auto listed = list_segments(fs, dir);
      if (!listed) return pass(listed);
    }
    for (std::uint32_t missing = first; missing < last; ++missing) {
      telemetry::error("A WAL segment is missing; what it held is lost",
                       {{"dir", dir}, {"segment", segment_name(missing)}});
      if (auto made = write_synced(fs, segment_path(dir, missing), {}); !made) return made;
      filled = true;
    }
  }
  return filled ? fs.sync_directory(dir) : Result<void>{};
}

/// Old versions wrote other widths; everything else here goes by eight digits.
Result<void> normalise_name(io::FileSystem& fs, const std::string& dir, SegmentFile& file) {
  const std::string name = segment_name(file.number);
  if (file.name == name) return {};
  if (auto renamed = fs.rename(dir + "/" + file.name, dir + "/" + name); !renamed) return renamed;
  file.name = name;
  return fs.sync_directory(dir);
}

/// What an interrupted repair left. Ours: a file that was to replace a segment. Prometheus': the whole
/// segment under another name, while the one of its name has its first records only.
Result<void> take_up_repair(io::FileSystem& fs, const std::string& dir) {
  static constexpr std::string_view kOurs = ".tmp";
  static constexpr std::string_view kTheirs = ".repair";
  const auto is_of_segment = [](std::string_view name, std::string_view ending) {
    return name.ends_with(ending) && parse_segment_name(name.substr(0, name.size() - ending.size()));
  };
  auto entries = fs.list(dir);
  if (!entries) return entries.error().code == Code::not_found ? Result<void>{} : pass(entries);
  bool changed = false;
  for (const io::DirEntry& e : *entries) {
    const std::string path = dir + "/" + e.name;
    if (e.is_directory) continue;
    Result<void> done;
    if (is_of_segment(e.name, kTheirs)) {
      const std::string segment = path.substr(0, path.size() - kTheirs.size());
      telemetry::warn(
          "Prometheus was interrupted while it repaired a WAL segment: what it had put aside is read",
          {{"segment", segment}});
      done = fs.rename(path, segment);
    } else if (is_of_segment(e.name, kOurs)) {
      done = fs.remove_file(path);
    } else {
      continue;
    }
    if (!done) return done;
    changed = true;
  }
  return changed ? fs.sync_directory(dir) : Result<void>{};
}

}  // namespace

Result<void> settle_segments(io::FileSystem& fs, const std::string& dir) {
  if (auto taken = take_up_repair(fs, dir); !taken) return pass(taken, "repairing the WAL");
  auto files = list_segment_files(fs, dir);
  if (!files) return pass(files, "repairing the WAL");
  if (auto filled = fill_gaps(fs, dir, *files); !filled) return pass(filled, "repairing the WAL");
  for (SegmentFile& file : *files) {
    if (auto named = normalise_name(fs, dir, file); !named)
      return pass(named, "renaming WAL segment " + file.name);
  }
  return {};
}

Result<WalRepair> repair_segments(io::FileSystem& fs, const std::string& dir,
                                  std::span<const std::uint32_t> segments, const std::string& quarantine_dir,
                                  io::Bytes first) {
  WalRepair repair;
  for (const std::uint32_t segment : segments) {
    const std::string name = segment_name(segment);
    if (auto repaired = repair_segment(fs, dir, name, quarantine_dir, first, repair); !repaired)
      return pass(repaired, "repairing WAL segment " + name);
  }
  return repair;
}

Result<WalRepair> repair_wal(io::FileSystem& fs, const std::string& dir, const std::string& quarantine_dir) {
  if (auto settled = settle_segments(fs, dir); !settled) return pass(settled);
  auto segments = list_segments(fs, dir);
  if (!segments) return pass(segments);
  return repair_segments(fs, dir, *segments, quarantine_dir);
}

}  // namespace narthex::tsdb

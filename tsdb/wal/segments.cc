#include "tsdb/wal/segments.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "tsdb/wal/compression.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {

std::string segment_name(std::uint32_t segment) {
  return fmt::format("{:08}", segment);
}

std::string segment_path(const std::string& dir, std::uint32_t segment) {
  return fmt::format("{}/{:08}", dir, segment);
}

std::optional<std::uint32_t> parse_segment_name(std::string_view name) {
  if (name.empty()) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : name) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
    if (number > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  }
  return static_cast<std::uint32_t>(number);
}

Result<std::vector<SegmentFile>> list_segment_files(io::FileSystem& fs, const std::string& dir) {
  std::vector<SegmentFile> files;
  auto entries = fs.list(dir);
  if (!entries) {
    if (entries.error().code == Code::not_found) return files;
    return pass(entries, "listing WAL segments");
  }
  for (io::DirEntry& entry : *entries) {
    if (entry.is_directory) continue;
    if (const auto number = parse_segment_name(entry.name))
      files.push_back({*number, std::move(entry.name), entry.size_bytes});
  }
  std::sort(files.begin(), files.end(),
            [](const SegmentFile& a, const SegmentFile& b) { return a.number < b.number; });
  return files;
}

std::string free_name(io::FileSystem& fs, const std::string& dir, const std::string& name) {
  std::string path = dir + "/" + name;
  for (int i = 1; fs.exists(path); ++i) path = fmt::format("{}/{}.{}", dir, name, i);
  return path;
}

Result<std::uint64_t> measure_wal(io::FileSystem& fs, const std::string& dir) {
  auto entries = fs.list(dir);
  if (!entries) return pass(entries);
  std::uint64_t bytes = 0;
  for (const io::DirEntry& entry : *entries) {
    if (!entry.is_directory) {
      bytes += entry.size_bytes;
    } else {
      auto below = measure_wal(fs, dir + "/" + entry.name);
      // A checkpoint may be removed while we look.
      if (!below && below.error().code != Code::not_found) return below;
      if (below) bytes += *below;
    }
  }
  return bytes;
}

Result<std::vector<std::uint32_t>> list_segments(io::FileSystem& fs, const std::string& dir) {
  auto files = list_segment_files(fs, dir);
  if (!files) return pass(files);
  std::vector<std::uint32_t> numbers;
  for (const SegmentFile& file : *files) {
    if (!numbers.empty() && numbers.back() + 1 != file.number) {
      return fail(
          Code::corruption,
          fmt::format("WAL segments in {} are not sequential: {:08} is followed by {}; move away what "
                      "does not belong there",
                      dir, numbers.back(), file.name));
    }
    numbers.push_back(file.number);
  }
  return numbers;
}

Result<std::optional<std::pair<std::string, std::uint32_t>>> last_checkpoint(io::FileSystem& fs,
                                                                             const std::string& dir) {
  std::optional<std::pair<std::string, std::uint32_t>> newest;
  auto entries = fs.list(dir);
  if (!entries) {
    if (entries.error().code == Code::not_found) return newest;
    return pass(entries, "looking for WAL checkpoints");
  }
  constexpr std::string_view kPrefix = "checkpoint.";
  for (const io::DirEntry& entry : *entries) {
    if (!entry.is_directory || !entry.name.starts_with(kPrefix)) continue;
    const auto number = parse_segment_name(std::string_view(entry.name).substr(kPrefix.size()));
    if (number && (!newest || *number > newest->second)) newest.emplace(dir + "/" + entry.name, *number);
  }
  return newest;
}

namespace {

template <class Keep>
void walk_segment(io::Bytes segment, const OnGap& damaged, Keep keep) {
  RecordDecompressor decompressor;
  RecordScanner scanner(segment, damaged);
  while (const auto record = scanner.next()) {
    if (auto whole = decompressor.verify(record->flag, record->data); !whole) {
      damaged(record->offset, record->end - record->offset, whole.error().text);
      continue;
    }
    keep(*record);
  }
}

}  // namespace

std::uint64_t verify_segment(io::Bytes segment, const OnGap& damaged) {
  std::uint64_t records = 0;
  walk_segment(segment, damaged, [&records](const RawRecord&) { ++records; });
  return records;
}

CleanSegment clean_segment(io::Bytes segment, const OnGap& damaged, io::Bytes first) {
  CleanSegment clean;
  clean.bytes.reserve(segment.size() + first.size());
  std::uint64_t offset = 0;
  if (!first.empty()) {
    offset = frame_record(offset, RecordFlag::plain, first, clean.bytes);
    ++clean.records;
  }
  walk_segment(segment, damaged, [&](const RawRecord& record) {
    offset = frame_record(offset, record.flag, record.data, clean.bytes);
    ++clean.records;
  });
  return clean;
}

}  // namespace narthex::tsdb

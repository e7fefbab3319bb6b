#include "tsdb/adoption.h"

#include <fmt/format.h>

#include <algorithm>

#include "tsdb/block/block_meta.h"
#include "tsdb/wal/segments.h"

namespace narthex::tsdb {
namespace {

/// A log and nothing else: a server makes chunks_head when it starts first.
bool looks_like_agent(io::FileSystem& fs, const std::string& directory,
                      const std::vector<io::DirEntry>& entries) {
  const bool has_store = std::ranges::any_of(entries, [](const io::DirEntry& e) {
    return e.is_directory && (e.name == "chunks_head" || e.name == "narthex" || is_ulid(e.name));
  });
  if (has_store) return false;
  const auto segments = list_segment_files(fs, directory + "/wal");
  return segments &&
         std::ranges::any_of(*segments, [](const SegmentFile& file) { return file.size_bytes > 0; });
}

}  // namespace

std::vector<std::string> look_over(io::FileSystem& fs, const std::string& directory) {
  std::vector<std::string> notes;
  const auto entries = fs.list(directory);
  if (!entries) return notes;
  if (looks_like_agent(fs, directory, *entries)) {
    notes.emplace_back(
        "The data directory has a log and nothing else, as that of a Prometheus agent: its samples are taken "
        "over; an agent that goes on with it afterwards sends what we write");
  }
  const auto space = fs.space(directory);
  if (space && space->is_nfs) {
    notes.emplace_back(
        "The data directory is on NFS, where locks and syncs cannot be relied on: a crash may damage it; use "
        "a local disk");
  }
  return notes;
}

Result<void> refuse_if_queried(io::FileSystem& fs, const std::string& directory) {
  const std::string path = directory + "/queries.active";
  const auto holder = fs.holder_of(path);
  if (!holder) return {};
  return fail(
      Code::unavailable,
      fmt::format("process {} has {} open: stop the Prometheus that runs on this directory", *holder, path));
}

}  // namespace narthex::tsdb

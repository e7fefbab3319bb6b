// A start with a snapshot of the head does not read the checkpoint and the segments before it. Prometheus
// would: behind a damaged record it deletes everything. So they are checked, and repaired, in the first round
// of the background. Of series records that are lost the head has the labels, of samples the chunks.
#include <algorithm>
#include <utility>

#include "telemetry/log.h"
#include "tsdb/db_impl.h"
#include "tsdb/wal/segments.h"

namespace narthex::tsdb {
namespace {

/// Segments of a directory that hold something unreadable.
Result<std::vector<std::uint32_t>> find_damage(io::FileSystem& fs, const std::string& directory,
                                               std::uint32_t end, const sync::StopToken& stop) {
  std::vector<std::uint32_t> damaged;
  auto segments = list_segment_files(fs, directory);
  if (!segments) return pass(segments);
  for (const SegmentFile& segment : *segments) {
    if (segment.number >= end || segment.size_bytes == 0) continue;
    if (stop.stopped()) return fail(Code::cancelled, "the database is closing");
    auto mapping = fs.map(directory + "/" + segment.name);
    if (!mapping) return pass(mapping);
    bool is_damaged = false;
    verify_segment((*mapping)->bytes(),
                   [&](std::uint64_t, std::uint64_t, const std::string&) { is_damaged = true; });
    (*mapping)->release_pages();
    if (is_damaged) damaged.push_back(segment.number);
  }
  return damaged;
}

/// References that series records of the directory name.
Result<void> read_names(io::FileSystem& fs, const std::string& directory, std::vector<WalRef>& named) {
  auto segments = list_segments(fs, directory);
  if (!segments) return pass(segments);
  std::vector<SeriesRecord> series;
  for (const std::uint32_t segment : *segments) {
    auto reader = WalReader::open(fs, segment_path(directory, segment), segment, {});
    if (!reader) return pass(reader);
    while (const auto record = reader->next()) {
      if (record_type(*record) != RecordType::series) continue;
      series.clear();
      if (!decode_series(*record, series)) continue;
      for (const SeriesRecord& s : series) named.push_back(s.ref);
    }
  }
  return {};
}

}  // namespace

Result<void> Db::Impl::check_unread_log() {
  std::uint32_t end = 0;
  {
    const sync::MutexLock guard(snapshot_mutex);
    end = std::exchange(unread_before, 0);
  }
  if (end == 0) return {};
  auto checkpoint = last_checkpoint(fs, wal_directory());
  if (!checkpoint) return pass(checkpoint);
  const std::string checkpoint_directory = *checkpoint ? (*checkpoint)->first : std::string();
  std::vector<std::uint32_t> in_checkpoint;
  if (*checkpoint) {
    auto found = find_damage(fs, checkpoint_directory, ~std::uint32_t{0}, stop.token());
    if (!found) return pass(found, "checking the checkpoint");
    in_checkpoint = std::move(*found);
  }
  auto in_segments = find_damage(fs, wal_directory(), end, stop.token());
  if (!in_segments) return pass(in_segments, "checking the WAL");
  if (in_checkpoint.empty() && in_segments->empty()) return {};

  damaged_records += in_checkpoint.size() + in_segments->size();
  wal->count_corruptions(in_checkpoint.size() + in_segments->size());
  std::vector<WalRef> named;
  if (*checkpoint) {
    if (auto read = read_names(fs, checkpoint_directory, named); !read) return read;
  }
  if (auto read = read_names(fs, wal_directory(), named); !read) return read;
  std::ranges::sort(named);
  const std::vector<SeriesRecord> lost = head.series_besides(named);
  std::vector<std::byte> names;
  if (!lost.empty()) encode_series(lost, names);
  if (auto kept = put_samples_into_files(); !kept) return kept;
  telemetry::warn("The WAL was damaged where the start had not read it; it is repaired",
                  {{"segments", std::to_string(in_segments->size())},
                   {"segments_of_the_checkpoint", std::to_string(in_checkpoint.size())},
                   {"series_named_anew", std::to_string(lost.size())}});
  auto repaired = repair_segments(fs, checkpoint_directory, in_checkpoint, quarantine_directory(), names);
  if (!repaired) return pass(repaired);
  if (repaired->has_first) names.clear();
  repaired = repair_segments(fs, wal_directory(), *in_segments, quarantine_directory(), names);
  if (!repaired) return pass(repaired);
  // With their sizes of now.
  snapshots.note_segments();
  return {};
}

}  // namespace narthex::tsdb

#include "tsdb/wal/checkpoint.h"

#include <fmt/format.h>

#include "telemetry/log.h"
#include "tsdb/wal/record_filter.h"
#include "tsdb/wal/segments.h"

namespace narthex::tsdb {
namespace {

/// Records are handed to the new log in groups of about this size.
constexpr std::size_t kGroupBytes = 1 << 20;

constexpr std::string_view kPrefix = "checkpoint.";
constexpr std::string_view kTemporary = ".tmp";

class CheckpointWriter {
 public:
  CheckpointWriter(io::FileSystem& fs, RecordFilter filter) : fs_(fs), filter_(std::move(filter)) {}

  Result<void> open(const std::string& dir, WalOptions options) {
    auto wal = Wal::open(fs_, dir, options, nullptr);
    if (!wal) return pass(wal);
    wal_ = *std::move(wal);
    return {};
  }

  /// Takes over what stays of the segments of `dir` from `first` to `last`.
  Result<void> copy(const std::string& dir, std::uint32_t first, std::uint32_t last) {
    auto segments = list_segments(fs_, dir);
    if (!segments) return pass(segments);
    for (const std::uint32_t segment : *segments) {
      if (segment < first || segment > last) continue;
      if (auto copied = copy_segment(dir, segment); !copied) return copied;
    }
    return {};
  }

  /// @return once everything is on disk
  Result<void> finish() {
    const std::size_t start = bytes_.size();
    filter_.put_metadata(bytes_);
    end_record(start);
    if (auto written = write_group(); !written) return written;
    if (auto synced = wal_->sync(); !synced) return synced;
    wal_.reset();
    return {};
  }

  [[nodiscard]] const CheckpointStats& stats() const { return stats_; }

 private:
  Result<void> copy_segment(const std::string& dir, std::uint32_t segment) {
    const std::string path = segment_path(dir, segment);
    auto reader =
        WalReader::open(fs_, path, segment, [&](WalPosition at, std::uint64_t bytes, const std::string& why) {
          ++stats_.damaged;
          telemetry::error("A checkpoint leaves out what cannot be read",
                           {{"segment", path},
                            {"offset", std::to_string(at.offset)},
                            {"bytes", std::to_string(bytes)},
                            {"reason", why}});
        });
    if (!reader) return pass(reader);
    while (const auto record = reader->next()) {
      ++stats_.records_read;
      const std::size_t start = bytes_.size();
      filter_.apply(*record, bytes_);
      end_record(start);
      if (bytes_.size() < kGroupBytes) continue;
      if (auto written = write_group(); !written) return written;
    }
    return {};
  }

  void end_record(std::size_t start) {
    if (bytes_.size() > start) ends_.push_back(bytes_.size());
  }

  Result<void> write_group() {
    std::vector<io::Bytes> records;
    std::size_t begin = 0;
    for (const std::size_t end : ends_) {
      records.push_back(io::Bytes(bytes_).subspan(begin, end - begin));
      begin = end;
    }
    auto logged = wal_->log(records);
    stats_.records_written += ends_.size();
    stats_.bytes_written += bytes_.size();
    bytes_.clear();
    ends_.clear();
    return logged;
  }

  io::FileSystem& fs_;
  RecordFilter filter_;
  std::unique_ptr<Wal> wal_;
  std::vector<std::byte> bytes_;   ///< records that wait, one after the other
  std::vector<std::size_t> ends_;  ///< where each ends
  CheckpointStats stats_;
};

/// Whether the directory holds exactly the records that went into it.
Result<void> read_back(io::FileSystem& fs, const std::string& dir, std::uint64_t want) {
  auto segments = list_segments(fs, dir);
  if (!segments) return pass(segments);
  std::uint64_t records = 0;
  std::string fault;
  for (const std::uint32_t segment : *segments) {
    auto reader =
        WalReader::open(fs, segment_path(dir, segment), segment,
                        [&fault](WalPosition at, std::uint64_t, const std::string& why) {
                          fault = fmt::format("segment {:08} at offset {}: {}", at.segment, at.offset, why);
                        });
    if (!reader) return pass(reader);
    while (reader->next()) ++records;
  }
  if (!fault.empty()) return fail(Code::corruption, "read back, it is damaged: " + fault);
  if (records != want)
    return fail(Code::corruption, fmt::format("read back, it has {} records in place of {}", records, want));
  return {};
}

/// Removes checkpoints below `number`, and what unfinished ones left.
Result<void> remove_old(io::FileSystem& fs, const std::string& wal_dir, std::uint32_t number) {
  auto entries = fs.list(wal_dir);
  if (!entries) return pass(entries);
  for (const io::DirEntry& entry : *entries) {
    if (!entry.is_directory || !entry.name.starts_with(kPrefix)) continue;
    const std::string_view rest = std::string_view(entry.name).substr(kPrefix.size());
    const auto own = parse_segment_name(rest);
    if (own ? *own >= number : !rest.ends_with(kTemporary)) continue;
    if (auto removed = fs.remove_tree(wal_dir + "/" + entry.name); !removed) return removed;
  }
  return fs.sync_directory(wal_dir);
}

Result<CheckpointStats> write_to(io::FileSystem& fs, const std::string& wal_dir, const std::string& temporary,
                                 std::uint32_t up_to, RecordFilter filter, WalOptions options) {
  auto previous = last_checkpoint(fs, wal_dir);
  if (!previous) return pass(previous);
  auto segments = list_segments(fs, wal_dir);
  if (!segments) return pass(segments);
  const std::uint32_t first = *previous ? (*previous)->second + 1 : 0;
  if (*previous && !segments->empty() && segments->front() > first) {
    return fail(Code::corruption, fmt::format("segments {:08} to {:08} behind checkpoint {:08} are missing",
                                              first, segments->front() - 1, first - 1));
  }
  CheckpointWriter writer(fs, std::move(filter));
  if (auto opened = writer.open(temporary, options); !opened) return pass(opened);
  if (*previous) {
    if (auto copied = writer.copy((*previous)->first, 0, ~std::uint32_t{0}); !copied) return pass(copied);
  }
  if (auto copied = writer.copy(wal_dir, first, up_to); !copied) return pass(copied);
  if (auto finished = writer.finish(); !finished) return pass(finished);
  if (auto good = read_back(fs, temporary, writer.stats().records_written); !good) return pass(good);
  return writer.stats();
}

}  // namespace

Result<CheckpointStats> write_checkpoint(io::FileSystem& fs, const std::string& wal_dir,
                                         std::uint32_t up_to_segment, const std::function<bool(WalRef)>& keep,
                                         Timestamp mint, WalOptions options, Timestamp deletions_from) {
  const std::string destination = fmt::format("{}/{}{:08}", wal_dir, kPrefix, up_to_segment);
  const std::string temporary = destination + std::string(kTemporary);
  const std::string during = "writing checkpoint " + destination;
  if (fs.exists(destination)) {
    // Perhaps from a call that failed to sync its name.
    if (auto synced = fs.sync_directory(wal_dir); !synced) return pass(synced, during);
    return CheckpointStats{};
  }
  if (auto removed = fs.remove_tree(temporary); !removed) return pass(removed, during);
  auto stats =
      write_to(fs, wal_dir, temporary, up_to_segment, RecordFilter(keep, mint, deletions_from), options);
  Result<void> published;
  if (stats) published = io::publish_directory(fs, temporary, destination);
  if (!stats || !published) {
    Error error = stats ? published.error() : stats.error();
    const auto removed = fs.remove_tree(temporary);
    if (!removed) error.text += " (and " + removed.error().text + ")";
    return std::unexpected(std::move(error).during(during));
  }
  // The new one is in force; a rest of an old one does no harm.
  if (auto removed = remove_old(fs, wal_dir, up_to_segment); !removed)
    telemetry::warn("Removing old checkpoints failed", {{"dir", wal_dir}, {"err", removed.error().text}});
  return stats;
}

}  // namespace narthex::tsdb

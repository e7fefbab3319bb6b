#include "tsdb/wal/wal.h"

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/summary.h>

#include <atomic>
#include <filesystem>
#include <utility>

#include "model/clock.h"
#include "sync/mutex.h"
#include "telemetry/log.h"
#include "tsdb/wal/compression.h"
#include "tsdb/wal/framing.h"
#include "tsdb/wal/packing_trials.h"
#include "tsdb/wal/segments.h"
#include "tsdb/wal/wal_metrics.h"

namespace narthex::tsdb {
namespace {

/// A buffer larger than this is not kept by a thread between two groups.
constexpr std::size_t kKeptBufferBytes = 4 << 20;

/// The records of one log() call, compressed.
class Group {
 public:
  void encode(std::span<const io::Bytes> records, WalCompression compression, PackingTrials& trials) {
    std::size_t end = 0;
    for (const io::Bytes record : records) {
      // Who asks for zstd asks for small logs.
      const bool is_tried = compression == WalCompression::zstd || trials.is_due(record);
      const CompressedRecord packed =
          is_tried ? compress_record(compression, record, packed_, end) : CompressedRecord{};
      const bool is_plain = packed.flag == RecordFlag::plain;
      const std::size_t saved = is_plain ? 0 : record.size() - packed.size;
      if (is_tried) trials.note(record, saved);
      pieces_.push_back({packed.flag, is_plain ? record : io::Bytes(), end, packed.size});
      saved_ += saved;
      end += packed.size;
    }
  }
  /// @return the offset behind the group
  std::uint64_t frame(std::uint64_t offset) {
    framed_.clear();
    for (const Piece& piece : pieces_) {
      const io::Bytes data =
          piece.flag == RecordFlag::plain ? piece.plain : io::Bytes(packed_).subspan(piece.at, piece.size);
      offset = frame_record(offset, piece.flag, data, framed_);
    }
    return offset;
  }
  [[nodiscard]] io::Bytes framed() const { return framed_; }
  [[nodiscard]] std::uint64_t saved_bytes() const { return saved_; }
  void clear() {
    pieces_.clear();
    framed_.clear();
    saved_ = 0;
    if (packed_.capacity() > kKeptBufferBytes) packed_ = {};
    if (framed_.capacity() > kKeptBufferBytes) framed_ = {};
  }

 private:
  struct Piece {
    RecordFlag flag;
    io::Bytes plain;  ///< the caller's bytes
    std::size_t at;   ///< in packed_
    std::size_t size;
  };
  std::vector<Piece> pieces_;
  std::vector<std::byte> packed_;  ///< what stands behind the last piece is of older groups
  std::vector<std::byte> framed_;
  std::uint64_t saved_ = 0;
};

/// A segment and how many of its bytes are whole records.
struct Written {
  std::uint32_t number = 0;
  std::uint64_t bytes = 0;
};
/// A segment that takes no more records, still open to be synced.
struct Finished {
  Written segment;
  std::unique_ptr<io::WritableFile> file;
};

/// As Prometheus calls them.
std::string metric_prefix(const std::string& dir) {
  return std::filesystem::path(dir).filename() == "wbl" ? "prometheus_tsdb_out_of_order_wbl_"
                                                        : "prometheus_tsdb_wal_";
}

/// With its own entry on disk: a power cut must not take the whole log.
Result<void> make_directory(io::FileSystem& fs, const std::string& dir) {
  if (fs.exists(dir)) return {};
  if (auto made = fs.make_directories(dir); !made) return made;
  const std::string parent = std::filesystem::path(dir).parent_path().string();
  return fs.sync_directory(parent.empty() ? "." : parent);
}

}  // namespace

// States of the current segment, and what the next log() does in each:
//   open                 append
//   torn                 a write failed: truncate to the last whole record -> open,
//                        or, if that fails too -> doubtful
//   doubtful (a list)    a sync failed, so what the disk holds is unknown: rewrite the segment
//                        from its readable records, sync, then begin the next -> open
// Until the way back to open succeeds every log() is refused.
struct Wal::Impl {
  Impl(io::FileSystem& f, std::string d, WalOptions o, prometheus::Registry* registry)
      : fs(f), dir(std::move(d)), options(o), metrics(registry, o.compression, metric_prefix(dir)) {}

  Result<void> log(std::span<const io::Bytes> records, const std::function<void()>& on_written);
  Result<void> sync();
  Result<std::uint32_t> cut();
  Result<void> truncate_before(std::uint32_t segment);
  Result<void> begin_segment(std::uint32_t number) NARTHEX_REQUIRES(mutex);
  Result<Finished> advance() NARTHEX_REQUIRES(mutex);
  Result<void> append(io::Bytes bytes, std::uint64_t end) NARTHEX_REQUIRES(mutex);
  Result<void> write_group(Group& group, std::optional<Finished>& finished) NARTHEX_REQUIRES(mutex);
  Result<void> heal() NARTHEX_REQUIRES(mutex);
  Result<void> rewrite(Written segment) NARTHEX_REQUIRES(mutex);
  Result<void> timed_sync(io::WritableFile& file);
  Result<void> finish(Finished finished) NARTHEX_EXCLUDES(mutex);
  void measure();

  io::FileSystem& fs;
  const std::string dir;
  const WalOptions options;
  OnSegment on_segment;
  WalMetrics metrics;
  PackingTrials trials;
  std::atomic<std::uint32_t> number = 0;
  std::atomic<std::uint64_t> current_bytes = 0;
  std::atomic<std::uint64_t> other_bytes = 0;

  sync::Mutex mutex;
  std::unique_ptr<io::WritableFile> file NARTHEX_GUARDED_BY(mutex);
  std::uint64_t whole NARTHEX_GUARDED_BY(mutex) = 0;  ///< bytes of the current segment that are whole records
  bool torn NARTHEX_GUARDED_BY(mutex) = false;
  std::vector<Written> doubtful NARTHEX_GUARDED_BY(mutex);
};

Result<void> Wal::Impl::log(std::span<const io::Bytes> records, const std::function<void()>& on_written) {
  if (records.empty()) {
    if (on_written) on_written();
    return {};
  }
  thread_local Group group;
  group.clear();
  group.encode(records, options.compression, trials);
  std::optional<Finished> finished;
  {
    const sync::MutexLock lock(mutex);
    if (auto written = write_group(group, finished); !written) {
      metrics.writes_failed->Increment();
      return pass(written, "writing to the WAL");
    }
    if (on_written) on_written();
  }
  metrics.bytes_saved->Increment(static_cast<double>(group.saved_bytes()));
  if (finished) {
    // The records of this call are safe in the next segment; a failure here makes the next
    // call heal the finished one first.
    if (auto synced = finish(*std::move(finished)); !synced)
      telemetry::error("Syncing a full WAL segment failed", {{"err", synced.error().text}});
  }
  return {};
}

Result<void> Wal::Impl::write_group(Group& group, std::optional<Finished>& finished) {
  if (auto healed = heal(); !healed) return healed;
  std::uint64_t end = group.frame(whole);
  // No record crosses segments; a group larger than a segment gets one of its own size.
  if (end > options.segment_bytes && whole > 0) {
    auto before = advance();
    if (!before) return pass(before);
    finished = *std::move(before);
    end = group.frame(0);
  }
  return append(group.framed(), end);
}

Result<void> Wal::Impl::append(io::Bytes bytes, std::uint64_t end) {
  if (auto written = file->append(bytes); !written) {
    torn = true;
    // At once, not with the next record: a crash must not leave the torn end behind.
    if (auto healed = heal(); !healed)
      telemetry::error("A torn end is left in the WAL", {{"err", healed.error().text}});
    return written;
  }
  const std::uint64_t touched_pages = (end - 1) / kWalPageBytes - whole / kWalPageBytes + 1;
  const std::uint64_t completed_pages = end / kWalPageBytes - whole / kWalPageBytes;
  metrics.page_flushes->Increment(static_cast<double>(touched_pages));
  metrics.completed_pages->Increment(static_cast<double>(completed_pages));
  metrics.part_bytes->Increment(static_cast<double>(bytes.size()));
  whole = end;
  current_bytes = end;
  metrics.storage_size_bytes->Set(static_cast<double>(end + other_bytes));
  return {};
}

Result<void> Wal::Impl::heal() {
  if (torn) {
    if (auto cut = file->truncate(whole); !cut) {
      telemetry::error("Cutting a torn end off the WAL failed; writing the segment anew",
                       {{"segment", segment_name(number)}, {"err", cut.error().text}});
      doubtful.push_back({number, whole});
      file.reset();
    }
    torn = false;
  }
  while (!doubtful.empty()) {
    if (auto rewritten = rewrite(doubtful.back()); !rewritten)
      return pass(rewritten, "repairing WAL segment " + segment_name(doubtful.back().number));
    doubtful.pop_back();
  }
  if (!file) return begin_segment(number + 1);
  return {};
}

/// Writes a segment anew from what can be read of it.
Result<void> Wal::Impl::rewrite(Written segment) {
  const std::string path = segment_path(dir, segment.number);
  auto content = fs.read_file(path);
  if (!content) return pass(content);
  const io::Bytes bytes = io::as_bytes(*content);
  std::uint64_t lost = segment.bytes > bytes.size() ? segment.bytes - bytes.size() : 0;
  const CleanSegment clean =
      clean_segment(bytes.first(std::min<std::size_t>(segment.bytes, bytes.size())),
                    [&lost](std::uint64_t, std::uint64_t gap, const std::string&) { lost += gap; });
  if (auto replaced = io::replace_file(fs, path, clean.bytes); !replaced) return replaced;
  if (lost > 0) {
    metrics.corruptions->Increment();
    telemetry::error("The disk lost a part of a WAL segment",
                     {{"path", path}, {"bytes", std::to_string(lost)}});
  }
  telemetry::warn("Wrote a WAL segment anew after a failed write", {{"path", path}});
  return {};
}

Result<void> Wal::Impl::begin_segment(std::uint32_t next) {
  // Not create_new: an attempt that failed below leaves an empty file, which will do.
  auto opened = fs.open_writable(segment_path(dir, next), io::OpenMode::append);
  if (!opened) return pass(opened, "beginning a WAL segment");
  if ((*opened)->size() > 0)
    return fail(Code::corruption,
                "WAL segment " + segment_path(dir, next) + " is there already: not overwritten");
  if (auto synced = fs.sync_directory(dir); !synced) return pass(synced, "beginning a WAL segment");
  file = *std::move(opened);
  whole = 0;
  number = next;
  other_bytes += current_bytes.exchange(0);
  metrics.segment_current->Set(next);
  if (on_segment) on_segment(next);
  return {};
}

/// Fills the last page of the current segment with zeros, as Prometheus does, and begins the next.
Result<Finished> Wal::Impl::advance() {
  if (const std::uint64_t used = whole % kWalPageBytes; used != 0) {
    const std::vector<std::byte> zeros(kWalPageBytes - used);
    if (auto padded = append(zeros, whole + zeros.size()); !padded) return pass(padded);
  }
  Finished finished{{number, whole}, std::move(file)};
  if (auto begun = begin_segment(number + 1); !begun) {
    file = std::move(finished.file);
    return pass(begun);
  }
  return finished;
}

Result<void> Wal::Impl::timed_sync(io::WritableFile& target) {
  const auto start = system_clock().steady();
  auto synced = target.sync();
  const std::chrono::duration<double> seconds = system_clock().steady() - start;
  metrics.fsync_seconds->Observe(seconds.count());
  return synced;
}

Result<void> Wal::Impl::finish(Finished finished) {
  auto synced = timed_sync(*finished.file);
  if (synced) return {};
  const sync::MutexLock lock(mutex);
  doubtful.push_back(finished.segment);
  return pass(synced, "syncing WAL segment " + segment_name(finished.segment.number));
}

Result<void> Wal::Impl::sync() {
  const sync::MutexLock lock(mutex);
  if (auto healed = heal(); !healed) return pass(healed, "syncing the WAL");
  auto synced = timed_sync(*file);
  if (synced) return {};
  doubtful.push_back({number, whole});
  file.reset();
  return pass(synced, "syncing WAL segment " + segment_name(number));
}

Result<std::uint32_t> Wal::Impl::cut() {
  std::optional<Finished> finished;
  std::uint32_t next = 0;
  {
    const sync::MutexLock lock(mutex);
    if (auto healed = heal(); !healed) return pass(healed, "cutting a WAL segment");
    auto before = advance();
    if (!before) return pass(before, "cutting a WAL segment");
    finished = *std::move(before);
    next = number;
  }
  if (auto synced = finish(*std::move(finished)); !synced) return pass(synced);
  measure();
  return next;
}

Result<void> Wal::Impl::truncate_before(std::uint32_t segment) {
  metrics.truncations->Increment();
  const auto remove_old = [&]() -> Result<void> {
    auto files = list_segment_files(fs, dir);
    if (!files) return pass(files);
    // Oldest first: whatever happens in between, the numbers stay without gaps.
    for (const SegmentFile& old : *files) {
      if (old.number >= segment || old.number >= number) break;
      if (auto removed = fs.remove_file(dir + "/" + old.name); !removed) return removed;
    }
    return fs.sync_directory(dir);
  };
  auto removed = remove_old();
  measure();
  if (removed) return {};
  metrics.truncations_failed->Increment();
  return pass(removed, "removing old WAL segments");
}

void Wal::Impl::measure() {
  auto size = measure_wal(fs, dir);
  if (!size) {
    telemetry::error("Measuring the WAL failed", {{"err", size.error().text}});
    return;
  }
  const std::uint64_t current = current_bytes;
  other_bytes = *size > current ? *size - current : 0;
  metrics.storage_size_bytes->Set(static_cast<double>(*size));
}

Wal::Wal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Wal::~Wal() {
  if (auto synced = impl_->sync(); !synced)
    telemetry::error("Closing the WAL", {{"err", synced.error().text}});
}

Result<std::unique_ptr<Wal>> Wal::open(io::FileSystem& fs, std::string dir, WalOptions options,
                                       prometheus::Registry* registry, OnSegment on_segment) {
  if (options.segment_bytes == 0 || options.segment_bytes % kWalPageBytes != 0)
    return fail(Code::invalid, "WAL segment size must be a multiple of 32 KiB");
  if (auto made = make_directory(fs, dir); !made) return pass(made, "opening the WAL");
  auto segments = list_segments(fs, dir);
  if (!segments) return pass(segments, "opening the WAL");
  auto checkpoint = last_checkpoint(fs, dir);
  if (!checkpoint) return pass(checkpoint, "opening the WAL");
  // Replay begins behind the checkpoint: a lower number would never be read.
  std::uint32_t next = segments->empty() ? 0 : segments->back() + 1;
  if (*checkpoint) next = std::max(next, (*checkpoint)->second + 1);

  if (options.compression == WalCompression::zstd) {
    telemetry::info("WAL records are compressed by zstd: Prometheus 2.42 sees an empty log there",
                    {{"dir", dir}});
  }
  auto impl = std::make_unique<Impl>(fs, std::move(dir), options, registry);
  impl->on_segment = std::move(on_segment);
  {
    const sync::MutexLock lock(impl->mutex);
    if (auto begun = impl->begin_segment(next); !begun) return pass(begun, "opening the WAL");
  }
  impl->measure();
  return std::unique_ptr<Wal>(new Wal(std::move(impl)));
}

Result<void> Wal::log(std::span<const io::Bytes> records, const std::function<void()>& written) {
  return impl_->log(records, written);
}
Result<void> Wal::sync() {
  return impl_->sync();
}
Result<std::uint32_t> Wal::cut_segment() {
  return impl_->cut();
}
Result<void> Wal::truncate_before(std::uint32_t segment) {
  return impl_->truncate_before(segment);
}
std::uint32_t Wal::current_segment() const {
  return impl_->number;
}
std::uint64_t Wal::size_bytes() const {
  return impl_->current_bytes + impl_->other_bytes;
}
void Wal::count_corruptions(std::uint64_t found) {
  impl_->metrics.corruptions->Increment(static_cast<double>(found));
}

}  // namespace narthex::tsdb

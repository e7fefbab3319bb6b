#include "tsdb/wal_replay.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "sync/bounded_queue.h"
#include "telemetry/log.h"
#include "tsdb/encoding.h"
#include "tsdb/wal/record.h"
#include "tsdb/wal/segments.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {
namespace {

/// What a directory with segments is.
enum class LogKind : std::uint8_t { checkpoint, log, out_of_order };

/// Records of the log, in order.
struct LogBatch {
  struct Entry {
    std::size_t begin, end;  ///< in bytes
    WalPosition at;
  };
  std::vector<Entry> entries;
  std::vector<std::byte> bytes;
  std::size_t used = 0;  ///< of `bytes`, which keep their length: clearing them costs as much as reading
  const std::string* directory = nullptr;
  LogKind kind = LogKind::log;

  [[nodiscard]] bool is_full() const {
    // Some of them stay in a cache on their way from thread to thread.
    static constexpr std::size_t kEnoughBytes = 64 * 1024;
    return used >= kEnoughBytes;
  }
  void clear() {
    // The room of a very long record is not kept for all the short ones.
    static constexpr std::size_t kMostKept = 1024 * 1024;
    if (bytes.size() > kMostKept) bytes = {};
    entries.clear();
    used = 0;
  }
};

bool holds_histograms(RecordType type) {
  switch (type) {
    case RecordType::histograms:
    case RecordType::float_histograms:
    case RecordType::custom_histograms:
    case RecordType::custom_float_histograms:
    case RecordType::histograms_v2:
    case RecordType::float_histograms_v2:
      return true;
    default:
      return false;
  }
}

void warn_of_record(const std::string& directory, WalPosition at, const std::string& why) {
  telemetry::warn("A WAL record contradicts its format and is skipped",
                  {{"segment", segment_path(directory, at.segment)},
                   {"offset", std::to_string(at.offset)},
                   {"why", why}});
}

/// Reads, checks and decompresses: half of the work of a replay, done ahead by a thread of its own.
class LogReader {
 public:
  /// Takes a batch and gives one to go on with.
  using Emit = std::function<LogBatch(LogBatch)>;
  LogReader(io::FileSystem& fs, Emit emit) : fs_(fs), emit_(std::move(emit)) {}

  /// Segments of `directory`, which must outlive the batches, from `first` on.
  Result<void> read_directory(const std::string& directory, std::uint32_t first, LogKind kind) {
    kind_ = kind;
    auto segments = list_segments(fs_, directory);
    if (!segments) return pass(segments, "replaying " + directory);
    for (const std::uint32_t segment : *segments) {
      if (segment < first) continue;
      const std::uint64_t damaged = report_.damaged;
      if (auto done = read_segment(directory, segment); !done) return done;
      if (report_.damaged == damaged) continue;
      note_damage(segment);
    }
    return {};
  }
  [[nodiscard]] const ReplayReport& report() const { return report_; }

 private:
  void note_damage(std::uint32_t segment) {
    if (kind_ == LogKind::checkpoint) report_.damaged_checkpoint_segments.push_back(segment);
    if (kind_ == LogKind::log) report_.damaged_segments.push_back(segment);
    if (kind_ == LogKind::out_of_order) report_.damaged_ooo_segments.push_back(segment);
  }

  Result<void> read_segment(const std::string& directory, std::uint32_t segment) {
    const std::string path = segment_path(directory, segment);
    auto reader =
        WalReader::open(fs_, path, segment, [&](WalPosition at, std::uint64_t bytes, const std::string& why) {
          ++report_.damaged;
          telemetry::warn("Part of a WAL segment cannot be read and is skipped",
                          {{"segment", path},
                           {"offset", std::to_string(at.offset)},
                           {"bytes", std::to_string(bytes)},
                           {"why", why}});
        });
    if (!reader) return pass(reader, "replaying the WAL");
    ++report_.segments;
    if (kind_ == LogKind::out_of_order) ++report_.late_segments;
    batch_.directory = &directory;
    batch_.kind = kind_;
    while (const auto size = reader->next(batch_.bytes, batch_.used)) {
      ++report_.records;
      batch_.entries.push_back({batch_.used, batch_.used + *size, reader->position()});
      batch_.used += *size;
      if (batch_.is_full()) emit(directory);
    }
    emit(directory);
    return {};
  }

  void emit(const std::string& directory) {
    if (!batch_.entries.empty()) batch_ = emit_(std::move(batch_));
    batch_.clear();
    batch_.directory = &directory;
    batch_.kind = kind_;
  }

  io::FileSystem& fs_;
  Emit emit_;
  LogKind kind_ = LogKind::log;
  LogBatch batch_;
  ReplayReport report_;
};

class Replayer {
 public:
  explicit Replayer(Head& head) : head_(head) {}

  void replay(const LogBatch& batch) {
    for (const LogBatch::Entry& e : batch.entries) {
      const io::Bytes record = io::Bytes(batch.bytes).subspan(e.begin, e.end - e.begin);
      auto done = replay(record, batch.kind == LogKind::out_of_order);
      if (done || only_) continue;
      ++report_.damaged;
      warn_of_record(*batch.directory, e.at, done.error().text);
    }
  }

  /// From here on only what belongs to these references, which ascend, is replayed: once more, or for the
  /// first time.
  void replay_only(std::vector<WalRef> refs) {
    only_ = std::move(refs);
    report_.unknown_refs = 0;
    for (const WalRef ref : head_.unnamed_refs()) report_.unknown_refs += head_.count_unnamed(ref);
  }
  void add_recovered(std::vector<SeriesRecord> series) { report_.recovered = std::move(series); }

  /// @param read  what the reader has counted
  ReplayReport finish(const ReplayReport& read) {
    report_.segments = read.segments;
    report_.late_segments = read.late_segments;
    report_.checkpoint = read.checkpoint;
    report_.records = read.records;
    report_.damaged += read.damaged;
    report_.damaged_segments = read.damaged_segments;
    report_.damaged_ooo_segments = read.damaged_ooo_segments;
    report_.damaged_checkpoint_segments = read.damaged_checkpoint_segments;
    const bool is_whole = report_.late_segments > 0 && report_.damaged == 0;
    report_.gone_refs = head_.finish_replay(is_whole ? LateLog::whole : LateLog::missing_or_damaged);
    return std::move(report_);
  }

 private:
  [[nodiscard]] bool is_wanted(WalRef ref) const { return std::ranges::binary_search(*only_, ref); }
  /// Leaves what is wanted of `entries`.
  template <class Entry>
  void select(std::vector<Entry>& entries) const {
    if (only_) std::erase_if(entries, [this](const Entry& e) { return !is_wanted(e.ref); });
  }

  Result<void> replay(io::Bytes record, bool is_late) {
    const RecordType type = record_type(record);
    if (type == RecordType::samples || type == RecordType::samples_v2)
      return replay_samples(record, is_late, type == RecordType::samples_v2);
    if (holds_histograms(type)) return replay_histograms(record, is_late);
    return is_late ? replay_late_record(record) : replay_record(record);
  }

  Result<void> replay_samples(io::Bytes record, bool is_late, bool with_start) {
    samples_.clear();
    starts_.clear();
    auto decoded = with_start ? decode_samples(record, samples_, starts_) : decode_samples(record, samples_);
    if (!decoded) return decoded;
    if (only_)
      select_samples();
    else
      report_.samples += samples_.size();
    report_.unknown_refs +=
        is_late ? head_.replay_out_of_order(samples_, starts_) : head_.replay_samples(samples_, starts_);
    return {};
  }

  /// Leaves what is wanted of samples_ and starts_.
  void select_samples() {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      if (!is_wanted(samples_[i].ref)) continue;
      samples_[kept] = samples_[i];
      if (!starts_.empty()) starts_[kept] = starts_[i];
      ++kept;
    }
    samples_.resize(kept);
    if (!starts_.empty()) starts_.resize(kept);
  }

  Result<void> replay_record(io::Bytes record) {
    switch (record_type(record)) {
      case RecordType::series: {
        if (only_) return {};
        series_.clear();
        auto decoded = decode_series(record, series_);
        if (!decoded) return decoded;
        for (const SeriesRecord& s : series_) head_.replay_series(s);
        return {};
      }
      case RecordType::exemplars: {
        exemplars_.clear();
        auto decoded = decode_exemplars(record, exemplars_);
        if (!decoded) return decoded;
        select(exemplars_);
        report_.unknown_refs += head_.replay_exemplars(exemplars_);
        return {};
      }
      case RecordType::metadata: {
        metadata_.clear();
        auto decoded = decode_metadata(record, metadata_);
        if (!decoded) return decoded;
        select(metadata_);
        report_.unknown_refs += head_.replay_metadata(metadata_);
        return {};
      }
      case RecordType::tombstones:
        return replay_tombstones(record.subspan(1));
      default:
        report_.skipped_records += only_ ? 0 : 1;
        return {};
    }
  }

  /// A record of the log of late samples.
  Result<void> replay_late_record(io::Bytes record) {
    if (record_type(record) != RecordType::mmap_markers) {
      ++report_.skipped_records;
      return {};
    }
    std::vector<MmapMarkerRecord> markers;
    auto decoded = decode_mmap_markers(record, markers);
    if (!decoded) return decoded;
    head_.replay_markers(markers);
    return {};
  }

  Result<void> replay_histograms(io::Bytes record, bool is_late) {
    std::vector<HistogramRecord> histograms;
    auto left_out = decode_histograms(record, histograms);
    if (!left_out) return pass(left_out);
    if (!only_) {
      report_.histograms_left_out += *left_out;
      report_.samples += histograms.size();
    }
    select(histograms);
    report_.unknown_refs += is_late ? head_.replay_out_of_order(std::move(histograms))
                                    : head_.replay_histograms(std::move(histograms));
    return {};
  }

  /// Body: {reference u64 | mint varint | maxt varint} ...
  Result<void> replay_tombstones(io::Bytes body) {
    ByteReader in(body);
    while (in.left() > 0) {
      const WalRef ref = in.be64();
      const Timestamp mint = in.varint();
      const Timestamp maxt = in.varint();
      if (!in.ok()) return fail(Code::corruption, "a tombstones record ends in the middle of one");
      // A series that was deleted as a whole has had its turn.
      if (only_ && (!is_wanted(ref) || TimeRange{mint, maxt} == TimeRange{})) continue;
      if (!head_.replay_deletion(ref, {mint, maxt})) ++report_.unknown_refs;
    }
    return {};
  }

  Head& head_;
  ReplayReport report_;
  std::optional<std::vector<WalRef>> only_;
  std::vector<SeriesRecord> series_;
  std::vector<SampleRecord> samples_;
  std::vector<Timestamp> starts_;
  std::vector<ExemplarRecord> exemplars_;
  std::vector<MetadataRecord> metadata_;
};

/// Where a replay begins: the newest checkpoint, and the segments behind it.
struct Sources {
  std::string checkpoint;  ///< empty: none
  std::string log;
  std::uint32_t first = 0;
  std::string out_of_order;  ///< empty: none
};

Result<void> read_all(LogReader& reader, const Sources& sources) {
  if (!sources.checkpoint.empty()) {
    if (auto done = reader.read_directory(sources.checkpoint, 0, LogKind::checkpoint); !done) return done;
  }
  if (auto done = reader.read_directory(sources.log, sources.first, LogKind::log); !done) return done;
  if (sources.out_of_order.empty()) return {};
  return reader.read_directory(sources.out_of_order, 0, LogKind::out_of_order);
}

/// Reading goes on in a thread of its own while this one replays.
Result<void> replay_ahead(io::FileSystem& fs, const Sources& sources, Replayer& replayer,
                          ReplayReport& read) {
  static constexpr std::size_t kMostBatches = 6;
  sync::BoundedQueue<LogBatch> queue(kMostBatches);
  LogReader reader(fs, [&](LogBatch batch) { return queue.push(std::move(batch)); });
  Result<void> done;
  std::thread thread([&] {
    done = read_all(reader, sources);
    queue.close();
  });
  while (auto batch = queue.pop()) {
    replayer.replay(*batch);
    queue.give_back(std::move(*batch));
  }
  thread.join();
  read = reader.report();
  return done;
}

/// The same without threads.
Result<void> replay_here(io::FileSystem& fs, const Sources& sources, Replayer& replayer, ReplayReport& read) {
  LogReader reader(fs, [&](LogBatch batch) {
    replayer.replay(batch);
    return batch;
  });
  auto done = read_all(reader, sources);
  read = reader.report();
  return done;
}

/// Samples of series whose record was lost, or came too late: their series get names, and all of the log is
/// read once more for them.
Result<void> replay_unnamed(io::FileSystem& fs, const Sources& sources, Head& head, Replayer& replayer,
                            const NameSource& names) {
  std::vector<WalRef> unnamed = head.unnamed_refs();
  if (unnamed.empty()) return {};
  std::vector<SeriesRecord> recovered;
  if (names) recovered = names(unnamed);
  for (const SeriesRecord& series : recovered) head.replay_series(series);
  std::erase_if(unnamed, [&head](WalRef ref) { return !head.replay_again(ref); });
  if (unnamed.empty()) return {};
  telemetry::warn(
      "Series records were lost or come too late in the WAL; it is read once more for their series",
      {{"series", std::to_string(unnamed.size())}, {"named_by_copies", std::to_string(recovered.size())}});
  replayer.replay_only(std::move(unnamed));
  replayer.add_recovered(std::move(recovered));
  ReplayReport again;
  return replay_here(fs, sources, replayer, again);
}

}  // namespace

Result<ReplayReport> replay_wal(io::FileSystem& fs, const std::string& wal_dir, Head& head,
                                std::size_t threads, const std::string& ooo_dir,
                                std::optional<std::uint32_t> first, const NameSource& names) {
  Sources sources{.checkpoint = {}, .log = wal_dir, .first = first.value_or(0), .out_of_order = {}};
  if (!ooo_dir.empty() && fs.exists(ooo_dir)) sources.out_of_order = ooo_dir;
  if (!first) {
    auto checkpoint = last_checkpoint(fs, wal_dir);
    if (!checkpoint) return pass(checkpoint, "replaying the WAL");
    if (*checkpoint) {
      sources.checkpoint = (*checkpoint)->first;
      sources.first = (*checkpoint)->second + 1;
    }
  }
  Replayer replayer(head);
  ReplayReport read;
  if (threads > 1) head.replay_with_threads(threads);
  auto done =
      threads > 1 ? replay_ahead(fs, sources, replayer, read) : replay_here(fs, sources, replayer, read);
  if (done) done = replay_unnamed(fs, sources, head, replayer, names);
  if (!done) return pass(done);
  read.checkpoint = sources.checkpoint;
  return replayer.finish(read);
}

}  // namespace narthex::tsdb

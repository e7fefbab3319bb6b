#include "tsdb/wal_replay.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "telemetry/log.h"
#include "tsdb/encoding.h"
#include "tsdb/log_batches.h"
#include "tsdb/wal/record.h"
#include "tsdb/wal/segments.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {
namespace {

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

class Replayer {
 public:
  explicit Replayer(Head& head) : head_(head) {}

  void replay(const LogBatch& batch) {
    auto fault = batch.faults.begin();
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const LogBatch::Record& r = batch.records[i];
      if (fault != batch.faults.end() && fault->record == i) {
        note_fault(batch, r, *fault++);
        continue;
      }
      if (i + 1 < batch.records.size()) {
        const io::Bytes next = batch.content_of(batch.records[i + 1]);
        if (record_type(next) == RecordType::samples) head_.prefetch_repeated(next);
      }
      report_.records += only_ ? 0 : 1;
      auto done = replay(batch.content_of(r), batch.directory->kind == LogKind::out_of_order);
      if (done || only_) continue;
      ++report_.damaged;
      warn_of_record(batch.directory->path, {batch.segment, r.end}, done.error().text);
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

  ReplayReport finish(const LogSource& source, std::string checkpoint) {
    report_.segments = source.count_segments();
    report_.late_segments = source.count_segments(LogKind::out_of_order);
    report_.checkpoint = std::move(checkpoint);
    report_.is_only_cut_off = source.is_cut_off() && source.count_gaps() == 1 && report_.damaged == 0;
    report_.damaged += source.count_gaps();
    DamagedSegments damaged = source.damaged();
    for (const auto& [kind, segment] : faulty_segments_) damaged.add(kind, segment);
    report_.damaged_segments = std::move(damaged.log);
    report_.damaged_ooo_segments = std::move(damaged.out_of_order);
    report_.damaged_checkpoint_segments = std::move(damaged.checkpoint);
    const bool is_whole = report_.late_segments > 0 && report_.damaged == 0;
    report_.gone_refs = head_.finish_replay(is_whole ? LateLog::whole : LateLog::missing_or_damaged);
    return std::move(report_);
  }

 private:
  void note_fault(const LogBatch& batch, const LogBatch::Record& record, const LogBatch::Fault& fault) {
    if (only_) return;
    ++report_.damaged;
    faulty_segments_.emplace_back(batch.directory->kind, batch.segment);
    warn_of_gap(batch.directory->path, {batch.segment, record.offset}, record.end - record.offset, fault.why);
  }

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
    const bool may_repeat = !only_ && !is_late && !with_start;
    if (may_repeat) {
      if (const std::size_t known = head_.replay_repeated(record); known > 0) {
        report_.samples += known;
        return {};
      }
    }
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
    if (may_repeat) head_.note_repeated(record, samples_);
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
  /// Of records that could not be unpacked.
  std::vector<std::pair<LogKind, std::uint32_t>> faulty_segments_;
  std::optional<std::vector<WalRef>> only_;
  std::vector<SeriesRecord> series_;
  std::vector<SampleRecord> samples_;
  std::vector<Timestamp> starts_;
  std::vector<ExemplarRecord> exemplars_;
  std::vector<MetadataRecord> metadata_;
};

/// @param threads  that unpack, the one that replays among them
Result<void> replay_all(LogSource& source, std::size_t threads, Replayer& replayer) {
  // One that replays what is mostly compared keeps up with about so many that unpack.
  static constexpr std::size_t kMostHelpers = 3;
  LogBatches batches(source, std::min(threads - 1, kMostHelpers));
  while (const LogBatch* batch = batches.next()) replayer.replay(*batch);
  return source.outcome();
}

/// Samples of series whose record was lost, or came too late: their series get names, and all of the log is
/// read once more for them.
Result<void> replay_unnamed(io::FileSystem& fs, const std::vector<LogDirectory>& directories,
                            std::size_t threads, Head& head, Replayer& replayer, const NameSource& names) {
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
  auto source = LogSource::open(fs, directories);
  if (!source) return pass(source);
  return replay_all(*source, threads, replayer);
}

}  // namespace

Result<ReplayReport> replay_wal(io::FileSystem& fs, const std::string& wal_dir, Head& head,
                                std::size_t threads, const std::string& ooo_dir,
                                std::optional<std::uint32_t> first, const NameSource& names) {
  std::vector<LogDirectory> directories;
  std::string checkpoint;
  if (!first) {
    auto found = last_checkpoint(fs, wal_dir);
    if (!found) return pass(found, "replaying the WAL");
    if (*found) {
      checkpoint = (*found)->first;
      first = (*found)->second + 1;
      directories.push_back({checkpoint, LogKind::checkpoint});
    }
  }
  directories.push_back({wal_dir, LogKind::log, first.value_or(0)});
  if (!ooo_dir.empty() && fs.exists(ooo_dir)) directories.push_back({ooo_dir, LogKind::out_of_order});
  auto source = LogSource::open(fs, directories);
  if (!source) return pass(source);
  Replayer replayer(head);
  if (threads > 1) head.replay_with_threads(threads);
  if (auto done = replay_all(*source, threads, replayer); !done) return pass(done);
  if (auto done = replay_unnamed(fs, directories, threads, head, replayer, names); !done) return pass(done);
  return replayer.finish(*source, std::move(checkpoint));
}

}  // namespace narthex::tsdb

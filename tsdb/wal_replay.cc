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

/// Records of the log, in order; samples decoded.
struct LogBatch {
  struct Entry {
    bool is_samples;
    std::size_t begin, end;  ///< in samples, or in bytes
    WalPosition at;
  };
  std::vector<Entry> entries;
  std::vector<SampleRecord> samples;
  std::vector<std::byte> bytes;
  const std::string* directory = nullptr;

  [[nodiscard]] bool is_full() const {
    static constexpr std::size_t kEnoughSamples = 4 * 1024;
    static constexpr std::size_t kEnoughBytes = 256 * 1024;
    return samples.size() >= kEnoughSamples || bytes.size() >= kEnoughBytes;
  }
  void clear() {
    entries.clear();
    samples.clear();
    bytes.clear();
  }
};

void warn_of_record(const std::string& directory, WalPosition at, const std::string& why) {
  telemetry::warn("A WAL record contradicts its format and is skipped",
                  {{"segment", segment_path(directory, at.segment)},
                   {"offset", std::to_string(at.offset)},
                   {"why", why}});
}

/// Reads, decompresses and decodes: half of the work of a replay, done ahead by a thread of its own.
class LogReader {
 public:
  /// Takes a batch and gives one to go on with.
  using Emit = std::function<LogBatch(LogBatch)>;
  LogReader(io::FileSystem& fs, Emit emit) : fs_(fs), emit_(std::move(emit)) {}

  /// Segments of `directory`, which must outlive the batches, from `first` on.
  Result<void> read_directory(const std::string& directory, std::uint32_t first, bool is_checkpoint) {
    auto segments = list_segments(fs_, directory);
    if (!segments) return pass(segments, "replaying " + directory);
    for (const std::uint32_t segment : *segments) {
      if (segment < first) continue;
      const std::uint64_t damaged = report_.damaged;
      if (auto done = read_segment(directory, segment); !done) return done;
      if (report_.damaged == damaged) continue;
      if (is_checkpoint) {
        report_.damaged_checkpoint_segments.push_back(segment);
      } else {
        report_.damaged_segments.push_back(segment);
      }
    }
    return {};
  }
  [[nodiscard]] const ReplayReport& report() const { return report_; }

 private:
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
    batch_.directory = &directory;
    while (const auto record = reader->next()) {
      ++report_.records;
      add(directory, *record, reader->position());
      if (batch_.is_full()) emit(directory);
    }
    emit(directory);
    return {};
  }

  void add(const std::string& directory, io::Bytes record, WalPosition at) {
    const RecordType type = record_type(record);
    if (type != RecordType::samples && type != RecordType::samples_v2) {
      const std::size_t begin = batch_.bytes.size();
      batch_.bytes.insert(batch_.bytes.end(), record.begin(), record.end());
      batch_.entries.push_back({false, begin, batch_.bytes.size(), at});
      return;
    }
    const std::size_t begin = batch_.samples.size();
    auto decoded = decode_samples(record, batch_.samples);
    if (!decoded) {
      ++report_.damaged;
      warn_of_record(directory, at, decoded.error().text);
      return;
    }
    report_.samples += batch_.samples.size() - begin;
    batch_.entries.push_back({true, begin, batch_.samples.size(), at});
  }

  void emit(const std::string& directory) {
    if (!batch_.entries.empty()) batch_ = emit_(std::move(batch_));
    batch_.clear();
    batch_.directory = &directory;
  }

  io::FileSystem& fs_;
  Emit emit_;
  LogBatch batch_;
  ReplayReport report_;
};

class Replayer {
 public:
  explicit Replayer(Head& head) : head_(head) {}

  void replay(const LogBatch& batch) {
    for (const LogBatch::Entry& e : batch.entries) {
      if (e.is_samples) {
        replay_samples(std::span(batch.samples).subspan(e.begin, e.end - e.begin));
        continue;
      }
      auto done = replay_record(io::Bytes(batch.bytes).subspan(e.begin, e.end - e.begin));
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
    report_.checkpoint = read.checkpoint;
    report_.records = read.records;
    report_.samples += read.samples;
    report_.damaged += read.damaged;
    report_.damaged_segments = read.damaged_segments;
    report_.damaged_checkpoint_segments = read.damaged_checkpoint_segments;
    report_.gone_refs = head_.finish_replay();
    return std::move(report_);
  }

 private:
  [[nodiscard]] bool is_wanted(WalRef ref) const { return std::ranges::binary_search(*only_, ref); }
  /// Leaves what is wanted of `entries`.
  template <class Entry>
  void select(std::vector<Entry>& entries) const {
    if (only_) std::erase_if(entries, [this](const Entry& e) { return !is_wanted(e.ref); });
  }

  void replay_samples(std::span<const SampleRecord> samples) {
    if (only_) {
      samples_.assign(samples.begin(), samples.end());
      select(samples_);
      samples = samples_;
    }
    report_.unknown_refs += head_.replay_samples(samples);
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
      case RecordType::histograms:
      case RecordType::float_histograms:
      case RecordType::custom_histograms:
      case RecordType::custom_float_histograms:
      case RecordType::histograms_v2:
      case RecordType::float_histograms_v2: {
        std::vector<HistogramRecord> histograms;
        auto left_out = decode_histograms(record, histograms);
        if (!left_out) return pass(left_out);
        if (!only_) {
          report_.histograms_left_out += *left_out;
          report_.samples += histograms.size();
        }
        select(histograms);
        report_.unknown_refs += head_.replay_histograms(std::move(histograms));
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
  std::vector<ExemplarRecord> exemplars_;
  std::vector<MetadataRecord> metadata_;
};

/// Where a replay begins: the newest checkpoint, and the segments behind it.
struct Sources {
  std::string checkpoint;  ///< empty: none
  std::string log;
  std::uint32_t first = 0;
};

Result<void> read_all(LogReader& reader, const Sources& sources) {
  if (!sources.checkpoint.empty()) {
    if (auto done = reader.read_directory(sources.checkpoint, 0, true); !done) return done;
  }
  return reader.read_directory(sources.log, sources.first, false);
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
      {{"series", std::to_string(unnamed.size())},
       {"named_by_a_snapshot", std::to_string(recovered.size())}});
  replayer.replay_only(std::move(unnamed));
  replayer.add_recovered(std::move(recovered));
  ReplayReport again;
  return replay_here(fs, sources, replayer, again);
}

}  // namespace

Result<ReplayReport> replay_wal(io::FileSystem& fs, const std::string& wal_dir, Head& head,
                                std::size_t threads, std::optional<std::uint32_t> first,
                                const NameSource& names) {
  Sources sources{.checkpoint = {}, .log = wal_dir, .first = first.value_or(0)};
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

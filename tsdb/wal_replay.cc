#include "tsdb/wal_replay.h"

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
    enum class Kind : std::uint8_t { samples, samples_with_start, other } kind;
    std::size_t begin, end;  ///< in samples, or in bytes
    WalPosition at;
  };
  std::vector<Entry> entries;
  std::vector<SampleRecord> samples;
  std::vector<Timestamp> starts;  ///< of samples, up to the last record that has such
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
    starts.clear();
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
        report_.damaged_checkpoint = true;
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
      batch_.entries.push_back({LogBatch::Entry::Kind::other, begin, batch_.bytes.size(), at});
      return;
    }
    const std::size_t begin = batch_.samples.size();
    const bool with_start = type == RecordType::samples_v2;
    auto decoded = with_start ? decode_samples(record, batch_.samples, batch_.starts)
                              : decode_samples(record, batch_.samples);
    if (!decoded) {
      ++report_.damaged;
      warn_of_record(directory, at, decoded.error().text);
      return;
    }
    report_.samples += batch_.samples.size() - begin;
    const auto kind = with_start ? LogBatch::Entry::Kind::samples_with_start : LogBatch::Entry::Kind::samples;
    batch_.entries.push_back({kind, begin, batch_.samples.size(), at});
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
      if (e.kind != LogBatch::Entry::Kind::other) {
        std::span<const Timestamp> starts;
        if (e.kind == LogBatch::Entry::Kind::samples_with_start)
          starts = std::span(batch.starts).subspan(e.begin, e.end - e.begin);
        report_.unknown_refs +=
            head_.replay_samples(std::span(batch.samples).subspan(e.begin, e.end - e.begin), starts);
        continue;
      }
      auto done = replay_record(io::Bytes(batch.bytes).subspan(e.begin, e.end - e.begin));
      if (done) continue;
      ++report_.damaged;
      warn_of_record(*batch.directory, e.at, done.error().text);
    }
  }

  /// @param read  what the reader has counted
  ReplayReport finish(const ReplayReport& read) {
    report_.segments = read.segments;
    report_.records = read.records;
    report_.samples += read.samples;
    report_.damaged += read.damaged;
    report_.damaged_segments = read.damaged_segments;
    report_.damaged_checkpoint = read.damaged_checkpoint;
    report_.gone_refs = head_.finish_replay();
    return std::move(report_);
  }

 private:
  Result<void> replay_record(io::Bytes record) {
    switch (record_type(record)) {
      case RecordType::series: {
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
        report_.histograms_left_out += *left_out;
        report_.samples += histograms.size();
        report_.unknown_refs += head_.replay_histograms(std::move(histograms));
        return {};
      }
      case RecordType::exemplars: {
        exemplars_.clear();
        auto decoded = decode_exemplars(record, exemplars_);
        if (!decoded) return decoded;
        report_.unknown_refs += head_.replay_exemplars(exemplars_);
        return {};
      }
      case RecordType::metadata: {
        metadata_.clear();
        auto decoded = decode_metadata(record, metadata_);
        if (!decoded) return decoded;
        report_.unknown_refs += head_.replay_metadata(metadata_);
        return {};
      }
      case RecordType::tombstones:
        return replay_tombstones(record.subspan(1));
      default:
        ++report_.skipped_records;
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
      if (!head_.replay_deletion(ref, {mint, maxt})) ++report_.unknown_refs;
    }
    return {};
  }

  Head& head_;
  ReplayReport report_;
  std::vector<SeriesRecord> series_;
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
Result<ReplayReport> replay_ahead(io::FileSystem& fs, const Sources& sources, Replayer& replayer) {
  static constexpr std::size_t kMostBatches = 6;
  sync::BoundedQueue<LogBatch> queue(kMostBatches);
  LogReader reader(fs, [&](LogBatch batch) { return queue.push(std::move(batch)); });
  Result<void> read;
  std::thread thread([&] {
    read = read_all(reader, sources);
    queue.close();
  });
  while (auto batch = queue.pop()) {
    replayer.replay(*batch);
    queue.give_back(std::move(*batch));
  }
  thread.join();
  if (!read) return pass(read);
  return replayer.finish(reader.report());
}

}  // namespace

Result<ReplayReport> replay_wal(io::FileSystem& fs, const std::string& wal_dir, Head& head,
                                std::size_t threads) {
  Sources sources{.checkpoint = {}, .log = wal_dir};
  auto checkpoint = last_checkpoint(fs, wal_dir);
  if (!checkpoint) return pass(checkpoint, "replaying the WAL");
  if (*checkpoint) {
    sources.checkpoint = (*checkpoint)->first;
    sources.first = (*checkpoint)->second + 1;
  }
  Replayer replayer(head);
  if (threads > 1) {
    head.replay_with_threads(threads);
    return replay_ahead(fs, sources, replayer);
  }
  LogReader reader(fs, [&](LogBatch batch) {
    replayer.replay(batch);
    return batch;
  });
  if (auto read = read_all(reader, sources); !read) return pass(read);
  return replayer.finish(reader.report());
}

}  // namespace narthex::tsdb

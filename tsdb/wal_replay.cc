#include "tsdb/wal_replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "telemetry/log.h"
#include "tsdb/encoding.h"
#include "tsdb/wal/record.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {
namespace {

class Replayer {
 public:
  Replayer(io::FileSystem& fs, Head& head) : fs_(fs), head_(head) {}

  /// Segments of `directory` from `first` on.
  Result<void> replay_directory(const std::string& directory, std::uint32_t first) {
    auto segments = list_segments(fs_, directory);
    if (!segments) return pass(segments, "replaying " + directory);
    for (const std::uint32_t segment : *segments) {
      if (segment < first) continue;
      if (auto done = replay_segment(directory, segment); !done) return done;
    }
    return {};
  }

  ReplayReport finish() {
    report_.gone_refs = head_.finish_replay();
    return std::move(report_);
  }

 private:
  Result<void> replay_segment(const std::string& directory, std::uint32_t segment) {
    const std::string path = fmt::format("{}/{:08}", directory, segment);
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
    while (const auto record = reader->next()) {
      ++report_.records;
      if (auto done = replay_record(*record); !done) {
        ++report_.damaged;
        telemetry::warn("A WAL record contradicts its format and is skipped",
                        {{"segment", path},
                         {"offset", std::to_string(reader->position().offset)},
                         {"why", done.error().text}});
      }
    }
    return {};
  }

  Result<void> replay_record(io::Bytes record) {
    switch (record_type(record)) {
      case RecordType::series: {
        series_.clear();
        auto decoded = decode_series(record, series_);
        if (!decoded) return decoded;
        for (const SeriesRecord& s : series_) head_.replay_series(s);
        return {};
      }
      case RecordType::samples:
      case RecordType::samples_v2: {
        samples_.clear();
        auto decoded = decode_samples(record, samples_);
        if (!decoded) return decoded;
        report_.samples += samples_.size();
        report_.unknown_refs += head_.replay_samples(samples_);
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

  io::FileSystem& fs_;
  Head& head_;
  ReplayReport report_;
  std::vector<SeriesRecord> series_;
  std::vector<SampleRecord> samples_;
};

}  // namespace

Result<ReplayReport> replay_wal(io::FileSystem& fs, const std::string& wal_dir, Head& head,
                                std::size_t threads) {
  if (threads > 1) head.replay_with_threads(threads);
  Replayer replayer(fs, head);
  std::uint32_t first = 0;
  auto checkpoint = last_checkpoint(fs, wal_dir);
  if (!checkpoint) return pass(checkpoint, "replaying the WAL");
  if (*checkpoint) {
    const auto& [path, number] = **checkpoint;
    if (auto done = replayer.replay_directory(path, 0); !done) return pass(done);
    first = number + 1;
  }
  if (auto done = replayer.replay_directory(wal_dir, first); !done) return pass(done);
  return replayer.finish();
}

}  // namespace narthex::tsdb

#include "tsdb/verify/verify_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "tsdb/encoding.h"
#include "tsdb/wal/compression.h"
#include "tsdb/wal/segments.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {
namespace {

constexpr std::string_view kCheckpoint = "checkpoint.";
/// The segment number in the name of a checkpoint.
std::optional<std::uint32_t> parse_checkpoint_name(std::string_view name) {
  if (!name.starts_with(kCheckpoint)) return std::nullopt;
  return parse_segment_name(name.substr(kCheckpoint.size()));
}

}  // namespace

void LogVerifier::verify(const std::string& path) {
  const auto entries = v_.list(path);
  if (!entries) return;
  const Directory directory = sort_names(path, *entries);
  verify_order(path, directory);
  for (const std::uint32_t number : directory.checkpoints) {
    const std::string checkpoint = fmt::format("{}/{}{:08}", path, kCheckpoint, number);
    if (const auto inside = v_.list(checkpoint)) {
      const Directory segments = sort_names(checkpoint, *inside);
      verify_order(checkpoint, segments);
      verify_segments(checkpoint, segments.segments);
    }
  }
  verify_segments(path, directory.segments);
  if (unnamed_samples_ > 0) {
    v_.notice(path, std::nullopt,
              fmt::format("{} samples belong to {} series that no record names; they are lost",
                          unnamed_samples_, unnamed_.size()));
  }
  unnamed_.clear();
  unnamed_samples_ = 0;
}

LogVerifier::Directory LogVerifier::sort_names(const std::string& path,
                                               const std::vector<io::DirEntry>& entries) {
  Directory directory;
  for (const io::DirEntry& e : entries) {
    const auto checkpoint = e.is_directory ? parse_checkpoint_name(e.name) : std::nullopt;
    if (checkpoint) {
      directory.checkpoints.push_back(*checkpoint);
    } else if (!e.is_directory && parse_segment_name(e.name)) {
      directory.segments.push_back(e);
    } else if (e.name.ends_with(".tmp") || e.name.ends_with(".repair")) {
      v_.notice(path + "/" + e.name, std::nullopt, "left behind by an interrupted run");
    } else if (e.name != "series_state.json") {
      v_.notice(path + "/" + e.name, std::nullopt, "does not belong to a log; nobody reads it");
    }
  }
  std::ranges::sort(directory.segments, {}, [](const io::DirEntry& e) { return parse_segment_name(e.name); });
  std::ranges::sort(directory.checkpoints);
  return directory;
}

void LogVerifier::verify_order(const std::string& path, const Directory& directory) {
  const auto missing = [&](std::uint32_t first, std::uint32_t next, const std::string& name) {
    v_.damage(path + "/" + name, std::nullopt,
              fmt::format("segments {:08} to {:08} before it are missing", first, next - 1));
  };
  std::optional<std::uint32_t> last;
  if (!directory.checkpoints.empty()) last = directory.checkpoints.back();
  for (std::size_t i = 0; i < directory.segments.size(); ++i) {
    const std::string& name = directory.segments[i].name;
    const std::uint32_t number = parse_segment_name(name).value_or(0);
    // Segments that a checkpoint stands for may still be there.
    if (last && number > *last + 1) missing(*last + 1, number, name);
    last = i == 0 ? std::max(number, last.value_or(number)) : number;
  }
}

void LogVerifier::verify_segments(const std::string& path, const std::vector<io::DirEntry>& segments) {
  for (const io::DirEntry& segment : segments) {
    verify_segment(path + "/" + segment.name, &segment == &segments.back());
  }
}

void LogVerifier::verify_segment(const std::string& path, bool is_last) {
  const auto text = v_.read(path);
  if (!text) return;
  const io::Bytes bytes = io::as_bytes(*text);
  ++v_.totals.log_segments;
  RecordDecompressor decompressor;
  RecordScanner scanner(bytes, [&](std::uint64_t offset, std::uint64_t length, const std::string& why) {
    const bool at_end = is_last && offset + length == bytes.size();
    if (at_end && why == kEndsInsideRecord) {
      v_.notice(path, offset,
                fmt::format("the last {} bytes are a record that was not written to its end; the next start "
                            "cuts them off",
                            length));
    } else {
      v_.damage(path, offset, fmt::format("{} ({} bytes cannot be read)", why, length));
    }
  });
  while (const auto raw = scanner.next()) {
    ++v_.totals.log_records;
    verify_types(path, bytes, *raw);
    const auto record = decompressor.decompress(raw->flag, raw->data);
    if (!record) {
      v_.damage(path, raw->offset, record.error().text);
      continue;
    }
    if (auto good = verify_record(*record); !good) v_.damage(path, raw->offset, good.error().text);
    if (record_type(*record) == RecordType::unknown) {
      v_.notice(path, raw->offset, "a record of a type that this version does not know");
    }
  }
}

/// The checksums do not cover the type bytes of fragments.
void LogVerifier::verify_types(const std::string& path, io::Bytes segment, const RawRecord& record) {
  constexpr unsigned kReserved = 0xe0;
  constexpr unsigned kCompression = 0x18;
  std::optional<unsigned> compression;
  for (std::uint64_t at = record.offset; at < record.end;) {
    const auto type = std::to_integer<unsigned>(segment[at]);
    if ((type & kReserved) != 0) v_.damage(path, at, "reserved bits are set in the type of a fragment");
    if ((type & kCompression) == kCompression) {
      v_.damage(path, at, "a fragment says that it is compressed in two ways");
    }
    if (compression.value_or(type & kCompression) != (type & kCompression)) {
      v_.damage(path, at, "a fragment is compressed in another way than its record");
    }
    compression = type & kCompression;
    at += kFragmentHeaderBytes + load_be<std::uint16_t>(segment.data() + at + 1);
    const std::uint64_t page_left = kWalPageBytes - at % kWalPageBytes;
    if (page_left < kFragmentHeaderBytes) at += page_left;
  }
}

void LogVerifier::count_unknown(WalRef ref) {
  if (named_.contains(ref)) return;
  unnamed_.insert(ref);
  ++unnamed_samples_;
}

Result<void> LogVerifier::verify_record(io::Bytes record) {
  switch (record_type(record)) {
    case RecordType::series: {
      series_.clear();
      auto decoded = decode_series(record, series_);
      for (const SeriesRecord& s : series_) named_.insert(s.ref);
      return decoded;
    }
    case RecordType::samples:
    case RecordType::samples_v2: {
      samples_.clear();
      auto decoded = decode_samples(record, samples_);
      for (const SampleRecord& s : samples_) count_unknown(s.ref);
      return decoded;
    }
    case RecordType::histograms:
    case RecordType::float_histograms:
    case RecordType::custom_histograms:
    case RecordType::custom_float_histograms:
    case RecordType::histograms_v2:
    case RecordType::float_histograms_v2: {
      histograms_.clear();
      auto decoded = decode_histograms(record, histograms_);
      if (!decoded) return pass(decoded);
      for (const HistogramRecord& h : histograms_) count_unknown(h.ref);
      if (*decoded == 0) return {};
      return fail(Code::corruption, fmt::format("{} histograms of an unknown schema, or whose spans do not "
                                                "fit their buckets",
                                                *decoded));
    }
    case RecordType::exemplars:
      exemplars_.clear();
      return decode_exemplars(record, exemplars_);
    case RecordType::metadata:
      metadata_.clear();
      return decode_metadata(record, metadata_);
    case RecordType::tombstones:
      tombstones_.clear();
      return decode_tombstones(record, tombstones_);
    case RecordType::mmap_markers:
      markers_.clear();
      return decode_mmap_markers(record, markers_);
    case RecordType::unknown:
      break;
  }
  return {};
}

void verify_logs(Verification& v) {
  LogVerifier log(v);
  log.verify("wal");
  log.verify("wbl");
  verify_head_chunks(v, "chunks_head");
}

}  // namespace narthex::tsdb

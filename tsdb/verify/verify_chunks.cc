#include "tsdb/verify/verify_chunks.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/crc32c.h"
#include "tsdb/chunk/encoding.h"
#include "tsdb/encoding.h"
#include "tsdb/wal/segments.h"

namespace narthex::tsdb {
namespace {

constexpr std::uint32_t kMagic = 0x85BD40DD;
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 8;

}  // namespace

std::string fault_in_chunk(std::uint8_t encoding, io::Bytes data, TimeRange range, ChunkSamples& samples) {
  if (auto decoded = decode_samples(encoding, data, samples); !decoded) return decoded.error().text;
  if (samples.size() == 0) return "it has no samples";
  if (samples.size() != count_chunk_samples(encoding, data)) return "it has not as many samples as it says";
  const auto falls = std::ranges::adjacent_find(samples.t, std::greater_equal<>());
  if (falls != samples.t.end()) return fmt::format("two samples at or behind {} do not ascend", *falls);
  if (samples.t.front() != range.mint || samples.t.back() != range.maxt) {
    return fmt::format("its samples are from {} to {}, and it is entered as from {} to {}", samples.t.front(),
                       samples.t.back(), range.mint, range.maxt);
  }
  return {};
}

ChunkVerifier::ChunkVerifier(Verification& v, std::string path) : v_(v), path_(std::move(path)) {
  const auto entries = v_.list(path_);
  if (!entries) {
    v_.damage(path_, std::nullopt, "the folder of the chunks is missing");
    return;
  }
  for (const io::DirEntry& entry : *entries) open_segment(entry);
}

void ChunkVerifier::open_segment(const io::DirEntry& entry) {
  Segment segment;
  segment.path = path_ + "/" + entry.name;
  const auto number = parse_segment_name(entry.name);
  if (!number || entry.is_directory) {
    v_.notice(segment.path, std::nullopt, "does not belong here; every snapshot of the block links it");
    return;
  }
  if (*number != segments_.size() + 1) {
    v_.damage(segment.path, std::nullopt,
              fmt::format("segment {:06} was to come here: references lead to the wrong file",
                          segments_.size() + 1));
  }
  segment.mapping = v_.map(segment.path);
  segment.next = kHeaderBytes;
  if (segment.mapping) {
    const io::Bytes bytes = segment.mapping->bytes();
    ByteReader in(bytes);
    const std::uint32_t magic = in.be32();
    const std::uint8_t version = in.u8();
    if (bytes.size() < kHeaderBytes) {
      v_.damage(segment.path, 0, "shorter than its header");
    } else {
      if (magic != kMagic) v_.damage(segment.path, 0, fmt::format("invalid magic number {:x}", magic));
      if (version != kVersion) v_.damage(segment.path, 4, fmt::format("unknown version {}", version));
      if (first_nonzero(bytes.subspan(5, kHeaderBytes - 5))) {
        v_.damage(segment.path, 5, "the unused bytes of the header are not zero");
      }
    }
  }
  segments_.push_back(std::move(segment));
}

void ChunkVerifier::verify(std::uint64_t series_offset, const ChunkMeta& meta, TimeRange range) {
  const std::uint64_t number = meta.ref >> 32;
  const std::uint64_t offset = meta.ref & 0xffffffff;
  const auto bad = [&](const std::string& path, const char* why) {
    tally_.complete = false;
    v_.damage(path, offset,
              fmt::format("chunk of the series at offset {} of the index: {}", series_offset, why));
  };
  if (number >= segments_.size()) {
    return bad(fmt::format("{}/{:06}", path_, number + 1), "there is no such segment");
  }
  Segment& segment = segments_[number];
  if (!segment.mapping) {
    tally_.complete = false;
    return;
  }
  const io::Bytes bytes = segment.mapping->bytes();
  if (offset < kHeaderBytes || offset >= bytes.size()) return bad(segment.path, "outside of the file");
  ByteReader in(bytes.subspan(offset));
  const std::uint64_t length = in.uvarint();
  if (!in.ok() || length >= in.left()) return bad(segment.path, "it goes beyond the end of the file");
  const io::Bytes body = in.bytes(length + 1);
  const std::uint32_t checksum = in.be32();
  if (!in.ok()) return bad(segment.path, "it goes beyond the end of the file");
  take(segment, offset, bytes.size() - in.left());
  if (io::crc32c(body) != checksum) return bad(segment.path, "wrong checksum");
  verify_samples(segment, offset, std::to_integer<std::uint8_t>(body[0]), body.subspan(1), meta, range);
}

void ChunkVerifier::verify_samples(const Segment& segment, std::uint64_t offset, std::uint8_t encoding,
                                   io::Bytes data, const ChunkMeta& meta, TimeRange range) {
  std::string fault = fault_in_chunk(encoding, data, {meta.mint, meta.maxt}, samples_);
  tally_.complete = tally_.complete && fault.empty();
  if (fault.empty() && (meta.mint < range.mint || meta.maxt > range.maxt)) {
    fault = fmt::format("its samples from {} to {} lie outside of the block", meta.mint, meta.maxt);
  }
  if (!fault.empty()) v_.damage(segment.path, offset, "chunk: " + fault);
  v_.totals.samples += samples_.size();
  (samples_.kind == SampleKind::floats ? tally_.float_samples : tally_.histogram_samples) += samples_.size();
}

/// The bytes from `begin` to `end` belong to a chunk.
void ChunkVerifier::take(Segment& segment, std::uint64_t begin, std::uint64_t end) {
  if (begin >= segment.next) {
    if (begin > segment.next) segment.gaps.push_back({segment.next, begin});
    segment.next = end;
    return;
  }
  const auto gap =
      std::ranges::find_if(segment.gaps, [&](const Gap& g) { return g.begin <= begin && end <= g.end; });
  if (gap == segment.gaps.end()) {
    v_.damage(segment.path, begin, "two series refer to the same bytes");
    return;
  }
  const Gap whole = *gap;
  segment.gaps.erase(gap);
  if (whole.begin < begin) segment.gaps.push_back({whole.begin, begin});
  if (end < whole.end) segment.gaps.push_back({end, whole.end});
}

void ChunkVerifier::finish() {
  for (Segment& segment : segments_) {
    if (!segment.mapping) continue;
    const std::uint64_t size = segment.mapping->bytes().size();
    if (segment.next < size) segment.gaps.push_back({segment.next, size});
    for (const Gap& gap : segment.gaps) {
      v_.damage(segment.path, gap.begin,
                fmt::format("no series refers to these {} bytes", gap.end - gap.begin));
    }
  }
}

}  // namespace narthex::tsdb

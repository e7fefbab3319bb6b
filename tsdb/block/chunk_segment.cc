#include "tsdb/block/chunk_segment.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/crc32c.h"
#include "tsdb/encoding.h"
#include "tsdb/wal/segments.h"

namespace narthex::tsdb {
namespace {

constexpr std::uint32_t kMagic = 0x85BD40DD;
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 8;
constexpr std::size_t kMaxLengthBytes = 5;
constexpr std::size_t kChecksumBytes = 4;

Result<void> check_header(io::Bytes segment) {
  ByteReader in(segment);
  const std::uint32_t magic = in.be32();
  const std::uint8_t version = in.u8();
  if (!in.ok() || segment.size() < kHeaderBytes) return fail(Code::corruption, "shorter than its header");
  if (magic != kMagic) return fail(Code::corruption, fmt::format("invalid magic number {:x}", magic));
  if (version != kVersion) return fail(Code::corruption, fmt::format("unknown version {}", version));
  return {};
}

}  // namespace

Result<void> ChunkSegmentWriter::begin_segment() {
  if (file_) {
    if (auto flushed = file_->flush(); !flushed) return flushed;
  }
  auto file = BufferedFile::create(fs_, fmt::format("{}/{:06}", dir_, ++segments_));
  if (!file) return pass(file);
  file_ = *std::move(file);
  std::byte header[kHeaderBytes] = {};
  store_be(header, kMagic);
  header[4] = std::byte{kVersion};
  return file_->write(header);
}

Result<std::uint64_t> ChunkSegmentWriter::write(std::uint8_t encoding, io::Bytes data) {
  const std::uint64_t most = kMaxLengthBytes + 1 + data.size() + kChecksumBytes;
  if (!file_ || (file_->position() > kHeaderBytes && file_->position() + most > segment_bytes_)) {
    if (auto begun = begin_segment(); !begun) return pass(begun, "beginning a chunk segment");
  }
  const std::uint64_t ref = (segments_ - 1) << 32 | file_->position();
  std::byte head[kMaxVarintBytes + 1];
  std::byte* end = write_uvarint(head, data.size());
  *end = static_cast<std::byte>(encoding);
  std::byte checksum[kChecksumBytes];
  store_be(checksum, io::crc32c_extend(io::crc32c({end, 1}), data));
  for (const io::Bytes part : {io::Bytes(head, end + 1), data, io::Bytes(checksum)}) {
    if (auto written = file_->write(part); !written) return pass(written, "writing a chunk");
  }
  return ref;
}

Result<void> ChunkSegmentWriter::finish() {
  return file_ ? file_->flush() : Result<void>{};
}

Result<ChunkSegments> ChunkSegments::open(io::FileSystem& fs, const std::string& dir) {
  // Named by numbers like WAL segments, six digits wide; other names are ignored.
  auto files = list_segment_files(fs, dir);
  if (!files) return pass(files);
  ChunkSegments segments;
  for (const SegmentFile& file : *files) {
    const std::string path = dir + "/" + file.name;
    auto mapping = fs.map(path);
    if (!mapping) return pass(mapping);
    const io::Bytes bytes = (*mapping)->bytes();
    if (auto checked = check_header(bytes); !checked) return pass(checked, path);
    segments.size_bytes_ += bytes.size();
    segments.segments_.push_back(*std::move(mapping));
  }
  return segments;
}

Result<ChunkView> ChunkSegments::chunk(std::uint64_t ref) const {
  const std::uint64_t index = ref >> 32;
  const std::uint64_t offset = ref & 0xffffffff;
  const auto bad = [&](const char* why) {
    return fail(Code::corruption,
                fmt::format("chunk segment {:06} at offset {}: {}", index + 1, offset, why));
  };
  if (index >= segments_.size()) return bad("there is no such segment");
  const io::Bytes segment = segments_[index]->bytes();
  if (offset < kHeaderBytes || offset > segment.size()) return bad("outside of the file");
  ByteReader in(segment.subspan(offset));
  const std::uint64_t length = in.uvarint();
  if (!in.ok() || in.left() < kChecksumBytes + 1 || length > in.left() - kChecksumBytes - 1)
    return bad("the chunk goes beyond the end of the file");
  const io::Bytes body = in.bytes(length + 1);
  if (io::crc32c(body) != in.be32()) return bad("wrong checksum of the chunk");
  return ChunkView{std::to_integer<std::uint8_t>(body[0]), body.subspan(1)};
}

}  // namespace narthex::tsdb

#include "tsdb/wal/compression.h"

#include <snappy.h>
#include <zstd.h>

#include <algorithm>

#include "tsdb/encoding.h"
#include "tsdb/wal/record.h"
#include "tsdb/wal/samples_packer.h"
#include "tsdb/wal/snappy_block.h"

namespace narthex::tsdb {
namespace {

const char* chars(io::Bytes bytes) {
  return reinterpret_cast<const char*>(bytes.data());
}

std::unexpected<Error> too_long() {
  return fail(Code::limit, "a WAL record unpacks to more than 512 MiB");
}

struct ZstdCompressor {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZstdCompressor() = default;
  ZstdCompressor(const ZstdCompressor&) = delete;
  ZstdCompressor& operator=(const ZstdCompressor&) = delete;
  ~ZstdCompressor() { ZSTD_freeCCtx(context); }
};

/// @return bytes written to `to`; 0 if it failed
std::size_t compress_zstd(io::Bytes record, std::byte* to, std::size_t room) {
  // Making a context costs more than compressing a record.
  thread_local ZstdCompressor compressor;
  if (compressor.context == nullptr) return 0;
  // Level 3 is what Prometheus' "speed" mode is about equal to, by its own words.
  const std::size_t size = ZSTD_compressCCtx(compressor.context, to, room, record.data(), record.size(), 3);
  return ZSTD_isError(size) ? 0 : size;
}

/// Whether it is no record of a known type, and a compressed one: the flag of a fragment is not
/// covered by its checksum, and such a record would pass for one of a newer version.
bool is_unmarked(io::Bytes data) {
  constexpr std::size_t kLeastBytes = 4;
  if (data.size() < kLeastBytes || record_type(data) != RecordType::unknown) return false;
  constexpr std::uint32_t kZstdMagic = 0x28b52ffd;
  const bool zstd = load_be<std::uint32_t>(data.data()) == kZstdMagic;
  return zstd || snappy::IsValidCompressedBuffer(chars(data), data.size());
}

}  // namespace

CompressedRecord compress_record(WalCompression how, io::Bytes record, std::vector<std::byte>& buffer,
                                 std::size_t at) {
  if (how == WalCompression::none || record.empty()) return {};
  const auto make_room = [&](std::size_t bytes) {
    if (buffer.size() < at + bytes) buffer.resize(at + bytes);
    return buffer.data() + at;
  };
  std::size_t size = 0;
  if (how == WalCompression::snappy && record_type(record) == RecordType::samples) {
    size = pack_samples(record, make_room(packed_samples_bound(record.size())));
  } else if (how == WalCompression::snappy) {
    std::byte* const to = make_room(snappy::MaxCompressedLength(record.size()));
    snappy::RawCompress(chars(record), record.size(), reinterpret_cast<char*>(to), &size);
  } else {
    const std::size_t room = ZSTD_compressBound(record.size());
    size = compress_zstd(record, make_room(room), room);
  }
  if (size == 0 || size >= record.size()) return {};
  return {how == WalCompression::snappy ? RecordFlag::snappy : RecordFlag::zstd, size};
}

struct RecordDecompressor::Zstd {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  Zstd() = default;
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;
  ~Zstd() { ZSTD_freeDCtx(context); }
};

RecordDecompressor::RecordDecompressor() = default;
RecordDecompressor::~RecordDecompressor() = default;
RecordDecompressor::RecordDecompressor(RecordDecompressor&&) noexcept = default;
RecordDecompressor& RecordDecompressor::operator=(RecordDecompressor&&) noexcept = default;

Result<io::Bytes> RecordDecompressor::decompress(RecordFlag flag, io::Bytes data) {
  switch (flag) {
    case RecordFlag::plain:
      if (is_unmarked(data))
        return fail(Code::corruption, "a WAL record is compressed and not marked as such");
      break;
    case RecordFlag::snappy:
      if (!data.empty()) {
        auto size = decompress_snappy(data, buffer_, 0);
        if (!size) return pass(size);
        return io::Bytes(buffer_.data(), *size);
      }
      break;
    case RecordFlag::zstd:
      if (!data.empty()) return decompress_zstd(data);
      break;
  }
  return data;
}

Result<std::size_t> RecordDecompressor::decompress(RecordFlag flag, io::Bytes data,
                                                   std::vector<std::byte>& buffer, std::size_t at) {
  if (flag == RecordFlag::snappy && !data.empty()) return decompress_snappy(data, buffer, at);
  auto whole = decompress(flag, data);
  if (!whole) return pass(whole);
  if (buffer.size() < at + whole->size()) buffer.resize(at + whole->size());
  std::ranges::copy(*whole, buffer.begin() + static_cast<std::ptrdiff_t>(at));
  return whole->size();
}

Result<void> RecordDecompressor::verify(RecordFlag flag, io::Bytes data) {
  if (flag == RecordFlag::snappy && !data.empty()) {
    if (!snappy::IsValidCompressedBuffer(chars(data), data.size()))
      return fail(Code::corruption, "a WAL record is no valid snappy block");
    return {};
  }
  auto whole = decompress(flag, data);
  if (!whole) return pass(whole);
  return {};
}

Result<std::size_t> RecordDecompressor::decompress_snappy(io::Bytes data, std::vector<std::byte>& buffer,
                                                          std::size_t at) {
  const auto size = snappy_content_size(data);
  if (!size) return fail(Code::corruption, "a WAL record is no snappy block");
  if (*size > kMaxRecordBytes) return too_long();
  // Snappy packs at most 64 bytes into three: a length beyond that is a lie not worth the memory.
  if (*size / 32 > data.size()) return fail(Code::corruption, "a WAL record's snappy length is impossible");
  if (buffer.size() < at + *size + kUnpackSlack) buffer.resize(at + *size + kUnpackSlack);
  if (!unpack_snappy(data, std::span(buffer).subspan(at)))
    return fail(Code::corruption, "a WAL record is no valid snappy block");
  return *size;
}

Result<io::Bytes> RecordDecompressor::decompress_zstd(io::Bytes data) {
  if (!zstd_) zstd_ = std::make_unique<Zstd>();
  if (zstd_->context == nullptr) return fail(Code::io, "no memory to unpack a zstd record");
  ZSTD_DCtx_reset(zstd_->context, ZSTD_reset_session_only);
  // A frame need not say how long its content is: unpack in steps.
  ZSTD_inBuffer in{data.data(), data.size(), 0};
  std::size_t size = 0;
  while (true) {
    if (buffer_.size() - size < ZSTD_DStreamOutSize()) {
      if (size >= kMaxRecordBytes) return too_long();
      buffer_.resize(std::max(size + ZSTD_DStreamOutSize(), buffer_.size() * 2));
    }
    ZSTD_outBuffer out{buffer_.data(), buffer_.size(), size};
    const std::size_t left = ZSTD_decompressStream(zstd_->context, &out, &in);
    if (ZSTD_isError(left))
      return fail(Code::corruption,
                  std::string("a WAL record is no valid zstd frame: ") + ZSTD_getErrorName(left));
    const bool stuck = out.pos == size && in.pos == in.size;
    size = out.pos;
    if (left == 0 && in.pos == in.size) return io::Bytes(buffer_.data(), size);
    if (stuck) return fail(Code::corruption, "a WAL record's zstd frame ends early");
  }
}

}  // namespace narthex::tsdb

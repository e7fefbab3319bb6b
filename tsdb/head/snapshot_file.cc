#include "tsdb/head/snapshot_file.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <utility>

#include "io/crc32c.h"
#include "tsdb/head/snapshot_bytes.h"

namespace narthex::tsdb {
namespace {

constexpr std::array<char, 8> kMagic = {'N', 'T', 'X', 'H', 'E', 'A', 'D', '\0'};
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kSectionHeaderBytes = 24;
constexpr std::size_t kCheckedHeaderBytes = 20;
constexpr std::size_t kAlignment = 8;

std::size_t padding_of(std::uint64_t size) {
  return static_cast<std::size_t>((kAlignment - size % kAlignment) % kAlignment);
}

}  // namespace

Result<SnapshotWriter> SnapshotWriter::create(io::FileSystem& fs, const std::string& path) {
  auto file = fs.open_writable(path, io::OpenMode::create_truncate);
  if (!file) return pass(file);
  std::vector<std::byte> header;
  put_span(header, std::as_bytes(std::span(kMagic)));
  put_word(header, kSnapshotVersion);
  put_word(header, std::uint32_t{0});
  if (auto written = (*file)->append(header); !written) return pass(written);
  return SnapshotWriter(std::move(*file));
}

Result<void> SnapshotWriter::add(SnapshotSection kind, std::uint32_t tag, io::Bytes data) {
  std::vector<std::byte> header;
  put_word(header, static_cast<std::uint32_t>(kind));
  put_word(header, tag);
  put_word(header, std::uint64_t{data.size()});
  put_word(header, io::crc32c(data));
  put_word(header, io::crc32c(header));
  ++sections_;
  if (auto written = file_->append(header); !written) return written;
  if (auto written = file_->append(data); !written) return written;
  static constexpr std::array<std::byte, kAlignment> kZeros{};
  return file_->append(io::Bytes(kZeros).first(padding_of(data.size())));
}

Result<void> SnapshotWriter::finish() {
  if (auto ended = add(SnapshotSection::end, sections_, {}); !ended) return ended;
  return file_->sync();
}

Result<SnapshotReader> SnapshotReader::open(io::FileSystem& fs, const std::string& path) {
  auto mapping = fs.map(path);
  if (!mapping) return pass(mapping);
  return over(std::move(*mapping), path);
}

Result<SnapshotReader> SnapshotReader::over(std::unique_ptr<io::Mapping> mapping, std::string path) {
  SnapshotReader reader(std::move(mapping), std::move(path));
  if (auto found = reader.find_sections(); !found) return pass(found, reader.path());
  return reader;
}

Result<void> SnapshotReader::find_sections() {
  const io::Bytes file = mapping_->bytes();
  WordReader in(file);
  const io::Bytes magic = in.bytes(kMagic.size());
  const std::uint32_t version = in.u32();
  in.u32();
  if (!in.ok() || std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0) {
    return fail(Code::corruption, "it is no snapshot of the head");
  }
  if (version != kSnapshotVersion) {
    return fail(Code::invalid,
                fmt::format("it is of version {}, and version {} is read here", version, kSnapshotVersion));
  }
  for (;;) {
    const std::size_t at = file.size() - in.left();
    const io::Bytes header = in.bytes(kSectionHeaderBytes);
    if (!in.ok()) return fail(Code::corruption, "it has no end");
    WordReader fields(header);
    Section s{};
    s.kind = static_cast<SnapshotSection>(fields.u32());
    s.tag = fields.u32();
    const std::uint64_t length = fields.u64();
    s.crc = fields.u32();
    if (fields.u32() != io::crc32c(header.first(kCheckedHeaderBytes))) {
      return fail(Code::corruption, fmt::format("the checksum of the header at {} does not match", at));
    }
    s.data = in.bytes(length);
    in.bytes(padding_of(length));
    if (!in.ok()) return fail(Code::corruption, fmt::format("the section at {} has no end", at));
    if (s.kind != SnapshotSection::end) {
      sections_.push_back(s);
      continue;
    }
    if (s.tag != sections_.size() || in.left() > 0) {
      return fail(Code::corruption, fmt::format("its end at {} is in the wrong place", at));
    }
    return {};
  }
}

Result<io::Bytes> SnapshotReader::read(const Section& section) const {
  if (io::crc32c(section.data) == section.crc) return section.data;
  return fail(Code::corruption, fmt::format("{}: the checksum of the section at {} does not match", path_,
                                            section.data.data() - mapping_->bytes().data()));
}

Result<io::Bytes> SnapshotReader::read_only_one(SnapshotSection kind) const {
  const Section* found = nullptr;
  for (const Section& s : sections_) {
    if (s.kind != kind) continue;
    if (found != nullptr) return fail(Code::corruption, path_ + ": a section is there twice");
    found = &s;
  }
  if (found == nullptr) return fail(Code::corruption, path_ + ": a section is missing");
  return read(*found);
}

}  // namespace narthex::tsdb

#include "tsdb/block/index_reader.h"

#include <fmt/format.h>

#include "io/crc32c.h"

namespace narthex::tsdb {
namespace {

Result<IndexToc> read_toc(io::Bytes index) {
  const io::Bytes bytes = index.last(kIndexTocBytes);
  const io::Bytes offsets = bytes.first(kIndexTocBytes - kIndexChecksumBytes);
  if (io::crc32c(offsets) != load_be<std::uint32_t>(offsets.data() + offsets.size()))
    return fail(Code::corruption, "index: wrong checksum of the table of contents");
  ByteReader in(offsets);
  IndexToc toc;
  toc.symbols = in.be64();
  toc.series = in.be64();
  toc.label_indices = in.be64();
  toc.label_indices_table = in.be64();
  toc.postings = in.be64();
  toc.postings_table = in.be64();
  for (const std::uint64_t offset : {toc.symbols, toc.series, toc.postings, toc.postings_table}) {
    if (offset > index.size() - kIndexTocBytes)
      return fail(Code::corruption, "index: the table of contents points outside of the file");
  }
  return toc;
}

}  // namespace

Result<void> SeriesEntry::chunks(std::vector<ChunkMeta>& out) const {
  ByteReader in(body_);
  for (std::uint64_t labels = in.uvarint(); labels > 0 && in.ok(); --labels) {
    in.uvarint();
    in.uvarint();
  }
  const std::uint64_t count = in.uvarint();
  // Each takes three bytes at least: a count from outside reserves no more than there is.
  if (count <= in.left()) out.reserve(out.size() + count);
  ChunkMeta chunk;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto plus = [](std::int64_t t, std::uint64_t delta) {
      return static_cast<std::int64_t>(static_cast<std::uint64_t>(t) + delta);
    };
    chunk.mint = i == 0 ? in.varint() : plus(chunk.maxt, in.uvarint());
    chunk.maxt = plus(chunk.mint, in.uvarint());
    chunk.ref = i == 0 ? in.uvarint() : chunk.ref + static_cast<std::uint64_t>(in.varint());
    if (!in.ok()) return fail(Code::corruption, "index: the chunks of a series end early");
    out.push_back(chunk);
  }
  return in.ok() ? Result<void>{} : fail(Code::corruption, "index: a series ends before its chunks");
}

Result<std::unique_ptr<IndexReader>> IndexReader::open(io::FileSystem& fs, const std::string& path) {
  auto mapping = fs.map(path);
  if (!mapping) return pass(mapping);
  auto reader = std::unique_ptr<IndexReader>(new IndexReader);
  reader->mapping_ = *std::move(mapping);
  reader->bytes_ = reader->mapping_->bytes();
  const io::Bytes bytes = reader->bytes_;
  if (bytes.size() < kIndexHeaderBytes + kIndexTocBytes)
    return fail(Code::corruption, "index: shorter than header and table of contents");
  const auto magic = load_be<std::uint32_t>(bytes.data());
  if (magic != kIndexMagic)
    return fail(Code::corruption, fmt::format("index: invalid magic number {:x}", magic));
  reader->version_ = std::to_integer<std::uint8_t>(bytes[4]);
  if (reader->version_ < 1 || reader->version_ > 3)
    return fail(Code::corruption, fmt::format("index: unknown version {}", reader->version_));
  auto toc = read_toc(bytes);
  if (!toc) return pass(toc);
  reader->toc_ = *toc;
  return reader;
}

std::uint64_t IndexReader::symbol_table_bytes() const {
  const sync::MutexLock lock(mutex_);
  return symbols_ ? symbols_->memory_bytes() : 0;
}

Result<const SymbolTable*> IndexReader::symbols() const {
  const sync::MutexLock lock(mutex_);
  if (!symbols_) {
    auto table = SymbolTable::open(bytes_, version_, toc_.symbols);
    if (!table) return pass(table);
    symbols_ = std::make_unique<const SymbolTable>(*std::move(table));
  }
  return symbols_.get();
}

Result<const PostingsTable*> IndexReader::postings_table() const {
  const sync::MutexLock lock(mutex_);
  if (!postings_table_) {
    auto table = PostingsTable::open(bytes_, version_, toc_.postings_table);
    if (!table) return pass(table);
    postings_table_ = std::make_unique<const PostingsTable>(*std::move(table));
  }
  return postings_table_.get();
}

Result<PostingsList> IndexReader::postings_at(std::uint64_t offset) const {
  auto& sound = sound_postings_[offset / kPostingsAlignment % sound_postings_.size()];
  const bool is_sound = sound.load(std::memory_order_relaxed) == offset + 1;
  auto content =
      checked_section(bytes_, offset, "postings", is_sound ? Checksum::known_right : Checksum::to_be_checked);
  if (!content) return pass(content);
  if (!is_sound) sound.store(offset + 1, std::memory_order_relaxed);
  ByteReader in(*content);
  const std::uint64_t count = in.be32();
  const io::Bytes refs = in.bytes(4 * count);
  if (!in.ok() || in.left() > 0)
    return fail(Code::corruption,
                fmt::format("index: postings at offset {}: length and count disagree", offset));
  return PostingsList(refs);
}

Result<PostingsList> IndexReader::postings(std::string_view name, std::string_view value) const {
  auto table = postings_table();
  if (!table) return pass(table);
  const auto offset = (*table)->find(name, value);
  return offset ? postings_at(*offset) : PostingsList();
}

Result<SeriesEntry> IndexReader::series(std::uint32_t ref) const {
  const std::uint64_t offset = version_ == 1 ? ref : std::uint64_t{ref} * kSeriesAlignment;
  const auto bad = [&](const char* why) {
    return fail(Code::corruption, fmt::format("index: series at offset {}: {}", offset, why));
  };
  if (offset >= bytes_.size()) return bad("behind the end of the file");
  ByteReader in(bytes_.subspan(offset));
  const io::Bytes body = in.bytes(in.uvarint());
  const std::uint32_t checksum = in.be32();
  if (!in.ok()) return bad("goes beyond the end of the file");
  if (io::crc32c(body) != checksum) return bad("wrong checksum");
  return SeriesEntry(body);
}

}  // namespace narthex::tsdb

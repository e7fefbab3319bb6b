#include "tsdb/verify/verify_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "io/crc32c.h"
#include "tsdb/block/symbol_table.h"
#include "tsdb/encoding.h"
#include "tsdb/verify/index_postings.h"
#include "tsdb/verify/index_symbols.h"

namespace narthex::tsdb {
namespace {

/// How many bytes the search for the next series behind damage may look at in all: a damaged index
/// must not take hours to read.
constexpr std::uint64_t kSearchBudget = 256ULL << 20;

using OnChunk = std::function<void(std::uint64_t series_offset, const ChunkMeta&)>;

class IndexVerifier {
 public:
  IndexVerifier(Verification& v, const std::string& path, io::Bytes index, const OnChunk& on_chunk)
      : v_(v), path_(path), index_(index), on_chunk_(on_chunk) {}

  IndexTally run() {
    if (!verify_header() || !verify_toc()) return {};
    tally_.readable = true;
    symbols_ = IndexSymbols::read(v_, path_, index_, version_, toc_.symbols);
    if (symbols_.end() > 0) verify_gap(symbols_.end(), toc_.series, kSeriesAlignment, "symbols and series");
    verify_series();
    verify_label_indices();
    postings_.verify(v_, path_, index_, version_, toc_, symbols_, all_readable_);
    return std::move(tally_);
  }

 private:
  bool verify_header();
  bool verify_toc();
  void verify_gap(std::uint64_t begin, std::uint64_t end, std::size_t alignment, const char* between);
  void verify_series();
  void verify_label_indices();

  /// A series as it stands at an offset.
  struct Frame {
    io::Bytes body;
    std::uint64_t end = 0;
  };
  [[nodiscard]] std::optional<Frame> frame_at(std::uint64_t offset, std::uint64_t section_end) const;
  [[nodiscard]] std::uint64_t find_series(std::uint64_t from, std::uint64_t section_end);
  void verify_entry(std::uint64_t offset, io::Bytes body);
  bool read_labels(std::uint64_t offset, ByteReader& in);
  bool read_chunks(std::uint64_t offset, ByteReader& in);
  [[nodiscard]] bool ascends() const;
  void broken(std::uint64_t offset, std::string reason) {
    v_.damage(path_, offset, "series: " + std::move(reason));
  }

  Verification& v_;
  const std::string& path_;
  io::Bytes index_;
  const OnChunk& on_chunk_;
  std::uint8_t version_ = 0;
  IndexToc toc_;
  IndexSymbols symbols_;
  IndexPostings postings_;
  IndexTally tally_;
  bool all_readable_ = true;
  std::uint64_t search_left_ = kSearchBudget;
  std::vector<SymbolPair> labels_;  ///< of the series at hand
  bool labels_known_ = true;
  std::vector<SymbolPair> last_labels_;
};

bool IndexVerifier::verify_header() {
  if (index_.size() < kIndexHeaderBytes + kIndexTocBytes) {
    v_.damage(path_, 0, "shorter than header and table of contents");
    return false;
  }
  const auto magic = load_be<std::uint32_t>(index_.data());
  version_ = std::to_integer<std::uint8_t>(index_[4]);
  if (magic != kIndexMagic) v_.damage(path_, 0, fmt::format("invalid magic number {:x}", magic));
  if (version_ < 1 || version_ > 3) {
    v_.damage(path_, 4, fmt::format("unknown version {}", version_));
    return false;
  }
  return magic == kIndexMagic;
}

bool IndexVerifier::verify_toc() {
  const std::uint64_t at = index_.size() - kIndexTocBytes;
  const io::Bytes offsets = index_.subspan(at, kIndexTocBytes - kIndexChecksumBytes);
  ByteReader in(index_.subspan(at));
  toc_.symbols = in.be64();
  toc_.series = in.be64();
  toc_.label_indices = in.be64();
  toc_.label_indices_table = in.be64();
  toc_.postings = in.be64();
  toc_.postings_table = in.be64();
  if (io::crc32c(offsets) != in.be32()) {
    v_.damage(path_, at, "wrong checksum of the table of contents");
    return false;
  }
  const std::uint64_t order[] = {toc_.symbols, toc_.series, toc_.postings, toc_.postings_table, at};
  if (!std::ranges::is_sorted(order) || toc_.symbols < kIndexHeaderBytes) {
    v_.damage(path_, at, "the sections in the table of contents are not in order");
    return false;
  }
  if (toc_.symbols != kIndexHeaderBytes) {
    v_.damage(path_, kIndexHeaderBytes, "bytes between the header and the symbols");
  }
  return true;
}

/// Sections follow each other with nothing but zeros up to the next one's alignment.
void IndexVerifier::verify_gap(std::uint64_t begin, std::uint64_t end, std::size_t alignment,
                               const char* between) {
  if (begin > end) {
    v_.damage(path_, end, fmt::format("{} overlap", between));
    return;
  }
  const io::Bytes gap = index_.subspan(begin, end - begin);
  if (gap.size() >= alignment || first_nonzero(gap)) {
    v_.damage(path_, begin, fmt::format("{} bytes between {}", gap.size(), between));
  }
}

void IndexVerifier::verify_series() {
  const bool has_label_indices = toc_.label_indices >= toc_.series && toc_.label_indices < toc_.postings;
  const std::uint64_t end = has_label_indices ? toc_.label_indices : toc_.postings;
  std::uint64_t at = toc_.series;
  while (at < end) {
    if (version_ > 1) {
      const std::uint64_t aligned =
          std::min((at + kSeriesAlignment - 1) / kSeriesAlignment * kSeriesAlignment, end);
      if (first_nonzero(index_.subspan(at, aligned - at))) {
        v_.damage(path_, at, "bytes that are not zero between two series");
      }
      at = aligned;
      if (at == end) break;
    }
    if (const auto frame = frame_at(at, end)) {
      verify_entry(at, frame->body);
      at = frame->end;
      continue;
    }
    // What is left of a section behind its last series is padding of the next.
    if (end - at < kSeriesAlignment && !first_nonzero(index_.subspan(at, end - at))) break;
    const std::uint64_t next = find_series(at, end);
    broken(at, fmt::format("no length and checksum that fit; {} bytes are passed over", next - at));
    all_readable_ = false;
    at = next;
  }
  v_.totals.series += tally_.refs.size();
  v_.totals.chunks += tally_.chunks;
}

std::optional<IndexVerifier::Frame> IndexVerifier::frame_at(std::uint64_t offset,
                                                            std::uint64_t section_end) const {
  ByteReader in(index_.subspan(offset, section_end - offset));
  const std::uint64_t length = in.uvarint();
  if (length == 0) return std::nullopt;
  const io::Bytes body = in.bytes(length);
  const std::uint32_t checksum = in.be32();
  if (!in.ok() || io::crc32c(body) != checksum) return std::nullopt;
  return Frame{body, section_end - in.left()};
}

/// The next place behind a bad series where one begins; the section's end if there is none.
std::uint64_t IndexVerifier::find_series(std::uint64_t from, std::uint64_t section_end) {
  const std::uint64_t step = version_ > 1 ? kSeriesAlignment : 1;
  for (std::uint64_t at = from + step; at < section_end; at += step) {
    const std::uint64_t length = ByteReader(index_.subspan(at, section_end - at)).uvarint();
    if (length > section_end - at) continue;
    if (length > search_left_) return section_end;
    search_left_ -= length;
    if (frame_at(at, section_end)) return at;
  }
  return section_end;
}

void IndexVerifier::verify_entry(std::uint64_t offset, io::Bytes body) {
  const auto ref = static_cast<std::uint32_t>(version_ > 1 ? offset / kSeriesAlignment : offset);
  ByteReader in(body);
  labels_.clear();
  labels_known_ = true;
  if (!read_labels(offset, in) || !read_chunks(offset, in)) {
    all_readable_ = false;
    return;
  }
  if (in.left() > 0) broken(offset, fmt::format("{} bytes behind its last chunk", in.left()));
  tally_.refs.push_back(ref);
  all_readable_ = all_readable_ && labels_known_;
  if (!labels_known_) return;
  if (!last_labels_.empty() && !ascends()) broken(offset, "its labels are not behind those before it");
  postings_.add_series(ref, labels_);
  last_labels_.swap(labels_);
}

bool IndexVerifier::read_labels(std::uint64_t offset, ByteReader& in) {
  const std::uint64_t count = in.uvarint();
  if (in.ok() && count == 0) broken(offset, "it has no labels");
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto name = symbols_.position(in.uvarint());
    const auto value = symbols_.position(in.uvarint());
    if (!in.ok()) {
      broken(offset, "it ends inside its labels");
      return false;
    }
    if (!name || !value) {
      if (symbols_.end() > 0) broken(offset, fmt::format("label {} is no symbol", i));
      labels_known_ = false;
      continue;
    }
    if (symbols_.text(*value).empty()) broken(offset, fmt::format("label {} has no value", i));
    if (!labels_.empty() && symbols_.text(labels_.back().first) >= symbols_.text(*name)) {
      broken(offset, fmt::format("label {} is not behind the one before it", i));
    }
    labels_.emplace_back(*name, *value);
  }
  return true;
}

bool IndexVerifier::read_chunks(std::uint64_t offset, ByteReader& in) {
  const std::uint64_t count = in.uvarint();
  if (in.ok() && count == 0) broken(offset, "it has no chunks");
  const auto plus = [](std::int64_t t, std::uint64_t delta) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(t) + delta);
  };
  ChunkMeta chunk;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::int64_t last_maxt = chunk.maxt;
    chunk.mint = i == 0 ? in.varint() : plus(chunk.maxt, in.uvarint());
    chunk.maxt = plus(chunk.mint, in.uvarint());
    chunk.ref = i == 0 ? in.uvarint() : chunk.ref + static_cast<std::uint64_t>(in.varint());
    if (!in.ok()) {
      broken(offset, fmt::format("it ends inside chunk {}", i));
      return false;
    }
    if (chunk.maxt < chunk.mint) broken(offset, fmt::format("chunk {} ends before it begins", i));
    if (i > 0 && chunk.mint <= last_maxt) {
      broken(offset, fmt::format("chunk {} begins before the end of the one before it", i));
    }
    ++tally_.chunks;
    on_chunk_(offset, chunk);
  }
  return true;
}

bool IndexVerifier::ascends() const {
  if (symbols_.ascending()) return last_labels_ < labels_;
  const auto text = [this](const SymbolPair& p) {
    return std::pair(symbols_.text(p.first), symbols_.text(p.second));
  };
  return std::ranges::lexicographical_compare(last_labels_, labels_, {}, text, text);
}

/// Written by Prometheus up to 2.x, and read by nobody any more.
void IndexVerifier::verify_label_indices() {
  constexpr std::size_t kLengthBytes = 4;
  const auto aligned = [](std::uint64_t at) {
    return (at + kPostingsAlignment - 1) / kPostingsAlignment * kPostingsAlignment;
  };
  std::uint64_t at = toc_.label_indices >= toc_.series ? aligned(toc_.label_indices) : toc_.postings;
  while (at + kPostingsAlignment <= toc_.postings) {
    const auto content = checked_section(index_, at, "label index");
    if (!content) {
      v_.damage(path_, at, content.error().text);
      break;
    }
    at = aligned(at + kLengthBytes + content->size() + kIndexChecksumBytes);
  }
  if (toc_.label_indices_table < toc_.postings || toc_.label_indices_table >= toc_.postings_table) return;
  const auto content = checked_section(index_, toc_.label_indices_table, "label index table");
  if (!content) v_.damage(path_, toc_.label_indices_table, content.error().text);
}

}  // namespace

IndexTally verify_index(Verification& v, const std::string& path, const OnChunk& on_chunk) {
  const auto mapping = v.map(path);
  if (!mapping) return {};
  return IndexVerifier(v, path, mapping->bytes(), on_chunk).run();
}

}  // namespace narthex::tsdb
